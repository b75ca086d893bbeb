// The colours of a chart, read from the style sheet so that light and dark stay in one place.
export interface Ink { series: string[], text: string, quiet: string, line: string, surface: string, good: string, bad: string, band: string, font: string, still: boolean }

export function ink(): Ink {
  const style = getComputedStyle(document.documentElement)
  const get = (name: string) => style.getPropertyValue(name).trim()
  return {
    series: [1, 2, 3, 4, 5, 6].map(n => get(`--chart-${n}`)),
    text: get('--ink'), quiet: get('--ink-3'), line: get('--line'), surface: get('--surface'),
    good: get('--chart-good'), bad: get('--chart-bad'), band: get('--chart-band'), font: get('--font'),
    still: matchMedia('(prefers-reduced-motion: reduce)').matches,
  }
}

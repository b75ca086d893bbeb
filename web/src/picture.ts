// From the page's small neutral description of numbers to ECharts' options.
import type { Ink } from './ink'

/** What the server writes. `text` holds the values as the viewer reads them (¥128.5万, 42%); it is shown wherever a value is. */
export interface Picture {
  categories: string[]
  series: Series[]
  unit?: string                     // "¥万", "deals": stands above the value axis
  horizontal?: boolean
  intervals?: ([number, number] | null)[]   // of the first series: a band (line) or whiskers (bar)
  totals?: number[]                 // waterfall: which steps are absolute; all others are changes
  intervalName?: string
  axis?: { at: number, text: string }[]     // how to write axis values, e.g. 10000 → "1万"; without it, plain numbers
}
interface Series { name: string, values: (number | null)[], text?: string[], hrefs?: (string | null)[], dashed?: boolean, stack?: string, colour?: 'good' | 'bad' | 'quiet' }
type Options = Record<string, unknown>

/** The canvas, in pixels. */
export interface Room { width: number, height: number }

export function options(kind: string, picture: Picture, ink: Ink, room: Room): Options {
  const narrow = room.width < 480
  const named = picture.series.filter(series => series.name)
  const base: Options = {
    animation: !ink.still, animationDuration: 350, color: ink.series,
    textStyle: { fontFamily: ink.font, color: ink.text, fontSize: 12 },
    tooltip: {
      renderMode: 'richText',          // the default, HTML with style attributes, breaks the content security policy
      trigger: kind === 'line' ? 'axis' : 'item', confine: true, transitionDuration: 0,
      backgroundColor: ink.surface, borderColor: ink.line, borderWidth: 1, padding: [8, 10], textStyle: { color: ink.text, fontSize: 12.5, fontFamily: ink.font },
      axisPointer: { type: 'line', lineStyle: { color: ink.quiet, type: 'dashed' } },
      formatter: (at: unknown) => tip(kind, picture, at),
    },
    legend: named.length > 1 && kind !== 'funnel' && kind !== 'waterfall'
      ? { top: 0, left: 0, type: narrow ? 'scroll' : 'plain', itemWidth: 10, itemHeight: 10, itemGap: 14, icon: 'roundRect', textStyle: { color: ink.quiet, fontSize: 12 }, data: named.map(s => s.name), selectedMode: false }
      : undefined,
  }
  if (kind === 'funnel') return { ...base, ...funnel(picture, ink, narrow) }
  return { ...base, ...axes(kind, picture, ink, room, Boolean(base.legend)), series: kind === 'waterfall' ? waterfall(picture, ink, narrow) : plain(kind, picture, ink, room) }
}

const write = (series: Series | undefined, i: number) => series?.text?.[i] ?? (series?.values[i] == null ? '' : String(series.values[i]))

function tip(kind: string, picture: Picture, at: unknown): string {
  const first = (Array.isArray(at) ? at[0] : at) as { dataIndex: number, seriesIndex: number } | undefined
  if (!first) return ''
  const i = first.dataIndex
  const head = picture.categories[i] ?? ''
  const shown = kind === 'line' ? picture.series : [picture.series[kind === 'funnel' || kind === 'waterfall' ? 0 : first.seriesIndex] ?? picture.series[0]]
  const lines = shown.filter(series => series && write(series, i)).map(series => (series!.name ? series!.name + '  ' : '') + write(series, i))
  return [head, ...lines].join('\n')
}

/** Whether bars say their values: one series. Bars that lie say all of them, unless they are too many. */
const saysValues = (kind: string, picture: Picture, narrow: boolean) =>
  kind === 'bar' && picture.series.length === 1 && !picture.series[0]!.stack && (!picture.horizontal || picture.categories.length <= (narrow ? 6 : 12))

/** About how wide a text is at 12 px: a Chinese character is a square, a digit a good half of it. */
const widthOf = (text: string) => [...text].reduce((sum, sign) => sum + (sign > '\u2e7f' ? 12.5 : 7.6), 0)

/** Which upright bars have room for their value above them, the tallest first: not over another value, the bar beside it, or the edge. */
function fitting(picture: Picture, room: Room): Set<number> {
  const series = picture.series[0]!
  const values = series.values.map(value => value ?? 0)
  const step = (room.width - 62) / values.length, height = room.height - 76
  const top = Math.max(...values, 0) || 1
  const rise = (i: number) => Math.max(values[i]!, 0) / top * height
  const half = (i: number) => widthOf(write(series, i)) / 2
  const fits = new Set<number>()
  for (const i of values.map((_, i) => i).sort((a, b) => values[b]! - values[a]!)) {
    const isClear = [...fits].every(j => Math.abs(i - j) * step > half(i) + half(j) + 4 || Math.abs(rise(i) - rise(j)) > 17)
    const isBeside = [i - 1, i + 1].every(j => !(j in values) || rise(j) < rise(i) + 2 || half(i) < step * .69 - 2)
    const isWhole = half(i) < (values.length - i - .5) * step + 10
    if (isClear && isBeside && isWhole) fits.add(i)
  }
  return fits
}

function axes(kind: string, picture: Picture, ink: Ink, room: Room, hasLegend: boolean): Options {
  const narrow = room.width < 480
  // Left to itself, the axis drops every other name long before there is no room for it.
  const step = (room.width - 62) / picture.categories.length
  const fits = picture.categories.every(name => widthOf(name) < step)
  const flat = picture.horizontal === true && kind !== 'line' && kind !== 'waterfall'
  const words = {
    type: 'category', data: picture.categories, inverse: flat, boundaryGap: kind !== 'line',
    axisLine: { lineStyle: { color: ink.line } }, axisTick: { show: false },
    axisLabel: { color: ink.quiet, fontSize: 12, hideOverlap: !flat, ...(flat ? { width: narrow ? 84 : 150, overflow: 'truncate' } : { interval: fits ? 0 : narrow ? 'auto' : undefined, rotate: narrow && picture.categories.length > 6 ? 35 : 0 }) },
  }
  const numbers = {
    type: 'value', name: picture.unit ?? '', nameTextStyle: { color: ink.quiet, align: flat ? 'right' : 'left', fontSize: 12 }, nameLocation: 'end', splitNumber: narrow ? 3 : 4,
    axisLabel: { color: ink.quiet, fontSize: 12, formatter: (value: number) => axisText(picture, value), hideOverlap: true }, splitLine: { lineStyle: { color: ink.line } }, axisLine: { show: false },
  }
  // What is written behind a bar needs room there, also behind the longest.
  const behind = flat && saysValues(kind, picture, narrow) && !picture.intervals
  const right = behind ? 12 + 6.6 * Math.max(...picture.categories.map((_, i) => write(picture.series[0]!, i).length)) : 12
  return {
    grid: { left: 4, right, top: (hasLegend ? 34 : 12) + (picture.unit && !flat ? 22 : 0), bottom: flat && picture.unit ? 4 : 4, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    xAxis: flat ? { ...numbers, name: '' } : words,
    yAxis: flat ? words : { ...numbers, boundaryGap: kind === 'waterfall' ? [0, '12%'] : undefined },
  }
}

/** Axis values are round; the server can say how each power is written (万, 亿, K, M). */
function axisText(picture: Picture, value: number): string {
  const step = [...picture.axis ?? []].sort((a, b) => b.at - a.at).find(one => Math.abs(value) >= one.at)
  const written = (number: number, places: number) => number.toLocaleString('en-US', { maximumFractionDigits: places })
  return step ? written(value / step.at, 2) + step.text : written(value, 6)
}

const tint = (series: Series, ink: Ink) => series.colour === 'good' ? ink.good : series.colour === 'bad' ? ink.bad : series.colour === 'quiet' ? ink.series[5] : undefined

function plain(kind: string, picture: Picture, ink: Ink, room: Room): Options[] {
  const says = saysValues(kind, picture, room.width < 480)
  const fits = says && !picture.horizontal && !picture.intervals ? fitting(picture, room) : undefined
  let next = 0
  const out = picture.series.map((series): Options => {
    const colour = tint(series, ink) ?? ink.series[next++ % 5]
    if (kind === 'line') return {
      type: 'line', name: series.name, data: series.values, symbol: 'circle', symbolSize: 6, showSymbol: picture.categories.length < 16, smooth: false, z: 3,
      lineStyle: { width: 2, type: series.dashed ? 'dashed' : 'solid', color: colour }, itemStyle: { color: colour },
    }
    const stacked = kind === 'stacked' ? series.stack ?? 'all' : series.stack
    return {
      type: 'bar', name: series.name, stack: stacked, barMaxWidth: 34, barCategoryGap: '38%', cursor: series.hrefs ? 'pointer' : 'default',
      data: series.values, emphasis: { focus: 'none' },
      itemStyle: { color: colour, borderRadius: stacked ? 0 : picture.horizontal ? [0, 3, 3, 0] : [3, 3, 0, 0], ...(series.dashed ? { color: 'transparent', borderColor: colour, borderWidth: 1.5, borderType: 'dashed' } : {}) },
      labelLayout: { hideOverlap: true },
      label: { show: says, position: picture.intervals ? (picture.horizontal ? 'insideLeft' : 'insideBottom') : picture.horizontal ? 'right' : 'top', color: picture.intervals ? ink.surface : ink.quiet, fontSize: 12, formatter: ({ dataIndex }: { dataIndex: number }) => fits && !fits.has(dataIndex) ? '' : write(series, dataIndex) },
    }
  })
  if (picture.intervals) out.push(...(kind === 'line' ? band(picture, ink) : whiskers(picture, ink)))
  return out
}

/** Two stacked lines: the lower edge unseen, the width of the interval filled. */
function band(picture: Picture, ink: Ink): Options[] {
  const edge = { type: 'line', stack: 'interval', symbol: 'none', silent: true, lineStyle: { opacity: 0 }, z: 1 }
  return [
    { ...edge, name: '', data: picture.intervals!.map(pair => pair?.[0] ?? null) },
    { ...edge, name: '', data: picture.intervals!.map(pair => pair ? pair[1] - pair[0] : null), areaStyle: { color: ink.band } },
  ]
}

interface Api { coord(point: number[]): number[], value(i: number): number }
function whiskers(picture: Picture, ink: Ink): Options[] {
  const flat = picture.horizontal === true
  return [{
    type: 'custom', name: '', silent: true, z: 10, data: picture.intervals!.map((pair, i) => pair ? [i, ...pair] : [i, NaN, NaN]),
    encode: flat ? { y: 0, x: [1, 2] } : { x: 0, y: [1, 2] },
    renderItem(_: unknown, api: Api) {
      const ends = [1, 2].map(n => api.coord(flat ? [api.value(n), api.value(0)] : [api.value(0), api.value(n)])) as [[number, number], [number, number]]
      if (ends.flat().some(Number.isNaN)) return undefined
      const line = (x1: number, y1: number, x2: number, y2: number) => ({ type: 'line', shape: { x1, y1, x2, y2 }, style: { stroke: ink.text, lineWidth: 1.25 } })
      const [[ax, ay], [bx, by]] = ends
      const cap = 5
      return { type: 'group', children: flat
        ? [line(ax, ay, bx, by), line(ax, ay - cap, ax, ay + cap), line(bx, by - cap, bx, by + cap)]
        : [line(ax, ay, bx, by), line(ax - cap, ay, ax + cap, ay), line(bx - cap, by, bx + cap, by)] }
    },
  }]
}

/** `part` of one #rrggbb colour over another. */
function mix(over: string, under: string, part: number): string {
  const channels = (colour: string) => [1, 3, 5].map(i => parseInt(colour.slice(i, i + 2), 16))
  const [a, b] = [channels(over), channels(under)]
  return '#' + a.map((value, i) => Math.round(value * part + b[i]! * (1 - part)).toString(16).padStart(2, '0')).join('')
}

/** Each step floats on an unseen base; a step that crosses zero is drawn as two bars, one on each side. */
function waterfall(picture: Picture, ink: Ink, narrow: boolean): Options[] {
  const series = picture.series[0]!
  const totals = new Set(picture.totals ?? [0, series.values.length - 1])
  let level = 0
  const rows = series.values.map((value, i) => {
    const from = totals.has(i) ? 0 : level
    level = totals.has(i) ? value ?? 0 : level + (value ?? 0)
    return { from, to: level, colour: totals.has(i) ? ink.series[0]! : (value ?? 0) >= 0 ? ink.good : ink.bad }
  })
  return [{
    type: 'custom', name: series.name, data: rows.map((row, i) => [i, row.from, row.to]), encode: { x: 0, y: [1, 2] }, cursor: series.hrefs ? 'pointer' : 'default',
    renderItem(_: unknown, api: Api & { size(v: number[]): number[] }) {
      const i = api.value(0)
      const [x = 0, y1 = 0] = api.coord([i, api.value(1)])
      const [, y2 = 0] = api.coord([i, api.value(2)])
      const step = api.size([1, 0])[0] ?? 40
      const width = Math.min(step * .62, 46)
      const top = Math.min(y1, y2)
      const row = rows[i]!
      return { type: 'group', children: [
        { type: 'rect', shape: { x: x - width / 2, y: top, width, height: Math.max(Math.abs(y2 - y1), 1), r: 2 }, style: { fill: row.colour } },
        ...(i < rows.length - 1 ? [{ type: 'line', silent: true, shape: { x1: x + width / 2, y1: y2, x2: x + step - width / 2, y2 }, style: { stroke: ink.quiet, lineWidth: 1, lineDash: [2, 3] } }] : []),
        ...(narrow && rows.length > 6 ? [] : [{ type: 'text', silent: true, style: { text: write(series, i), x, y: top - 5, align: 'center', verticalAlign: 'bottom', fill: ink.quiet, font: `12px ${ink.font}` } }]),
      ] }
    },
  }]
}

function funnel(picture: Picture, ink: Ink, narrow: boolean): Options {
  const series = picture.series[0]!
  return { series: [{
    type: 'funnel', left: narrow ? 0 : '4%', right: narrow ? '44%' : '40%', top: 6, bottom: 6, sort: 'none', gap: 3, minSize: '8%', funnelAlign: 'center', cursor: series.hrefs ? 'pointer' : 'default',
    data: picture.categories.map((name, i) => ({ name, value: series.values[i] ?? 0, itemStyle: { color: mix(ink.series[0]!, ink.surface, 1 - i * .13), borderWidth: 0 } })),
    label: { position: 'right', color: ink.text, fontSize: 12.5, formatter: ({ dataIndex, name }: { dataIndex: number, name: string }) => `${name}  ${write(series, dataIndex)}` },
    labelLine: { length: narrow ? 8 : 18, lineStyle: { color: ink.line } },
  }] }
}

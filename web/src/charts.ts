// Charts, only on pages that have one. The page says what the numbers are; how they look is decided here.
//   <figure data-chart="bar|line|stacked|funnel|waterfall" aria-label="…">
//     <div class="chart-canvas" role="img"></div>
//     <script type="application/json">{ … Picture … }</script>
import { BarChart, CustomChart, FunnelChart, LineChart } from 'echarts/charts'
import { GridComponent, LegendComponent, TooltipComponent } from 'echarts/components'
import { init, use, type ECharts } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import { options, type Picture } from './picture'
import { ink } from './ink'

use([BarChart, LineChart, FunnelChart, CustomChart, GridComponent, LegendComponent, TooltipComponent, SVGRenderer])

const drawn = new Map<HTMLElement, { chart: ECharts, watch: ResizeObserver }>()

function draw(figure: HTMLElement) {
  const canvas = figure.querySelector<HTMLElement>('.chart-canvas')
  const source = figure.querySelector('script[type="application/json"]')
  if (!canvas || !source?.textContent) return
  const kind = figure.dataset.chart ?? 'bar'
  const picture = JSON.parse(source.textContent) as Picture
  if (!canvas.hasAttribute('aria-label')) canvas.setAttribute('aria-label', figure.getAttribute('aria-label') ?? '')

  const held = drawn.get(figure)
  const chart = held?.chart ?? init(canvas, null, { renderer: 'svg', locale: 'EN' })
  const { clientWidth: width, clientHeight: height } = canvas, colours = ink()
  chart.setOption(options(kind, picture, { ...colours, still: colours.still || Boolean(held) }, { width, height }), true)
  if (held) return

  chart.on('click', ({ seriesIndex, dataIndex }) => {
    const href = picture.series[seriesIndex ?? 0]?.hrefs?.[dataIndex]
    if (href) location.assign(href)
  })
  const hasLinks = picture.series.some(series => series.hrefs?.some(Boolean))
  if (!hasLinks) chart.getZr().on('mousemove', () => chart.getZr().setCursorStyle('default'))
  let wasWide = width
  const watch = new ResizeObserver(() => {
    if (!figure.isConnected) return forget(figure)
    chart.resize()
    // What is written into the picture depends on the room that there is.
    if (canvas.clientWidth !== wasWide) { wasWide = canvas.clientWidth; draw(figure) }
  })
  watch.observe(canvas)
  drawn.set(figure, { chart, watch })
}

function forget(figure: HTMLElement) {
  const held = drawn.get(figure)
  held?.watch.disconnect()
  held?.chart.dispose()
  drawn.delete(figure)
}

function drawAll(root: ParentNode = document) {
  for (const figure of drawn.keys()) if (!figure.isConnected) forget(figure)
  root.querySelectorAll<HTMLElement>('figure[data-chart]').forEach(draw)
}

drawAll()
document.addEventListener('htmx:load', event => { if (event.target instanceof HTMLElement && event.target !== document.body) drawAll(event.target) })
new MutationObserver(() => drawAll()).observe(document.documentElement, { attributes: true, attributeFilter: ['data-bs-theme'] })

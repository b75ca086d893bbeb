// Builds web/dist: hashed, pre-compressed files and manifest.json (logical name → hashed name).
// The same input gives the same bytes: no dates, no absolute paths, sorted icons.
import { build } from 'esbuild'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, watch, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import postcss from 'postcss'

const here = dirname(fileURLToPath(import.meta.url))
const dist = join(here, 'dist')
const read = (...path) => readFileSync(join(here, ...path), 'utf8')

// Parts of Tabler that Trivet has its own version of, or never shows. A selector that needs one of these classes is left out.
// The list does not look at the templates on purpose: the style sheet must not change because a template did.
const UNUSED = new RegExp('^(' + [
  'navbar', 'offcanvas', 'modal', 'popover', 'tooltip', 'toast', 'carousel', 'accordion', 'ribbon', 'sparkline', 'otp', 'signature', 'mention',
  'chat', 'strength', 'calendar', 'datepicker', 'litepicker', 'flatpickr', 'plyr', 'dropzone', 'jvm', 'apexcharts', 'fc', 'ts', 'tox', 'noUi', 'iti', 'fslightbox', 'hugerte',
  'legend', 'steps', 'step', 'timeline', 'markdown', 'ratio', 'signal', 'sortable', 'sidebar', 'layout', 'theme', 'bg-gradient', 'bg-pattern', 'nav-segmented', 'settings', 'star-rating', 'clr', 'coloris',
  'chip', 'tracking', 'switch-icon', 'social', 'payment', 'flag', 'img', 'dropdown', 'dropend', 'dropup', 'dropstart', 'pagination', 'form-imagecheck', 'form-colorinput', 'form-selectgroup', 'form-floating',
  'divide', 'offset', 'float', 'columns', 'column', 'order', 'object', 'hr', 'link', 'status', 'empty', 'page', 'tag', 'spinner', 'placeholder', 'progressbg', 'grid', 'hover', 'tab',
  'space', 'datagrid', 'collapse', 'collapsing', 'icon', 'loader', 'antialiased', 'subheader', 'user-select', 'pe', 'bg-opacity', 'border-opacity', 'link-opacity', 'text-bg', 'tracking', 'chart', 'map', 'vr', 'stretched', 'avatar', 'card', 'list-group', 'table-(?!responsive)[a-z]+', 'prose', 'callout', 'blockquote', 'figure',
  'gx', 'gy', 'row-cols', 'align-content', 'accent', 'focus-ring', 'form-range', 'input-icon', 'btn-(?!sm|primary|danger|group|check)[a-z]+', 'animated', 'nav-(?!link|item)[a-z]+',
].join('|') + ')(-|$)')
const BRANDS = /^(btn|bg|text|border|link|badge|avatar|card|form|alert|status)-(x|facebook|twitter|linkedin|google|youtube|vimeo|dribbble|github|instagram|pinterest|vk|rss|flickr|bitbucket|tabler|cyan|lime|teal|pink|purple|indigo|azure|orange|yellow|blue|green|red|black|outline-cyan|outline-.*)(-|$)/
const KEPT = new Set(['btn-outline-primary', 'text-nowrap'])

/** Tabler without the components named above. */
function tabler() {
  const root = postcss.parse(read('node_modules/@tabler/core/dist/css/tabler.min.css'))
  const dropped = selector => {
    if (/data-vc/.test(selector)) return true
    const needed = selector.replace(/:not\([^)]*\)/g, '').match(/\.[a-zA-Z][\w-]*/g) ?? []
    return needed.some(c => !KEPT.has(c.slice(1)) && (UNUSED.test(c.slice(1)) || BRANDS.test(c.slice(1))))
  }
  root.walkRules(rule => {
    if (rule.parent.type === 'atrule' && /keyframes/.test(rule.parent.name)) return
    const kept = rule.selectors.filter(s => !dropped(s))
    if (kept.length === 0) rule.remove()
    else if (kept.length < rule.selectors.length) rule.selectors = kept
  })
  root.walkAtRules(rule => { if (rule.nodes && rule.nodes.length === 0) rule.remove() })
  // Custom properties that nothing reads any more, until none is left.
  const ours = readdirSync(join(here, 'src/css')).map(file => read('src/css', file)).join('')
  for (let removed = 1; removed > 0;) {
    removed = 0
    const used = new Set((root.toString() + ours).match(/var\(\s*--[\w-]+/g).map(use => use.replace(/var\(\s*/, '')))
    root.walkDecls(/^--/, declaration => { if (!used.has(declaration.prop)) { declaration.remove(); removed += 1 } })
  }
  root.walkRules(rule => { if (rule.nodes.length === 0) rule.remove() })
  root.walkComments(comment => { if (!comment.text.startsWith('!')) comment.remove() })
  return root.toString()
}

/** One SVG with a <symbol id="i-NAME"> per line of icons.json. */
function sprite() {
  const symbols = JSON.parse(read('icons.json')).sort().map(name => {
    const svg = read('node_modules/@tabler/icons/icons/outline', name + '.svg')
    const body = svg.slice(svg.indexOf('>', svg.indexOf('<svg')) + 1, svg.lastIndexOf('</svg>')).replace(/\s*\n\s*/g, '')
    return `<symbol id="i-${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-linecap="round" stroke-linejoin="round">${body}</symbol>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join('')}</svg>`
}

const bundle = async entry => {
  const result = await build({
    entryPoints: [join(here, 'src', entry)], bundle: true, minify: true, write: false, legalComments: 'none', absWorkingDir: here,
    format: 'iife', target: ['chrome109', 'firefox115', 'safari16'], logLevel: 'warning',
    plugins: [{ name: 'tabler', setup(b) {
      b.onResolve({ filter: /^tabler$/ }, () => ({ path: 'tabler', namespace: 'tabler' }))
      b.onLoad({ filter: /.*/, namespace: 'tabler' }, () => ({ contents: tabler(), loader: 'css' }))
    } }],
  })
  return Buffer.from(result.outputFiles[0].contents)
}

const squeeze = { br: promisify(brotliCompress), gz: promisify(gzip) }

async function main() {
  const started = performance.now()
  const [core, charts, style] = await Promise.all([bundle('core.ts'), bundle('charts.ts'), bundle('app.css')])
  const files = { 'core.js': core, 'charts.js': charts, 'app.css': style, 'icons.svg': Buffer.from(sprite()) }
  mkdirSync(dist, { recursive: true })
  const manifest = {}, wanted = new Set(['manifest.json']), sizes = []
  await Promise.all(Object.entries(files).map(async ([name, bytes]) => {
    const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 12)
    const hashed = name.replace('.', `.${hash}.`)
    manifest[name] = hashed
    for (const suffix of ['', '.br', '.gz']) wanted.add(hashed + suffix)
    if (['', '.br', '.gz'].every(suffix => existsSync(join(dist, hashed + suffix)))) return
    const [br, gz] = await Promise.all([
      squeeze.br(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
      squeeze.gz(bytes, { level: 9 }),
    ])
    writeFileSync(join(dist, hashed), bytes)
    writeFileSync(join(dist, hashed + '.br'), br)
    writeFileSync(join(dist, hashed + '.gz'), gz)
    sizes.push(`${hashed}  ${kb(bytes)} KB, gz ${kb(gz)}, br ${kb(br)}`)
  }))
  for (const old of readdirSync(dist)) if (!wanted.has(old)) rmSync(join(dist, old))
  const sorted = Object.fromEntries(Object.entries(manifest).sort())
  writeFileSync(join(dist, 'manifest.json'), JSON.stringify(sorted, null, 2) + '\n')
  console.log([...sizes.sort(), `web/dist is up to date (${Math.round(performance.now() - started)} ms)`].join('\n'))
}
const kb = bytes => (bytes.length / 1024).toFixed(1)

await main()
if (process.argv.includes('--watch')) {
  let timer
  watch(join(here, 'src'), { recursive: true }, () => { clearTimeout(timer); timer = setTimeout(() => main().catch(e => console.error(e.message)), 80) })
}

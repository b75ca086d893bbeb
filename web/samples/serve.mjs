// A small server for the sample pages, under the product's content security policy, with answers that behave like the product's.
//   node samples/serve.mjs [port]      /accounts?lang=zh-CN&theme=dark
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const web = join(dirname(fileURLToPath(import.meta.url)), '..')
globalThis.assets = JSON.parse(readFileSync(join(web, 'dist/manifest.json'), 'utf8'))
const { list } = await import('./pages/list.mjs')
const { board, boardBody, card, columnHead } = await import('./pages/board.mjs')
const { record } = await import('./pages/record.mjs')
const { dialog, form } = await import('./pages/form.mjs')
const { empty, signIn } = await import('./pages/plain.mjs')
const { home } = await import('./pages/home.mjs')
const { analysis } = await import('./pages/analysis.mjs')
const { accounts, deals, stages } = await import('./data.mjs')
const { icon } = await import('./frame.mjs')

const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
const types = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' }
const pages = { '/': home, '/accounts': list, '/board': board, '/opportunities/1': record, '/opportunities/new': form, '/sign-in': signIn, '/analysis': analysis, '/leads': empty }
// Header values are ASCII: JSON with \u escapes.
const trigger = events => ({ 'HX-Trigger': JSON.stringify(events).replace(/[\u007f-\uffff]/g, c => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0')) })

const filterInput = (t, field) => `<div class="field" data-of="${field}"><label for="filter-value">${t('Value', '值')}</label><input class="form-control" id="filter-value" name="value"></div>`

function answer(request, body, reply) {
  const url = new URL(request.url, 'http://x')
  const cookie = name => request.headers.cookie?.match(new RegExp(`(?:^|; )${name}=([^;]*)`))?.[1]
  const lang = url.searchParams.get('lang') ?? cookie('locale') ?? 'en'
  const t = (en, zh) => lang === 'zh-CN' ? zh : en
  const ctx = { lang, t, theme: url.searchParams.get('theme') ?? cookie('theme') ?? 'light', mini: cookie('nav') === 'mini' }
  const values = new URLSearchParams(body)
  const path = url.pathname
  const post = request.method === 'POST'
  let m

  if ((m = path.match(/^\/assets\/([\w.]+)$/)) && existsSync(join(web, 'dist', m[1]))) return reply(200, readFileSync(join(web, 'dist', m[1])), { 'content-type': types[m[1].split('.').pop()] })
  if (post && path === '/me/theme') return reply(request.headers['hx-request'] ? 204 : 303, '', { 'set-cookie': `theme=${values.get('theme')}; Path=/`, location: request.headers.referer ?? '/' })
  if (post && path === '/me/locale') return reply(303, '', { 'set-cookie': `locale=${values.get('locale')}; Path=/`, location: request.headers.referer ?? '/' })
  if (post && path === '/sign-in') return reply(303, '', { location: '/' })
  if (path === '/palette') {
    const q = url.searchParams.get('q').toLowerCase()
    const found = accounts.filter(a => (a[0] + a[1]).toLowerCase().includes(q)).slice(0, q ? 6 : 3)
    return reply(200, `<div data-count-text="${found.length + 2} ${t('results', '条结果')}">
      <div role="group" aria-labelledby="pg1"><div class="palette-head" id="pg1" role="presentation">${q ? t('Accounts', '客户') : t('Recent', '最近')}</div>${found.map(a => `<a role="option" href="/accounts/1">${icon('building')}<span class="clip">${t(a[0], a[1])}</span><span class="hint">${t(a[4], a[5])}</span></a>`).join('')}</div>
      <div role="group" aria-labelledby="pg2"><div class="palette-head" id="pg2" role="presentation">${t('Actions', '操作')}</div><a role="option" href="/opportunities/new" data-dialog="/dialog/new">${icon('plus')}${t('New opportunity', '新建商机')}<span class="hint"><kbd>C</kbd></span></a><a role="option" href="/board">${icon('layout-kanban')}${t('Go to the board', '打开看板')}<span class="hint"><kbd>G</kbd> <kbd>O</kbd></span></a></div></div>`)
  }
  if (path === '/pick/account') return reply(200, JSON.stringify(accounts.map((a, i) => ({ value: String(i), text: t(a[0], a[1]), hint: t(a[4], a[5]) })).filter(r => r.text.toLowerCase().includes(url.searchParams.get('q').toLowerCase()))), { 'content-type': 'application/json' })
  if (path === '/dialog/new') return reply(200, dialog(ctx))
  if (path === '/dialog/filter') return reply(200, `<form method="post" action="/filters" hx-post="/filters" hx-target="#dialog"><div class="dialog-head"><h2 id="dialog-title">${t('Filter', '筛选')}</h2><button type="button" class="icon-btn" data-close aria-label="${t('Close', '关闭')}">${icon('x')}</button></div><div class="dialog-body"><div class="field"><label for="filter-field">${t('Field', '字段')}</label><select class="form-select" id="filter-field" name="field" hx-get="/filters/input" hx-target="#filter-inner" hx-trigger="change" hx-swap="innerHTML"><option value="city">${t('City', '城市')}</option><option value="industry">${t('Industry', '行业')}</option></select></div><div id="filter-inner">${filterInput(t, 'city')}</div></div><div class="dialog-foot"><button class="btn btn-primary">${t('Apply', '应用')}</button></div></form>`)
  if (path === '/filters/input') return reply(200, filterInput(t, url.searchParams.get('field')))
  if (path === '/dialog/columns') return reply(200, `<form method="post" action="/views/1/columns" hx-post="/views/1/columns" hx-target="#dialog"><div class="dialog-head"><h2 id="dialog-title">${t('Columns', '列')}</h2><button type="button" class="icon-btn" data-close aria-label="${t('Close', '关闭')}">${icon('x')}</button></div><ul class="rows">${[t('Tier', '等级'), t('Owner', '负责人'), t('City', '城市')].map((c, i) => `<li><label class="check grow"><input class="form-check-input" type="checkbox" name="column" value="${i}" checked> ${c}</label><button class="icon-btn icon-btn-s" name="up" value="${i}" aria-label="${t('Up', '上移')}: ${c}">${icon('arrow-up')}</button><button class="icon-btn icon-btn-s" name="down" value="${i}" aria-label="${t('Down', '下移')}: ${c}">${icon('arrow-down')}</button></li>`).join('')}</ul><div class="dialog-foot"><button class="btn btn-primary">${t('Apply', '应用')}</button></div></form>`)
  if (post && path === '/opportunities') return values.get('name') ? reply(204, '', trigger({ 'close-dialog': true, toast: { text: t('Opportunity created', '商机已创建'), kind: 'success', undo: '/undo/1' } })) : reply(422, dialog(ctx))
  if (post && (m = path.match(/^\/opportunities\/(\w+)\/stage$/))) {
    const deal = deals.find(d => d[0] === m[1]), to = stages.find(s => s[0] === values.get('stage'))
    if (to[0] === 'won' && !values.get('evidence')) return reply(422, `<form method="post" action="${path}" hx-post="${path}" hx-target="#dialog" data-move-form><div class="dialog-head"><h2 id="dialog-title">${t('Won: one thing is missing', '赢单：还缺一项')}</h2><button type="button" class="icon-btn" data-close aria-label="${t('Close', '关闭')}">${icon('x')}</button></div><div class="dialog-body field"><label for="evidence">${t('Contract number', '合同编号')}</label><input class="form-control" id="evidence" name="evidence" autofocus><input type="hidden" name="stage" value="won"></div><div class="dialog-foot"><button class="btn btn-primary">${t('Mark as won', '标记为赢单')}</button></div></form>`)
    const from = stages.find(s => s[0] === deal[1])
    deal[1] = to[0]
    const head = s => columnHead(ctx, s, deals.filter(d => d[1] === s[0]), ' hx-swap-oob="true"')
    const events = { announce: t(`${deal[2]} is now in ${to[1]}`, `${deal[3]}已进入${to[2]}`), toast: { text: t(`Moved to ${to[1]}`, `已移到${to[2]}`), kind: 'success', undo: '/undo/2' } }
    if (values.get('evidence')) return reply(204, '', trigger({ 'close-dialog': true, 'board-refresh': true, ...events }))
    return reply(200, head(from) + head(to) + card(ctx, deal, ' hx-swap-oob="true"'), trigger(values.has('version') && request.headers['hx-target']?.startsWith('card-') ? events : { 'board-refresh': true, ...events }))
  }
  if (post && path.startsWith('/undo')) return reply(204, '', trigger({ toast: { text: t('Undone', '已撤销'), kind: 'info' } }))
  if ((m = path.match(/^\/(\w+)\/(\w+)\/field\/(\w+)$/))) {
    const tag = m[1] === 'accounts' ? 'td' : 'dd'
    if (!post) return reply(200, `<form method="post" action="${path}" hx-post="${path}" hx-target="closest [data-edit]" hx-swap="outerHTML"><input class="form-control form-control-sm" name="value" value="${t('Manufacturing', '智能制造')}" aria-label="${t('Industry', '行业')}"></form>`)
    return reply(200, `<${tag} data-label="${t('Industry', '行业')}" data-edit="${path}" tabindex="0" aria-describedby="can-edit">${values.get('value').replace(/[<&]/g, '')}</${tag}>`)
  }
  if (path === '/fail') return reply(500, 'no')
  if (path === '/gone') return reply(401, '')
  if (post) return reply(204, '', trigger({ toast: { text: t('Saved', '已保存'), kind: 'success' } }))
  const page = pages[path] ?? (path.startsWith('/accounts/') ? record : undefined)
  const chosen = ['lang', 'theme'].filter(name => url.searchParams.has(name)).map(name => `${name === 'lang' ? 'locale' : name}=${url.searchParams.get(name)}; Path=/`)
  return page ? reply(200, page(ctx), chosen.length ? { 'set-cookie': chosen } : {}) : reply(404, 'not found', { 'content-type': 'text/plain' })
}

export const serve = port => new Promise(ready => {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', chunk => { body += chunk })
    request.on('end', () => {
      const reply = (status, text, headers = {}) => { response.writeHead(status, { 'content-security-policy': CSP, 'content-type': 'text/html; charset=utf-8', ...headers }); response.end(status === 204 ? undefined : text) }
      try { answer(request, body, reply) } catch (error) { console.error(error); reply(500, 'error') }
    })
  }).listen(port, '127.0.0.1', () => ready(server))
})
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = await serve(Number(process.argv[2] ?? 4600))
  console.log(`http://127.0.0.1:${server.address().port}/accounts`)
}
void boardBody

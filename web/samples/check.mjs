// Tests the scripts and styles on the sample pages in a real browser, under the product's policy.
//   node samples/check.mjs            closing line: N passed, N failed
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'
import { serve } from './serve.mjs'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const server = await serve(0)
const base = `http://127.0.0.1:${server.address().port}`
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find(existsSync), args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] })
let passed = 0
const failures = []
const only = process.argv[2]       // part of a test's name

async function open(path, { width = 1440, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width, height: width > 500 ? 900 : 844 }, hasTouch: width < 500, ...options })
  const page = await context.newPage()
  page.noise = []
  await page.addInitScript(() => { window.violations = []; document.addEventListener('securitypolicyviolation', e => window.violations.push(`${e.effectiveDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`)) })
  page.on('console', message => { if (message.type() === 'error' && !/status of 4|status of 5|Status Error|ERR_|^htmx:(afterRequest|sendError)/.test(message.text())) page.noise.push(message.text().slice(0, 160)) })
  page.on('pageerror', error => page.noise.push(error.message))
  await page.goto(base + path)
  await page.waitForTimeout(120)
  return page
}
async function test(name, run) {
  if (only && !name.includes(only)) return
  let page
  try {
    await run(async (...args) => (page = await open(...args)))
    const violations = page && !page.isClosed() ? await page.evaluate(() => window.violations ?? []) : []
    if (violations.length) throw new Error('policy: ' + violations.join('; '))
    if (page?.noise.length) throw new Error('console: ' + page.noise.join('; '))
    passed += 1
  } catch (error) { failures.push(`${name}: ${error.message.split('\n').slice(0, 3).join(' ')}`); console.log('FAIL', failures.at(-1)) }
  await page?.context().close()
}
const equal = (got, want, what = '') => { if (JSON.stringify(got) !== JSON.stringify(want)) throw new Error(`${what} got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`) }
const soon = async (page, check, what, ...args) => { for (let i = 0; i < 50; i += 1) { if (await page.evaluate(check, ...args)) return; await page.waitForTimeout(40) } throw new Error('never: ' + what) }

await test('palette: opens by Ctrl-K, arrows, Enter, IME-safe', async go => {
  const page = await go('/accounts')
  await page.keyboard.press('Control+k')
  await page.waitForSelector('#palette [role=option]')
  await page.keyboard.type('hanse')
  await soon(page, () => /3/.test(document.querySelector('[data-palette-count]').textContent), 'count')
  equal(await page.getAttribute('#palette input', 'aria-activedescendant'), 'palette-option-0')
  await page.keyboard.press('ArrowDown')
  equal(await page.locator('#palette [aria-selected=true]').innerText().then(t => t.includes('New opportunity')), true, 'second')
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/accounts/1')
})
await test('palette: slash opens, Esc closes, an action opens the dialog', async go => {
  const page = await go('/accounts')
  await page.keyboard.press('/')
  await page.waitForSelector('#palette[open] [role=option]')
  await page.keyboard.press('Escape')
  equal(await page.locator('#palette[open]').count(), 0)
  await page.keyboard.press('Control+k')
  await page.waitForSelector('#palette [role=option]')
  await page.click('#palette [data-dialog]')
  await page.waitForSelector('#dialog[open] form')
})
await test('dialog: focus in, 422 again, success closes with toast and undo, focus back', async go => {
  const page = await go('/accounts')
  await page.click('.page-actions [data-dialog]')
  await page.waitForSelector('#dialog[open] form')
  equal(await page.evaluate(() => document.activeElement.id), 'd-name')
  await page.evaluate(() => document.querySelector('#dialog form').noValidate = true)
  await page.click('#dialog .btn-primary')
  await page.waitForTimeout(200)
  equal(await page.locator('#dialog[open]').count(), 1, '422 keeps it open')
  await page.fill('#d-name', '新商机')
  await page.click('#dialog .btn-primary')
  await soon(page, () => !document.querySelector('#dialog').open, 'closed')
  await soon(page, () => document.activeElement?.matches('.page-actions [data-dialog]'), 'focus back')
  equal(await page.innerText('.toast-item [data-toast-text]'), 'Opportunity created')
  await page.click('[data-toast-undo]')
  await soon(page, () => [...document.querySelectorAll('[data-toast-text]')].some(t => t.textContent === 'Undone'), 'undo answered')
})
for (const status of [409, 422]) await test(`dialog: a refusal of ${status} without a form leaves what was typed`, async go => {
  const page = await go('/accounts')
  await page.click('.page-actions [data-dialog]')
  await page.waitForSelector('#dialog[open] form')
  await page.fill('#d-name', '新商机')
  const refusal = { status, contentType: 'text/html', body: '', headers: { 'HX-Trigger': JSON.stringify({ toast: { text: 'Changed meanwhile', kind: 'danger' } }) } }
  await page.route('**/opportunities', route => route.fulfill(refusal))
  await page.click('#dialog .btn-primary')
  await soon(page, () => document.querySelector('.toast-item[data-kind=danger] [data-toast-text]')?.textContent === 'Changed meanwhile', 'the toast')
  await page.waitForTimeout(100)
  equal([await page.locator('#dialog[open] form').count(), await page.locator('.toast-item').count()], [1, 1])
  equal(await page.inputValue('#d-name'), '新商机')
})
await test('dialog: Esc closes and gives focus back', async go => {
  const page = await go('/accounts')
  await page.click('.page-actions [data-dialog]')
  await page.waitForSelector('#dialog[open] form')
  await page.keyboard.press('Escape')
  await soon(page, () => !document.querySelector('#dialog').open && document.activeElement?.matches('.page-actions [data-dialog]'), 'focus back')
})
await test('dialog: what was typed is discarded only after a question', async go => {
  const page = await go('/accounts')
  const open = () => page.evaluate(() => ['dialog', 'confirm'].map(id => document.getElementById(id).open))
  await page.click('.page-actions [data-dialog]')
  await page.waitForSelector('#dialog[open] form')
  await page.fill('#d-name', 'Half a name')
  await page.keyboard.press('Escape')
  equal(await open(), [true, true], 'Esc asks')
  equal([await page.innerText('[data-confirm-text]'), await page.innerText('#confirm [data-close]'), await page.innerText('[data-confirm-ok]')], ['Discard what you typed?', 'Keep editing', 'Discard'])
  await page.click('#confirm [data-close]')
  equal(await open(), [true, false], 'kept')
  equal(await page.inputValue('#d-name'), 'Half a name')
  await page.click('#dialog .dialog-head [data-close]')
  equal(await open(), [true, true], 'its × asks too')
  await page.click('[data-confirm-ok]')
  equal(await open(), [false, false], 'discarded')
  await soon(page, () => document.activeElement?.matches('.page-actions [data-dialog]'), 'focus back')
  // What was put back as it stood is nothing to lose, and Cancel is an answer.
  for (const [name, close] of [['', () => page.keyboard.press('Escape')], ['Other', () => page.click('#dialog .dialog-foot [data-close]')]]) {
    await page.click('.page-actions [data-dialog]')
    await page.waitForSelector('#dialog[open] form')
    const was = await page.inputValue('#d-name')
    await page.fill('#d-name', 'Typed')
    await page.fill('#d-name', name || was)
    await close()
    equal(await open(), [false, false], name)
  }
  // Other questions have their own words.
  await page.check('[data-select-all]')
  await page.click('[data-confirm]')
  equal(await page.innerText('[data-confirm-ok]'), 'Continue')
})
await test('keys: C, ?, J, K, X, Enter, G then letter; not while typing', async go => {
  const page = await go('/accounts')
  await page.keyboard.press('?')
  equal(await page.locator('#keys[open]').count(), 1)
  await page.keyboard.press('Escape')
  await page.keyboard.press('j'); await page.keyboard.press('j'); await page.keyboard.press('x')
  equal(await page.evaluate(() => [...document.querySelectorAll('[name=id]')].findIndex(b => b.checked)), 1)
  equal(await page.isVisible('[data-bulk-bar]'), true)
  await page.keyboard.press('k')
  await page.keyboard.press('c')
  await page.waitForSelector('#dialog[open] form')
  await page.keyboard.type('cej?')
  equal(await page.inputValue('#d-name'), 'cej?')
  await page.keyboard.press('Escape')
  await page.click('[data-confirm-ok]')
  await page.keyboard.press('g'); await page.keyboard.press('o')
  await page.waitForURL('**/board')
})
await test('keys: off means off', async go => {
  const page = await go('/accounts')
  await page.evaluate(() => { document.body.dataset.shortcuts = 'off' })
  await page.keyboard.press('?'); await page.keyboard.press('c'); await page.keyboard.press('/')
  await page.waitForTimeout(150)
  equal(await page.locator('dialog[open]').count(), 0)
})
await test('table: select all, all matching, typed confirmation', async go => {
  const page = await go('/accounts')
  await page.check('[data-select-all]')
  equal(await page.innerText('[data-bulk-count]'), '12')
  await page.click('[data-select-matching]')
  equal([await page.innerText('[data-bulk-count]'), await page.inputValue('input[name=all]')], ['248', '1'])
  await page.click('[data-confirm]')
  equal(await page.isDisabled('[data-confirm-ok]'), true)
  await page.fill('#confirm-word', 'TRASH')
  const [request] = await Promise.all([page.waitForRequest('**/bulk/trash'), page.click('[data-confirm-ok]')])
  equal(request.postData().includes('all=1'), true)
})
await test('table: a cell is edited in place; Esc restores, Enter saves, focus stays', async go => {
  const page = await go('/accounts')
  const cell = page.locator('[data-edit]').first()
  await cell.focus()
  await page.keyboard.press('F2')
  await page.waitForSelector('[data-edit] form input')
  await page.keyboard.press('Escape')
  equal(await cell.innerText(), 'Manufacturing')
  equal(await page.evaluate(() => document.activeElement.matches('td[data-edit]')), true, 'focus after Esc')
  await page.keyboard.press('Enter')
  await page.waitForSelector('[data-edit] form input')
  await page.keyboard.type('Machines')
  await page.keyboard.press('Enter')
  await soon(page, () => document.querySelector('[data-edit]').textContent === 'Machines', 'saved')
  await soon(page, () => document.activeElement.matches('td[data-edit]'), 'focus after save')
})
await test('table: one pencil goes to the cell under the mouse, and opens it by one click', async go => {
  const page = await go('/accounts')
  const cells = page.locator('[data-edit]')
  const height = await page.evaluate(() => document.querySelector('[data-row]').offsetHeight)
  for (const n of [1, 0]) {
    await cells.nth(n).hover()
    equal([await page.locator('.edit-pencil').count(), await cells.nth(n).locator('.edit-pencil').count()], [1, 1], 'where the mouse is')
  }
  equal(await page.getAttribute('.edit-pencil', 'aria-label'), 'Edit: Industry')
  equal(await page.evaluate(() => document.querySelector('[data-row]').offsetHeight), height, 'the height of the row')
  await page.click('.edit-pencil')
  await page.waitForSelector('[data-edit] form input')
  equal(await page.locator('.edit-pencil').count(), 0, 'none beside the field')
  await page.keyboard.press('Escape')
  equal(await cells.first().innerText(), 'Manufacturing')
  await page.hover('h1')
  equal(await cells.first().locator('.edit-pencil').count(), 1, 'where the focus is')
  await page.evaluate(() => document.activeElement.blur())
  await soon(page, () => !document.querySelector('.edit-pencil'), 'gone with the focus')
})
await test('record: a touch on a value opens it', async go => {
  const page = await go('/opportunities/1', { width: 390 })
  const cell = page.locator('.props [data-edit]:not(:has(a))').first()
  await cell.scrollIntoViewIfNeeded()
  await cell.tap({ position: { x: 10, y: 10 } })
  await page.waitForSelector('.props [data-edit] form input')
})
await test('picker: remote search, keyboard, clear', async go => {
  const page = await go('/opportunities/new')
  await page.click('.ts-control')
  await page.waitForSelector('.ts-dropdown .option')
  await page.keyboard.type('hanse')
  await soon(page, () => document.querySelectorAll('.ts-dropdown .option').length === 1 && document.querySelector('.ts-dropdown .option.active')?.textContent.startsWith('Hanse'), 'one found')
  await page.keyboard.press('Enter')
  equal(await page.inputValue('#account'), '2')
  await page.click('.clear-button')
  equal(await page.inputValue('#account'), '')
})
await test('board: dragging moves, totals follow, toast, live region', async go => {
  const page = await go('/board')
  const before = await page.innerText('#head-discover .count')
  await page.dragAndDrop('#card-d1', '[data-stage=discover] [data-cards]', { targetPosition: { x: 100, y: 20 } })
  await soon(page, () => document.querySelector('[data-stage=discover] #card-d1') && document.querySelector('.toast-item'), 'moved')
  equal(Number(await page.innerText('#head-discover .count')), Number(before) + 1)
  await soon(page, () => document.querySelector('#live').textContent.includes('is now in'), 'announced')
  await soon(page, () => document.activeElement.id === 'card-d1', 'focus on the card')
})
await test('board: Alt+arrow moves the focused card', async go => {
  const page = await go('/board')
  await page.focus('#card-d2')
  await page.keyboard.press('Alt+ArrowRight')
  await soon(page, () => document.querySelector('[data-stage=discover] #card-d2') && document.querySelector('#live').textContent, 'moved')
  await soon(page, () => document.activeElement.id === 'card-d2', 'focus')
  await page.keyboard.press('Alt+ArrowLeft')
  await soon(page, () => document.querySelector('[data-stage=qualify] #card-d2'), 'moved back')
})
await test('board: a refusal rolls back and asks; then the board refreshes', async go => {
  const page = await go('/board')
  const figures = await page.innerText('#board-figures')
  await page.dragAndDrop('#card-d10', '[data-stage=won] [data-cards]', { targetPosition: { x: 80, y: 20 } })
  await page.waitForSelector('#dialog[open] #evidence')
  equal(await page.locator('[data-stage=negotiate] #card-d10').count(), 1, 'rolled back')
  equal(await page.evaluate(() => document.activeElement.id), 'evidence')
  await page.fill('#evidence', 'C-1')
  await page.keyboard.press('Enter')
  await soon(page, () => document.querySelector('[data-stage=won] #card-d10') && !document.querySelector('#dialog').open, 'refreshed')
  await soon(page, figures => document.querySelector('#board-figures').innerText !== figures, 'the line under the title follows', figures)
  await page.dragAndDrop('#card-d10', '[data-stage=negotiate] [data-cards]', { targetPosition: { x: 80, y: 20 } })
  await soon(page, () => document.querySelector('[data-stage=negotiate] #card-d10'), 'drag works after refresh')
})
await test('board: the Move menu does the same', async go => {
  const page = await go('/board')
  await page.click('#card-d3 summary')
  await page.click('#card-d3 button[value=propose]')
  await soon(page, () => document.querySelector('[data-stage=propose] #card-d3'), 'moved')
})
await test('theme: changes at once, remembered, no reload', async go => {
  const page = await go('/analysis')
  const fill = () => page.evaluate(() => document.querySelector('[data-chart=waterfall] svg').innerHTML.includes('#7b88ff'))
  equal(await fill(), false)
  await page.click('.top button[value=dark]')
  equal(await page.getAttribute('html', 'data-bs-theme'), 'dark')
  await page.waitForTimeout(500)
  equal(await fill(), true, 'charts follow')
  equal((await page.context().cookies()).some(c => c.name === 'theme' && c.value === 'dark'), true)
})
await test('nav: mini is remembered in a cookie', async go => {
  const page = await go('/accounts')
  await page.click('[data-nav-toggle]')
  equal((await page.context().cookies()).find(c => c.name === 'nav')?.value, 'mini')
  await page.reload()
  equal(await page.evaluate(() => document.querySelector('.side').offsetWidth), 56)
})
await test('nav: phone menu opens, Esc closes, focus returns', async go => {
  const page = await go('/accounts', { width: 390 })
  await page.click('#open-side-foot')
  await page.waitForTimeout(250)
  equal(await page.evaluate(() => document.activeElement.matches('[data-nav-close]')), true)
  await page.keyboard.press('Escape')
  equal(await page.evaluate(() => document.activeElement.id), 'open-side-foot')
})
await test('failures: a toast for 500 and for no network, sign-in for 401', async go => {
  const page = await go('/accounts')
  await page.route('**/accounts/0/trash', route => route.fulfill({ status: 500, body: 'no' }))
  await page.click('tbody tr:first-child summary'); await page.click('tbody tr:first-child button[hx-post]')
  await page.waitForSelector('.toast-item[data-kind=danger]')
  await page.unroute('**/accounts/0/trash')
  await page.route('**/accounts/0/trash', route => route.abort())
  await page.click('tbody tr:first-child summary'); await page.click('tbody tr:first-child button[hx-post]')
  await soon(page, () => document.querySelectorAll('.toast-item[data-kind=danger]').length === 2, 'second toast')
  await page.unroute('**/accounts/0/trash')
  await page.route('**/accounts/0/trash', route => route.fulfill({ status: 401, body: '' }))
  await page.click('tbody tr:first-child summary'); await page.click('tbody tr:first-child button[hx-post]')
  await page.waitForURL('**/sign-in?next=%2Faccounts')
})
await test('charts: drawn, named, clickable, tooltip without a violation', async go => {
  const page = await go('/analysis')
  equal(await page.locator('figure[data-chart] svg').count(), 5)
  const box = await page.locator('[data-chart=bar] .chart-canvas').boundingBox()
  await page.mouse.move(box.x + box.width * .3, box.y + 30)
  await page.waitForTimeout(200)
  await page.mouse.click(box.x + box.width * .3, box.y + 30)
  await page.waitForURL('**/team/1')
})
await test('storage: nothing is kept in the browser', async go => {
  const page = await go('/board')
  await page.keyboard.press('Control+k')
  await page.waitForSelector('#palette [role=option]')
  equal(await page.evaluate(() => localStorage.length), 0)
})
await test('no script: pages, menus and forms work', async go => {
  const page = await go('/board', { javaScriptEnabled: false })
  await page.click('#card-d4 summary')
  equal(await page.isVisible('#card-d4 .menu-list button >> nth=0'), true)
})
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']
async function accessible(page, rules) {
  if (!await page.evaluate(() => Boolean(window.axe))) await page.evaluate(axe)
  const { violations } = await page.evaluate(rules => window.axe.run({ runOnly: rules, resultTypes: ['violations'], preload: false }), rules)
  if (violations.length) throw new Error(violations.map(v => `${v.id} ×${v.nodes.length} ${v.nodes[0].target} ${v.nodes[0].any[0]?.message ?? ''}`).join(' | '))
}
const screens = ['/', '/accounts', '/board', '/opportunities/1', '/opportunities/new', '/sign-in', '/analysis', '/leads']
for (const path of screens) for (const lang of ['en', 'zh-CN']) for (const width of [1440, 390]) {
  await test(`screen ${path} ${lang} ${width}, light and dark`, async go => {
    const page = await go(`${path}?lang=${lang}&theme=light`, { width, bypassCSP: true, reducedMotion: 'reduce' })
    for (const theme of ['light', 'dark']) {
      if (theme === 'dark') {
        await page.addStyleTag({ content: '*, *::before, *::after { transition: none !important }' })
        await page.evaluate(() => { document.documentElement.dataset.bsTheme = 'dark' })
        await page.waitForTimeout(50)
      }
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      if (wide > 0) throw new Error(`${theme}: ${wide} px too wide`)
      await accessible(page, [...WCAG, 'best-practice']).catch(error => { throw new Error(`${theme}: ${error.message}`) })
    }
  })
}
for (const [name, path, act] of [['dialog', '/accounts', p => p.click('.page-actions [data-dialog]')], ['palette', '/accounts', p => p.keyboard.press('Control+k')], ['keys', '/accounts', p => p.keyboard.press('?')], ['bulk', '/accounts', p => p.check('[data-select-all]')], ['menu', '/board', p => p.click('#card-d4 summary')]]) for (const theme of ['light', 'dark']) {
  await test(`overlay ${name} ${theme}`, async go => {
    const page = await go(`${path}?theme=${theme}&lang=zh-CN`, { bypassCSP: true, reducedMotion: 'reduce' })
    await act(page)
    await page.waitForTimeout(400)
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/overlay-${name}-${theme}.png` })
    await accessible(page, WCAG)
  })
}
await browser.close()
server.close()
console.log(`${passed} passed, ${failures.length} failed`)
process.exit(failures.length ? 1 : 0)

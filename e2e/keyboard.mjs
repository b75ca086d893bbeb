// Q38: the daily tasks from the keyboard alone. Nothing here clicks: a journey opens its first page by address and goes on with
// Tab, letters, arrows, Enter and Esc. At every stop the focus must be somewhere, and be seen there.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BASE, here, launch, rawKeys, setLocale, suite, watch } from './lib.mjs'
import { CSV_WITH_ERRORS, PASSWORD, csv, signInAs } from './world.mjs'

const EDITION = process.env.E2E_EDITION ?? 'en'
/** An account of the edition by what one types for it: a part of its name, or the initials of its pinyin. */
const ACCOUNT = EDITION === 'en' ? { typed: 'betaso', name: 'Betasoloin' } : { typed: 'bdlx', name: '保定六巷便利店连锁有限公司' }

/** What has the focus, in a few words; and what is wrong with it. */
const focus = page => page.evaluate(() => {
  const element = document.activeElement
  if (!element || element === document.body) return { where: 'body', fault: 'the focus has fallen to the page' }
  const where = `${element.localName}${element.id ? `#${element.id}` : ''} "${(element.getAttribute('aria-label') ?? element.textContent ?? '').trim().slice(0, 30)}"`
  const marked = style => (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none'
  // A row shows its focus on its cells, a picker on its frame, and the palette is nothing but its field.
  const shown = [element, element.closest('.ts-wrapper')?.querySelector('.ts-control'), element.localName === 'tr' ? element.cells[0] : null].some(one => one && marked(getComputedStyle(one)))
  const box = element.getBoundingClientRect()
  // The little calendar in a field for a day has a ring of the browser's own, which a page cannot read.
  const isCalendar = element.matches('input:is([type=date], [type=datetime-local]):focus-within:not(:focus)')
  const fault = element.closest('#palette') || element.id === 'main' || isCalendar ? undefined
    : !shown ? 'the focus cannot be seen'
    : box.width === 0 || box.height === 0 ? 'the focus is on something that has no size'
    : box.bottom < 0 || box.top > innerHeight ? 'the focus is outside of the window'
    : undefined
  return { where, fault }
})

/** The hand on the keyboard. Faults of the focus are gathered, not thrown: a journey goes on to find the next one. */
function hand(page) {
  const faults = new Set()
  const check = async () => {
    const { where, fault } = await focus(page)
    if (fault) faults.add(`${fault}: ${where} on ${new URL(page.url()).pathname}`)
  }
  const is = selector => page.evaluate(selector => Boolean(document.activeElement?.matches(selector)), selector)
  return {
    faults,
    is,
    async press(...keys) { for (const key of keys) await page.keyboard.press(key) },
    type: text => page.keyboard.type(text),
    /** Replaces what stands in the field. */
    async fill(text) {
      await page.keyboard.press('Control+a')
      await page.keyboard.type(text)
    },
    /** Goes on with Tab until the focus is on what `selector` names. */
    async to(selector, { key = 'Tab', most = 150 } = {}) {
      for (let n = 0; n < most; n += 1) {
        if (n > 0 || !await is(selector)) await page.keyboard.press(key)
        if (await is(selector)) { await check(); return }
        await check()
      }
      throw new Error(`${most} × ${key} do not lead to ${selector}; the focus is on ${(await focus(page)).where}`)
    },
    /** Presses a key that leads to another page. */
    async leave(key = 'Enter') {
      await Promise.all([page.waitForEvent('load'), page.keyboard.press(key)])
      await page.settle()
    },
    async settled() {
      await page.settle()
      await check()
    },
    /** The dialog is open and the focus in it. */
    async dialog() {
      await page.waitForSelector('#dialog[open]')
      await page.settle()
      if (!await page.evaluate(() => document.getElementById('dialog').contains(document.activeElement))) faults.add('the focus is not in the dialog')
      await check()
    },
    async noDialog() {
      await page.waitForSelector('#dialog:not([open])', { state: 'attached' })
      await page.settle()
      await check()
    },
  }
}

const visible = async (page, selector, what) => { await page.waitForSelector(selector, { timeout: 8000 }).catch(() => { throw new Error(`${what}: ${selector} is not there`) }) }
const must = (condition, what) => { if (!condition) throw new Error(what) }
/** How many records a list says it has. */
const total = async page => Number((await page.textContent('.page-sub')).match(/[\d,]+/)?.[0].replaceAll(',', ''))
const count = (page, selector) => page.evaluate(selector => document.querySelectorAll(selector).length, selector)

const JOURNEYS = {
  async 'sign in'({ page, keys }) {
    await page.context().clearCookies()
    await page.context().addCookies([{ name: 'locale', value: EDITION, url: BASE }])
    await page.goto(`${BASE}/sign-in?next=/accounts`)
    must(await keys.is('#email'), 'the first field has no focus')
    await keys.type('partner@trivet.example')
    await keys.to('#password')
    await keys.type(PASSWORD)
    await keys.leave()
    must(new URL(page.url()).pathname === '/accounts', `signed in to ${page.url()}`)
    await keys.press('Tab')
    must(await keys.is('.skip-link'), 'the first Tab does not offer to skip the navigation')
    await keys.press('Enter', 'Tab')
    must(await page.evaluate(() => document.getElementById('main').contains(document.activeElement)), 'the skip link does not lead into the page')
  },

  async 'find a record by Ctrl-K'({ page, keys }) {
    await page.goto(BASE)
    await keys.press('Control+k')
    await keys.type(ACCOUNT.typed)
    const option = page.locator('#palette [role=option]', { hasText: ACCOUNT.name }).first()
    await option.waitFor()
    await page.settle()
    for (let n = 0; n < 20 && await option.getAttribute('aria-selected') !== 'true'; n += 1) await keys.press('ArrowDown')
    must(await option.getAttribute('aria-selected') === 'true', 'the arrows do not reach the account')
    must(await page.getAttribute('#palette input', 'aria-activedescendant') === await option.getAttribute('id'), 'listeners are not told which one is chosen')
    must((await page.textContent('[data-palette-count]')).trim(), 'the number of hits is not announced')
    await keys.leave()
    must((await page.textContent('h1')).trim() === ACCOUNT.name, 'another record was opened')
    await keys.press('Control+k', 'Escape')
    must(await page.evaluate(() => !document.getElementById('palette').open), 'Esc does not close the palette')
  },

  async 'open and close a dialog'({ page, keys }) {
    await page.goto(`${BASE}/accounts`)
    await keys.to('main a[data-dialog="/accounts/new"]')
    await keys.press('Enter')
    await keys.dialog()
    // Round and round, and never behind the dialog.
    for (let n = 0; n < 25; n += 1) {
      await keys.press('Tab')
      must(await page.evaluate(() => document.activeElement === document.body || document.getElementById('dialog').contains(document.activeElement)), 'Tab leaves the open dialog for the page behind it')
    }
    await keys.press('Escape')
    await keys.noDialog()
    must(await keys.is('main a[data-dialog="/accounts/new"]'), 'the focus does not come back to where the dialog was opened')
    await keys.press('?')
    await visible(page, '#keys[open]', 'the list of keys')
    await keys.press('Escape')
  },

  async 'create a deal'({ page, keys }) {
    const name = `Keyboard deal ${Date.now() % 100000}`
    await page.goto(`${BASE}/opportunities`)
    await keys.press('c')
    await keys.dialog()
    await keys.to('#new-name')
    await keys.type(name)
    await keys.to('.ts-control input')
    await keys.type(ACCOUNT.typed)
    await keys.press('Enter')                                // at once: not what stood in the list before
    await page.waitForFunction(name => document.querySelector('#new-account + .ts-wrapper .item')?.textContent.includes(name), ACCOUNT.name)
    await keys.to('#new-amount')
    await keys.type('12500')
    await keys.to('#new-close_date')
    await keys.press('ArrowUp', 'ArrowRight', 'ArrowUp', 'ArrowRight', 'ArrowUp')       // today, in whatever order its parts stand
    await keys.to('#dialog .btn-primary')
    await keys.leave()
    must((await page.textContent('main')).includes(name), `${name} is not shown after it was created`)
    must((await page.textContent('main')).includes(ACCOUNT.name), 'the account that was picked is not shown')
  },

  async 'refused forms say what is wrong'({ page, keys }) {
    page.expected = [422]
    await page.goto(`${BASE}/contacts`)
    await keys.to('main a[data-dialog="/contacts/new"]')
    await keys.press('Enter')
    await keys.dialog()
    await keys.to('#dialog .btn-primary')
    await keys.press('Enter')
    await page.waitForSelector('#dialog [aria-invalid=true]')
    await keys.settled()
    must(await page.evaluate(() => document.getElementById('dialog').contains(document.activeElement)), 'the focus left the dialog')
    must(await page.evaluate(() => document.getElementById(document.querySelector('#dialog [aria-invalid=true]').getAttribute('aria-describedby').split(' ')[0])?.textContent.trim()), 'the field does not point to its error')
    await keys.press('Escape')
    await keys.noDialog()
  },

  async 'move a deal on the board'({ page, keys }) {
    page.expected = [422]
    // The deals of one account: few enough that a card which was moved is among those shown.
    const [account] = await (await page.request.get(`${BASE}/pick/account?q=${encodeURIComponent(ACCOUNT.typed)}`)).json()
    await page.goto(`${BASE}/board?f=account:is:${account.value}`)
    const from = await page.evaluate(() => document.querySelector('[data-stage]:has([data-card])').dataset.stage)
    await keys.to(`[data-stage="${from}"] [data-card]`)
    const card = await page.evaluate(() => document.activeElement.dataset.card)
    const place = () => page.evaluate(card => document.querySelector(`[data-card="${card}"]`)?.closest('[data-stage]').dataset.stage, card)
    await page.evaluate(() => { window.__said = []; new MutationObserver(() => window.__said.push(document.getElementById('live').textContent)).observe(document.getElementById('live'), { childList: true, characterData: true, subtree: true }) })
    // Alt+→. The next stage may ask for what the buyer has done; then a form opens.
    const refreshed = () => {
      const answer = page.waitForResponse(answer => answer.url().includes('/board?') && answer.request().headers()['hx-request'] !== undefined, { timeout: 15_000 })
      answer.catch(() => {})                                 // a journey that fails before does not wait for it
      return answer
    }
    let fresh = refreshed()
    await keys.press('Alt+ArrowRight')
    await Promise.race([page.waitForSelector('#dialog[open]').catch(() => {}), fresh])
    if (await page.evaluate(() => document.getElementById('dialog').open)) {
      await keys.dialog()
      await giveEvidence(page, keys)
      await keys.noDialog()
    }
    await fresh
    await page.settle()
    const there = await place()
    must(there && there !== from, 'the card has not moved')
    must(await keys.is(`[data-card="${card}"]`), `the focus is not on the card that was moved but on ${(await focus(page)).where}`)
    must((await page.evaluate(() => window.__said.join(''))).trim(), 'the move is not announced')
    // The line under the title says what the page says when it is opened anew.
    const [line, anew] = await page.evaluate(async () => {
      const text = page => page.getElementById('board-figures').textContent
      return [text(document), text(new DOMParser().parseFromString(await (await fetch(location.href)).text(), 'text/html'))]
    })
    must(line === anew, `after a move the line under the title says ${line} instead of ${anew}`)
    // And back, by the menu of the card: the way for who cannot drag and knows no keys.
    await keys.to(`[data-card="${card}"] summary`)
    await keys.press('Enter')
    await keys.to(`[data-card="${card}"] .menu-item[value="${from}"]`)
    fresh = refreshed()
    await keys.press('Enter')
    await page.waitForFunction(([card, from]) => document.getElementById('dialog').open || document.querySelector(`[data-card="${card}"]`)?.closest('[data-stage]').dataset.stage === from, [card, from], { timeout: 8000 })
    if (await page.evaluate(() => document.getElementById('dialog').open)) {
      await keys.dialog()
      await giveEvidence(page, keys)
      await keys.noDialog()
    }
    await fresh
    await page.settle()
    must(await place() === from, 'the card has not come back by its menu')
    must(await page.evaluate(card => document.querySelector(`[data-card="${card}"]`).contains(document.activeElement), card), `after a move by the menu the focus is on ${(await focus(page)).where}`)
  },

  async 'move a deal on its page'({ page, keys }) {
    page.expected = [422]
    await page.goto(`${BASE}/opportunities?view=none&f=state:is:open`)
    await keys.press('j', 'j')
    must(await keys.is('tr[data-row]'), 'J does not go to a row')
    await keys.settled()
    await keys.leave()
    const stage = () => page.textContent('.path [aria-current=step]')
    const before = await stage()
    await keys.to('.path button:not(.is-done)')
    const wanted = await page.evaluate(() => document.activeElement.textContent.trim())
    await Promise.all([Promise.race([page.waitForSelector('#dialog[open]'), page.waitForEvent('load')]), keys.press('Enter')])
    if (await page.evaluate(() => document.getElementById('dialog').open)) {
      await keys.dialog()
      await giveEvidence(page, keys, true)
    }
    await page.settle()
    must(wanted !== before.trim() && (await stage()).trim() === wanted, `stands at ${await stage()}, not at ${wanted}`)
  },

  async 'tick off a task'({ page, keys }) {
    await page.goto(BASE)
    const open = await count(page, 'li[id^=task-]:not(.is-ticked)')
    must(open > 0, 'nothing to do on the home page')
    await keys.to('.task-tick')
    const row = await page.evaluate(() => document.activeElement.closest('li').id)
    await keys.press('Enter')
    await visible(page, `#${row}.is-ticked`, 'the task that was ticked')
    await keys.settled()
    must(await page.evaluate(row => document.getElementById(row).contains(document.activeElement), row), `the focus is not on the task but on ${(await focus(page)).where}`)
  },

  async 'tick off a task in the list'({ page, keys }) {
    await page.goto(`${BASE}/tasks?view=open`)
    await keys.to('tbody .task-tick')
    const row = await page.evaluate(() => document.activeElement.closest('tr').dataset.row)
    await keys.leave()
    must(new URL(page.url()).pathname === '/tasks', `the list has gone to ${page.url()}`)
    must(await count(page, `[data-row="${row}"]`) === 0, 'the task that was ticked is still open')
    // Enter on a row's box is no press of a button in the list.
    const open = (await page.textContent('.page-sub')).trim()
    await keys.to('tbody input[name=id]')
    await keys.press('Space')
    await keys.leave()
    await page.goto(`${BASE}/tasks?view=open`)
    must((await page.textContent('.page-sub')).trim() === open, 'Enter on a box has ticked the task off')
  },

  async 'take a note along into a call'({ page, keys }) {
    await page.goto(`${BASE}/accounts?view=none`)
    await keys.press('j')
    await keys.leave()
    await keys.to('#note')
    await keys.type('They want a longer warranty')
    await keys.to('.compose button[value=call]')
    await keys.press('Enter')
    await keys.dialog()
    must(await page.inputValue('#new-body') === 'They want a longer warranty' && await page.inputValue('#new-kind') === 'call', 'what was typed has not come along')
    await keys.to('#dialog .btn-primary')
    await keys.leave()
    await visible(page, '.timeline >> text=They want a longer warranty', 'the call')
    must(await page.inputValue('#note') === '', 'the note still stands in its box')
  },

  async 'log a call with nothing more to say of it'({ page, keys }) {
    await page.goto(`${BASE}/accounts?view=none`)
    await keys.press('j')
    await keys.leave()
    await keys.to('.compose button[value=call]')
    await keys.press('Enter')
    await keys.dialog()
    must(await keys.is('#new-subject'), `the focus is not on the subject but on ${(await focus(page)).where}`)
    await keys.to('#dialog .btn-primary')
    await keys.leave()
  },

  async 'be told of an account that is there'({ page, keys }) {
    page.expected = [409]
    await page.goto(`${BASE}/accounts?view=none`)
    const name = (await page.textContent('tbody .row-name')).trim()
    await keys.to('.page-actions [data-dialog]')
    await keys.press('Enter')
    await keys.dialog()
    await keys.to('#new-name')
    await keys.type(name.toUpperCase())
    await keys.to('#dialog .btn-primary')
    await keys.press('Enter')
    await visible(page, '#dialog .notice-warn a', 'the account that is there')
    await keys.settled()
    must((await page.textContent('#dialog .notice-warn a')).trim() === name, 'another account is named')
    // What was typed is given up only after a question; Esc there is no answer to it.
    await keys.press('Escape')
    await visible(page, '#confirm[open]', 'the question')
    await keys.press('Escape')
    must(await page.evaluate(() => !document.getElementById('confirm').open && document.getElementById('dialog').open), 'Esc at the question gives up what was typed')
    await keys.press('Escape')
    await visible(page, '#confirm[open]', 'the question, once more')
    await keys.to('[data-confirm-ok]')
    await keys.press('Enter')
    await keys.noDialog()
  },

  async 'make the account that a form asks for'({ page, keys }) {
    const name = `Keyboard ${Date.now() % 1000000}`
    let made = 0
    const isMaking = request => request.method() === 'POST' && new URL(request.url()).pathname === '/pick/account'
    page.on('request', request => { made += Number(isMaking(request)) })
    // A server that takes its time: the second Enter comes before the answer. Said before the page is opened: what is to be held
    // up is told to a page that is there already some moments later only, and its first request may go past it, unseen.
    await page.route('**/pick/account', async route => {
      if (isMaking(route.request())) await new Promise(later => setTimeout(later, 600))
      await route.continue()
    })
    await page.goto(`${BASE}/contacts/new`)
    await keys.to('#new-account-ts-control')
    await keys.type(name)
    await visible(page, '.ts-dropdown .create', 'the offer to create the account')
    await keys.press('Enter', 'Enter')
    await visible(page, `#new-account + .ts-wrapper .item:has-text("${name}")`, 'the account that was made')
    await keys.settled()
    must(made === 1, `pressing Enter twice made ${made} accounts`)
    must(new URL(page.url()).pathname === '/contacts/new', 'the second Enter has sent the form')
  },

  async 'filter a list and save the view'({ page, keys }) {
    const name = `View ${Date.now() % 100000}`
    await page.goto(`${BASE}/accounts?view=none`)
    await keys.to('.chip-add')
    await keys.press('Enter')
    await keys.dialog()
    await keys.to('#filter-field')
    await page.evaluate(() => { window.__wanted = [...document.activeElement.options].findIndex(option => option.value === 'lifecycle') - document.activeElement.selectedIndex })
    const steps = await page.evaluate(() => window.__wanted)
    for (let n = 0; n < Math.abs(steps); n += 1) await keys.press(steps > 0 ? 'ArrowDown' : 'ArrowUp')
    await page.waitForSelector('#filter-inner input[type=checkbox]')
    await keys.settled()
    must(await keys.is('#filter-field'), 'choosing a field takes the focus away')
    await keys.to('#filter-inner input[type=checkbox][value=customer]')
    await keys.press('Space')
    await keys.to('#dialog .btn-primary')
    await keys.leave()
    must(await count(page, '.chips .chip b') === 1, 'the filter is not shown')
    await keys.to('main a[data-dialog^="/accounts/views"]')
    await keys.press('Enter')
    await keys.dialog()
    await keys.to('#dialog a[data-dialog^="/accounts/view?"]')
    await keys.press('Enter')
    await page.waitForSelector('#view-name')
    await keys.to('#view-name')
    await keys.type(name)
    await keys.leave()
    must((await page.textContent('.tabs [aria-current=page]')).trim() === name, 'the saved view is not the one that is shown')
  },

  async 'select rows and work on them'({ page, keys }) {
    await page.goto(`${BASE}/accounts`)
    await keys.press('j', 'x', 'j', 'x')
    await keys.settled()
    must(await page.textContent('[data-bulk-count]') === '2', 'J and X have not selected two rows')
    await keys.press('b')
    await keys.to('[data-bulk-bar] [value=assign]')
    await keys.leave()
    await keys.to('main .form-actions a')
    await keys.leave()
    must(await count(page, '.toasts .toast-item') === 0, 'something was done although it was cancelled')

    // Carried out, and taken back. Whose the two records are is asked of their pages.
    const rows = (await page.$$eval('tr[data-row]', rows => rows.slice(0, 2).map(row => row.dataset.row)))
    const owners = async () => Promise.all(rows.map(async id => (await (await page.request.get(`${BASE}/accounts/${id}?tab=details`)).text()).match(/field\/owner"[^]*?<\//)?.[0]))
    const before = await owners()
    await keys.press('j', 'x', 'j', 'x', 'b')
    await keys.to('[data-bulk-bar] [value=assign]')
    await keys.leave()
    await keys.to('main form .ts-control input')
    await keys.press('ArrowDown')
    await page.waitForSelector('.ts-dropdown .option.active')
    const offered = async () => (await page.innerText('.ts-dropdown .option.active')).trim().split('\n')[0]
    for (let n = 0; n < 10; n += 1) {
      const name = await offered()
      if (!before.some(owner => owner.includes(name))) break
      await keys.press('ArrowDown')
    }
    await keys.press('Enter')
    await keys.to('main form .form-actions .btn-primary')
    await keys.leave()
    await visible(page, '.toasts [data-toast-undo]', 'the offer to undo')
    must((await owners()).every((owner, at) => owner !== before[at]), 'the records have the owner that they had')
    await keys.to('.toasts [data-toast-undo]', { key: 'Shift+Tab' })
    await keys.leave()
    must((await page.textContent('.toasts')).trim(), 'nothing says that it was undone')
    must(JSON.stringify(await owners()) === JSON.stringify(before), 'undoing has not given the records back')
  },

  async 'edit in place'({ page, keys }) {
    const website = `https://www.keyboard-${Date.now() % 100000}.example`
    await page.goto(`${BASE}/accounts?view=none`)
    await keys.press('j')
    await keys.leave()
    const cell = '.props [data-edit$="/field/website"]'
    await keys.to(cell)
    await keys.press('Enter')
    await visible(page, `${cell} input:not([type=hidden])`, 'the field to edit')
    await keys.settled()
    await keys.fill('https://thrown-away.example')
    await keys.press('Escape')
    await keys.settled()
    must(await keys.is(cell), 'Esc does not give the focus back')
    must(!(await page.textContent(cell)).includes('thrown-away'), 'Esc has kept what was typed')
    await keys.press('F2')
    await visible(page, `${cell} input:not([type=hidden])`, 'the field to edit')
    await keys.settled()
    await keys.fill(website)
    await keys.press('Enter')
    await page.waitForSelector(`${cell}:not(:has(form))`)
    await keys.settled()
    must((await page.textContent(cell)).includes(website.slice('https://'.length)), 'the new value is not shown')
    must(await keys.is(cell), `the focus is not on the field but on ${(await focus(page)).where}`)
  },

  async 'import a file with errors'({ page, keys }) {
    // Enough good rows that the import takes a moment, and the two that are refused.
    const rows = Array.from({ length: 3000 }, (_, n) => `Keyboard import ${Date.now() % 1000000}-${n},https://import.example,5`)
    await page.goto(`${BASE}/imports`)
    await keys.to('main .page-actions a')
    await keys.leave()
    await keys.to('#object')
    const steps = await page.evaluate(() => [...document.activeElement.options].findIndex(option => option.value === 'account') - document.activeElement.selectedIndex)
    for (let n = 0; n < Math.abs(steps); n += 1) await keys.press(steps > 0 ? 'ArrowDown' : 'ArrowUp')
    await keys.to('#file')
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), keys.press('Space')])
    await chooser.setFiles(csv('keyboard.csv', CSV_WITH_ERRORS + rows.join('\n')))
    await keys.to('main form .btn-primary')
    await keys.leave()
    await keys.to('select[name=field-0]')
    must(await page.evaluate(() => document.activeElement.value) === 'name', 'the column "Name" is not recognised')
    await keys.to('button[value=start]')
    await keys.leave()
    const findings = []
    if (await count(page, '#progress')) {
      must((await page.getAttribute('#progress progress', 'aria-label'))?.trim(), 'the progress has no name')
      findings.push(...await rawKeys(page))
    }
    await page.waitForSelector('main a[href$="/errors.csv"]', { timeout: 60_000 })
    await page.settle()
    await keys.to('a[href$="/errors.csv"]')
    const [file] = await Promise.all([page.waitForEvent('download'), keys.press('Enter')])
    const text = await text_of(file)
    must(text.includes('nameless.example') && text.includes('South Pier Works'), 'the file of errors does not hold the rows that were refused')
    must(!text.includes('North Pier Works'), 'the file of errors holds a row that was good')
    must(await count(page, 'main .plain-table tbody tr') === 2, 'not two rows are shown as refused')
    return findings
  },

  async 'export a list'({ page, keys }) {
    await page.goto(`${BASE}/accounts`)
    await keys.to('main summary')
    await keys.press('Enter')
    await keys.to('main .menu-item[href*=".csv"]')
    const [file] = await Promise.all([page.waitForEvent('download'), keys.press('Enter')])
    must((await text_of(file)).includes(ACCOUNT.name), 'the exported file does not hold the account')
  },

  async 'convert a lead'({ page, keys }) {
    await page.goto(`${BASE}/leads?view=none&f=status:is:qualified`)
    await keys.press('j')
    await keys.leave()
    await keys.to('.page-actions a.btn-primary')
    await keys.leave()
    must(page.url().endsWith('/convert'), `the button leads to ${page.url()}`)
    await keys.to('input[type=radio]')
    await keys.press('ArrowDown', 'ArrowUp')
    await keys.to('.form-actions .btn-primary')
    await keys.leave()
    must(!page.url().endsWith('/convert'), 'the lead was not converted')
    must((await page.textContent('.toasts')).trim(), 'nothing says that it was converted')
  },

  async 'look at a chart\'s figures, and at the rows behind one'({ page, keys }) {
    await page.goto(`${BASE}/analysis?period=all`)
    await page.settle()
    await keys.to('main figure summary')
    must(!await keys.is('details[open] > summary'), 'the figures of the chart are shown already')
    await keys.press('Enter')
    await keys.settled()
    must(await keys.is('details[open] > summary'), 'Enter does not show the figures of the chart')
    await keys.to('main figure details[open] a[data-count]:not(.dim)')
    const told = await page.evaluate(() => Number(document.activeElement.dataset.count))
    await keys.leave()
    must(new URL(page.url()).pathname === '/opportunities', `the figure leads to ${page.url()}`)
    must(told > 0 && await total(page) === told, `the figure says ${told}, and the list "${await page.textContent('.page-sub')}"`)
    await keys.press('j')
    must(await keys.is('tr[data-row]'), 'J does not go to a row behind the figure')
  },

  async 'choose what the analysis shows'({ page, keys }) {
    await page.goto(`${BASE}/analysis?period=all`)
    const says = () => page.evaluate(() => [!document.querySelector('[data-unapplied]').hidden, document.querySelector('[data-apply]').classList.contains('btn-primary')].join())
    must(await says() === 'false,false', 'the page says at once that something is not applied')
    await keys.to('.analysis-bar select')
    const shown = await page.evaluate(() => document.activeElement.value)
    const other = await page.evaluate(() => [...document.activeElement.options].find(option => option.value !== document.activeElement.value).value)
    await page.selectOption('.analysis-bar select >> nth=0', other)
    must(await says() === 'true,true', 'a choice that is not applied looks as if it were')
    await page.selectOption('.analysis-bar select >> nth=0', shown)
    must(await says() === 'false,false', 'what is shown is called not applied')
    await page.selectOption('.analysis-bar select >> nth=0', other)
    await keys.to('[data-apply]')
    await keys.leave()
    must(await says() === 'false,false', 'what was applied is called not applied')
    must(await page.inputValue('.analysis-bar select >> nth=0') === other, 'the choice was not applied')
  },

  async 'switch the language and the theme'({ page, keys }) {
    const other = EDITION === 'en' ? 'zh-CN' : 'en'
    await page.goto(`${BASE}/accounts`)
    await keys.to('header [name=locale]')
    await keys.leave()
    must(await page.getAttribute('html', 'lang') === other, 'the language has not changed')
    must(new URL(page.url()).pathname === '/accounts', 'another page is shown after the switch')
    await keys.to('header [name=locale]')
    await keys.leave()
    must(await page.getAttribute('html', 'lang') === EDITION, 'the language has not changed back')
    await keys.to('header [name=theme]')
    for (const theme of ['dark', 'light']) {
      must(await page.evaluate(() => document.activeElement.value) === theme, `the button with the focus does not lead to ${theme}`)
      await keys.press('Enter')
      await page.waitForFunction(theme => document.documentElement.dataset.bsTheme === theme, theme)
      await keys.settled()                                   // the focus is on the button that has taken its place
    }
  },
}
/** Who goes on the journey, if not the sales partner. */
const WHO = { 'tick off a task': 'seller', 'tick off a task in the list': 'seller' }

/** Fills the form that asks for evidence, and sends it. */
async function giveEvidence(page, keys, leaves = false) {
  const fields = await page.evaluate(() => [...document.querySelectorAll('#dialog textarea, #dialog input:not([type=hidden]), #dialog select')].filter(field => field.required || field.localName === 'textarea' || field.id === 'move-reason').map(field => field.id))
  for (const id of fields) {
    await keys.to(`#dialog [id="${id}"]`)
    await keys.type('Agreed in the call')
  }
  await keys.to('#dialog .btn-primary')
  await (leaves ? keys.leave() : keys.press('Enter'))
}

async function text_of(download) {
  const chunks = []
  for await (const chunk of await download.createReadStream()) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

export async function keyboard(tests = suite()) {
  const only = process.env.ONLY
  const out = process.env.E2E_OUT ?? join(here, 'out')
  mkdirSync(out, { recursive: true })
  const browser = await launch()
  const sessions = {}
  for (const who of ['partner', 'seller']) {
    await tests.test(`keyboard: ${who} signs in`, async () => { sessions[who] = await signInAs(browser, who) })
  }
  // The keys are the same in both languages: each edition of the demo makes every other journey, or with EVERY=1 all of them.
  const turn = EDITION === 'en' ? 0 : 1
  for (const [place, [name, go]] of Object.entries(JOURNEYS).entries()) {
    if (only ? !name.includes(only) : !process.env.EVERY && place % 2 !== turn) continue
    await tests.test(`keyboard: ${name}`, async () => {
      const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce', locale: EDITION, storageState: sessions[WHO[name] ?? 'partner'], acceptDownloads: true })
      try {
        const page = await watch(context)
        await setLocale(page, EDITION)
        const keys = hand(page)
        let failure
        const findings = await go({ page, keys }).catch(error => { failure = error }) ?? []
        if (failure) {
          await page.screenshot({ path: join(out, `keyboard-${name.replace(/\W+/g, '-')}-${EDITION}.png`) })
          findings.push(failure.message)
        }
        return [...findings, ...keys.faults, ...await page.findings()]
      } finally { await context.close() }
    })
  }
  await browser.close()
  return tests
}

if (process.argv[1] === fileURLToPath(import.meta.url)) (await keyboard()).close()

// Q37: every page in both languages, light and dark, wide and on a phone: no policy violation, no console error, no failed request,
// no sideways scroll, no accessibility violation, no message key, no word of the other language. Pictures go to e2e/out/.
// Each edition of the demo is seen in its own language. The main pages are seen in every setting, both themes one after the other
// as by somebody who switches; the others, and the dialogs that pages open, once per edition, in a setting that changes from page to
// page, so that together they are seen in all of them. With EVERY=1 each of them is seen in every setting, and the English edition
// in Chinese too.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BASE, COLOURS, axe, here, launch, missingIcons, otherLanguage, rawKeys, setLocale, setTheme, suite, tooWide, watch } from './lib.mjs'
import { PAGES, addressOf, forgotten } from './pages.mjs'
import { makeWorld } from './world.mjs'

const EDITION = process.env.E2E_EDITION ?? 'en'
const EVERY = Boolean(process.env.EVERY)
/** Pages that are seen in both themes begin with this one. */
const FIRST_THEME = EDITION === 'en' ? 'light' : 'dark'
const SETTINGS = []
// The other edition sees them in the other language.
for (const locale of EDITION === 'en' && EVERY ? ['en', 'zh-CN'] : [EDITION]) for (const width of [1440, 390]) for (const theme of ['light', 'dark']) SETTINGS.push({ locale, width, theme })

/** The setting in which the page with this number is seen if one has to do. The other edition sees it in the opposite one. */
function settingOf(number) {
  const [width, theme] = [[1440, 'light'], [390, 'dark'], [1440, 'dark'], [390, 'light']][(number % 4) ^ (EDITION === 'en' ? 0 : 1)]
  return { locale: EDITION, width, theme }
}
const BINARY = process.env.E2E_BINARY ?? join(here, '../target/release/trivet')

/** What may be wrong with any page, whatever it shows. */
export async function look(page, { locale, theme }, words = locale === EDITION) {
  const findings = [...await page.findings(), ...await tooWide(page), ...await rawKeys(page), ...await missingIcons(page)]
  if (words) findings.push(...await otherLanguage(page, locale))
  const shown = await page.evaluate(() => ({ lang: document.documentElement.lang, theme: document.documentElement.dataset.bsTheme ?? 'light', headings: document.querySelectorAll('h1').length }))
  if (shown.lang !== locale) findings.push(`lang="${shown.lang}", not ${locale}`)
  if (shown.headings !== 1) findings.push(`${shown.headings} first headings, not one`)
  if (shown.theme !== theme) findings.push(`theme ${shown.theme}, not ${theme}`)
  return findings
}

const otherThan = theme => theme === 'light' ? 'dark' : 'light'

/** As the button in the page's head does it, but at once: no colour is on its way to another when the page is looked at. */
async function switchTo(page, theme) {
  await page.evaluate(theme => {
    if (!document.adoptedStyleSheets.length) {
      // A style sheet made by script: the page's policy, which is under test, forbids styles in the document.
      const still = new CSSStyleSheet()
      still.replaceSync('*, *::before, *::after { transition: none !important }')
      document.adoptedStyleSheets = [still]
    }
    document.documentElement.dataset.bsTheme = theme
  }, theme)
  await page.settle()
}

/** Looks at the page, or at the dialog on it, takes its picture and asks axe; first in the other theme too, if it is to be `both`. */
async function lookAt(page, setting, picture, { both, words, within }) {
  const findings = [...await look(page, setting, words)]
  await page.screenshot({ path: picture(setting.theme) })
  if (both) {
    const theme = otherThan(setting.theme)
    await switchTo(page, theme)
    findings.push(...await look(page, { ...setting, theme }, words))
    await page.screenshot({ path: picture(theme) })
    findings.push(...(await axe(page, within, COLOURS)).map(what => `${theme}: ${what}`))
    await switchTo(page, setting.theme)
  }
  return [...findings, ...await axe(page, within)]
}

/** An address without what is particular to a record. */
const general = address => address.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '{id}')
/** Of dialogs that are alike but for the record and what is filled in, one look is enough. */
const pattern = address => general(address.replace(/\?.*/, ''))

/** Opens the page's dialogs that were not seen before; each must close by Esc and give the focus back. */
async function dialogs(page, seen, setting, picture, tests, name) {
  // Not those of links that this width does not show; those in a closed menu are there.
  const links = await page.evaluate(() => {
    const isShown = element => !element || (getComputedStyle(element).display !== 'none' && isShown(element.parentElement))
    for (const link of document.querySelectorAll('[data-dialog]')) if (!isShown(link)) link.removeAttribute('data-dialog')
    return [...document.querySelectorAll('[data-dialog]')].map(link => link.dataset.dialog)
  })
  for (const address of links) {
    const kind = pattern(address)
    if (seen.has(kind)) continue
    seen.add(kind)
    await tests.test(`dialog ${kind} of ${name}`, async () => {
      await page.keyboard.press('Escape')
      // From the keyboard, and from inside its menu if it stands in one.
      await page.evaluate(address => {
        const link = [...document.querySelectorAll('[data-dialog]')].find(link => link.dataset.dialog === address)
        for (let menu = link.closest('details'); menu; menu = menu.parentElement.closest('details')) menu.open = true
        link.focus()
        link.click()
      }, address)
      await page.waitForSelector('#dialog[open]')
      await page.settle()
      const findings = []
      const inside = await page.evaluate(() => {
        const dialog = document.getElementById('dialog'), box = dialog.getBoundingClientRect()
        return { focus: dialog.contains(document.activeElement), name: document.getElementById('dialog-title')?.textContent.trim(), over: Math.ceil(box.right - innerWidth), scroll: dialog.scrollWidth - dialog.clientWidth }
      })
      if (!inside.focus) findings.push('the focus is not in the dialog')
      if (!inside.name) findings.push('the dialog has no name')
      if (inside.over > 0) findings.push(`the dialog sticks out by ${inside.over} px`)
      if (inside.scroll > 0) findings.push(`the dialog scrolls sideways by ${inside.scroll} px`)
      findings.push(...await lookAt(page, setting, theme => picture(`dialog${kind.replace(/\W+/g, '-')}`, theme), { both: EVERY, within: '#dialog' }))
      await page.keyboard.press('Escape')
      const closed = await page.evaluate(() => [document.getElementById('dialog').open, document.activeElement?.localName])
      if (closed[0]) findings.push('Esc does not close the dialog')
      if (closed[1] === 'body') findings.push('the focus is lost after closing')
      return findings
    })
  }
}

/** The guide's chapters, as its first page links to them. */
async function chapters(browser, world) {
  const context = await browser.newContext({ storageState: world.sessions.partner })
  const page = await context.newPage()
  await page.goto(`${BASE}/help`)
  const hrefs = await page.evaluate(() => [...new Set([...document.querySelectorAll('a[href^="/help/"]')].map(link => link.getAttribute('href').split('#')[0]))])
  await context.close()
  return hrefs.map(href => ({ route: '/help/{chapter}', name: href.slice(1).replace('/', '-'), as: 'partner', status: 200, at: () => href }))
}

export async function screens(tests = suite()) {
  const only = process.env.ONLY            // part of a page's name
  const out = process.env.E2E_OUT ?? join(here, 'out')
  mkdirSync(out, { recursive: true })
  const isWanted = page => !only || page.name.includes(only)
  const browser = await launch()
  if (existsSync(BINARY)) {
    await tests.test('no page is forgotten', () => {
      const routes = execFileSync(BINARY, ['routes'], { encoding: 'utf8' }).split('\n').map(line => line.split(/\s+/)).filter(([method]) => method === 'GET')
      return forgotten(routes.map(([, path]) => path)).map(path => `${path} stands neither in PAGES nor in NO_PAGE of e2e/pages.mjs`)
    })
  }
  let world
  await tests.test('the world that the pages need', async () => { world = await makeWorld(browser) })
  if (!world) return browser.close()

  const wanted = [...PAGES, ...await chapters(browser, world)].map((page, number) => ({ ...page, own: settingOf(number), both: page.main || EVERY })).filter(isWanted)
  const tabs = new Map(), walked = new Set()       // the tabs that pages link to, and on which page; the addresses that were seen
  const seen = new Set()                           // dialogs
  for (const setting of SETTINGS) {
    const { locale, width, theme } = setting
    const options = { viewport: { width, height: width < 500 ? 844 : 900 }, hasTouch: width < 500, reducedMotion: 'reduce', locale }
    const pages = new Map()
    if (EVERY) seen.clear()
    const pageOf = async who => {
      if (pages.has(who)) return pages.get(who)
      const context = await browser.newContext({ ...options, ...(who === 'nobody' ? {} : { storageState: world.sessions[who] }) })
      await setTheme(context, theme)
      await context.addCookies([{ name: 'locale', value: locale, url: BASE }])
      const page = await watch(context)
      await setLocale(page, locale).catch(() => {})
      pages.set(who, page)
      return page
    }
    const isOwn = entry => entry.own.locale === locale && entry.own.width === width
    for (const entry of wanted.filter(entry => entry.both ? theme === FIRST_THEME : isOwn(entry) && entry.own.theme === theme)) {
      const name = `${entry.name} ${locale} ${width}`
      const picture = (what, theme) => join(out, `${what}-${locale}-${theme}-${width}.png`)
      const page = await pageOf(entry.as)
      await tests.test(name, async () => {
        page.expected = entry.status === 200 ? [] : [entry.status]
        await page.findings()
        const answer = await page.goto(addressOf(entry, world), { waitUntil: 'load' })
        if (answer?.status() !== entry.status) return [`answered ${answer?.status()}, not ${entry.status}`]
        await page.settle()
        if (entry.does) {
          await entry.does(page).catch(async error => {
            await page.screenshot({ path: picture(`${entry.name}-failed`, theme) })
            const read = (await page.innerText('main').catch(() => '')).replace(/\s+/g, ' ').slice(0, 300)
            throw new Error(`${error.message}\n    at ${page.url()}: ${read}\n    ${(await page.findings()).join('\n    ')}`)
          })
          await page.settle()
        }
        walked.add(general(page.url().slice(BASE.length)))
        for (const href of await page.evaluate(() => [...document.querySelectorAll('.tabs a[href*="?tab="]')].map(link => link.getAttribute('href')))) tabs.set(general(href), name)
        // The guide shows names in both languages.
        const words = locale === EDITION && entry.route !== '/help/{chapter}'
        return lookAt(page, setting, theme => picture(entry.name, theme), { both: entry.both, words })
      })
      if (!EVERY && !isOwn(entry)) continue
      const shown = EVERY ? setting : entry.own
      await switchTo(page, shown.theme)
      await dialogs(page, seen, shown, picture, tests, entry.name)
    }
    for (const page of pages.values()) await page.context().close()
  }
  await browser.close()
  if (!only) {
    await tests.test('no tab is forgotten', () => {
      // The first tab is the page itself.
      const missing = [...tabs].filter(([href]) => !walked.has(href) && !walked.has(href.replace('?tab=timeline', '')))
      return missing.map(([href, name]) => `${href}, linked on ${name}, stands not in PAGES of e2e/pages.mjs`)
    })
  }
  return tests
}

if (process.argv[1] === fileURLToPath(import.meta.url)) (await screens())?.close()

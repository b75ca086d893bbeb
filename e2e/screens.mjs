// Q37: every screen × language × theme × width: no policy violation, no console error, no failed request, no sideways scroll,
// no accessibility violation, no message key on the page. Pictures go to e2e/out/.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BASE, axe, here, launch, rawKeys, setLocale, setTheme, signIn, suite, tooWide, watch } from './lib.mjs'

const SCREENS = [
  { path: '/', name: 'home' },
  { path: '/accounts' },
  { path: '/contacts' },
  { path: '/leads' },
  { path: '/leads?view=none&f=status:is:qualified', name: 'lead-convert', first: '/convert' },  // of the first record in the list
  { path: '/accounts', name: 'account', first: '' },
  { path: '/accounts', name: 'account-files', first: '?tab=files' },
  { path: '/opportunities' },
  { path: '/board' },
  { path: '/tasks' },
  { path: '/activities' },
  { path: '/analysis' },
  { path: '/calendar' },
  { path: '/products' },
  { path: '/people' },
  { path: '/imports' },
  { path: '/accounts/new', name: 'account-new' },
  { path: '/search?q=gtx', name: 'search' },
  { path: '/me' },
  { path: '/help' },
  { path: '/sign-in', open: true },       // seen without a session
]
const LOCALES = (process.env.E2E_LOCALES ?? 'en,zh-CN').split(','), THEMES = ['light', 'dark'], WIDTHS = [1440, 390]

/** The address of the first record in a list. */
async function firstOf(page, list) {
  await page.goto(BASE + list, { waitUntil: 'load' })
  return page.getAttribute('a[data-open]', 'href')
}

export async function screens(tests = suite()) {
  const only = process.env.ONLY            // part of a path
  const out = process.env.E2E_OUT ?? join(here, 'out')
  mkdirSync(out, { recursive: true })
  const browser = await launch()
  const first = await browser.newContext()
  let session
  await tests.test('sign in', async () => { session = await signIn(await watch(first)) })
  await first.close()

  for (const locale of LOCALES) for (const theme of THEMES) for (const width of WIDTHS) {
    const options = { viewport: { width, height: width < 500 ? 844 : 900 }, hasTouch: width < 500, reducedMotion: 'reduce', locale }
    for (const open of [false, true]) {
      const list = SCREENS.filter(screen => Boolean(screen.open) === open && (!only || screen.path.includes(only)))
      if (list.length === 0 || (!open && !session)) continue
      const start = open ? {} : { storageState: session }
      // Two contexts: one under the real policy for what the browser reports, one without it so that axe can be put in.
      const real = await browser.newContext({ ...options, ...start })
      const free = await browser.newContext({ ...options, ...start, bypassCSP: true })
      for (const context of [real, free]) {
        await setTheme(context, theme)
        await context.addCookies([{ name: 'locale', value: locale, url: BASE }])
        const page = await context.newPage()
        await setLocale(page, locale).catch(() => {})
        await page.close()
      }
      for (const { path, first, name = path.slice(1).replace(/\W+/g, '-') } of list) {
        await tests.test(`${name} ${locale} ${theme} ${width}`, async () => {
          const page = await watch(real)
          const address = first === undefined ? path : await firstOf(page, path) + first
          const answer = await page.goto(BASE + address, { waitUntil: 'load' })
          await page.waitForTimeout(250)
          const findings = [...await page.findings(), ...await tooWide(page), ...await rawKeys(page)]
          if (!answer?.ok()) findings.push(`answered ${answer?.status()}`)
          const shown = await page.evaluate(() => ({ lang: document.documentElement.lang, theme: document.documentElement.dataset.bsTheme ?? 'light' }))
          if (shown.lang !== locale) findings.push(`lang="${shown.lang}", not ${locale}`)
          if (shown.theme !== theme) findings.push(`theme ${shown.theme}, not ${theme}`)
          await page.screenshot({ path: join(out, `${name}-${locale}-${theme}-${width}.png`), fullPage: false })
          await page.close()
          const looked = await free.newPage()
          await looked.goto(BASE + address, { waitUntil: 'load' })
          findings.push(...await axe(looked))
          await looked.close()
          return findings
        })
      }
      await real.close()
      await free.close()
    }
  }
  await browser.close()
  return tests
}

if (process.argv[1] === fileURLToPath(import.meta.url)) (await screens()).close()

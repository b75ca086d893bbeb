// A house in which nobody is yet: setting it up from the keyboard, and what empty pages say. Needs a server without an
// organisation at BASE_URL and its code:  BASE_URL=… E2E_SETUP_CODE=… node setup.mjs
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BASE, axe, here, launch, setLocale, setTheme, suite, watch } from './lib.mjs'
import { look } from './screens.mjs'

const EMPTY = ['/', '/accounts', '/opportunities', '/board', '/tasks', '/analysis', '/calendar', '/imports', '/people', '/settings/pipelines', '/settings/prices', '/audit', '/search?q=nothing']

export async function setup(tests = suite()) {
  const out = process.env.E2E_OUT ?? join(here, 'out')
  mkdirSync(out, { recursive: true })
  const browser = await launch()
  const open = async ({ locale, theme, width }, state) => {
    const context = await browser.newContext({ viewport: { width, height: width < 500 ? 844 : 900 }, hasTouch: width < 500, reducedMotion: 'reduce', locale, storageState: state })
    await setTheme(context, theme)
    await context.addCookies([{ name: 'locale', value: locale, url: BASE }])
    return watch(context)
  }
  const see = async (page, setting, name, words) => {
    await page.settle()
    const findings = await look(page, setting, words)
    await page.screenshot({ path: join(out, `empty-${name}-${setting.locale}-${setting.theme}-${setting.width}.png`) })
    return [...findings, ...await axe(page)]
  }
  for (const locale of ['en', 'zh-CN']) for (const theme of ['light', 'dark']) for (const width of [1440, 390]) {
    await tests.test(`setup ${locale} ${theme} ${width}`, async () => {
      const setting = { locale, theme, width }, page = await open(setting)
      await page.goto(BASE, { waitUntil: 'load' })             // every address leads to the set-up page
      if (!page.url().endsWith('/setup')) return [`led to ${page.url()}`]
      const findings = await see(page, setting, 'setup', true)
      page.expected = [422]
      await Promise.all([page.waitForEvent('load'), page.click('main .btn-primary')])
      findings.push(...await see(page, setting, 'setup-wrong', true))
      await page.context().close()
      return findings
    })
  }
  let session
  await tests.test('keyboard: set the house up', async () => {
    const page = await open({ locale: 'en', theme: 'light', width: 1440 })
    await page.goto(`${BASE}/setup`)
    const given = { code: process.env.E2E_SETUP_CODE ?? '', organization: 'Harbour Works', name: 'Robin Fielding', email: 'robin@trivet.example', password: 'a long enough password' }
    for (let n = 0; n < 40; n += 1) {
      const id = await page.evaluate(() => document.activeElement.id)
      if (given[id]) await page.keyboard.type(given[id])
      if (id === 'partner') break         // ticked already
      await page.keyboard.press('Tab')
    }
    await Promise.all([page.waitForURL(url => url.pathname === '/'), page.keyboard.press('Enter')])
    session = await page.context().storageState()
    return page.findings()
  })
  if (session) {
    for (const setting of [{ locale: 'en', theme: 'light', width: 1440 }, { locale: 'zh-CN', theme: 'dark', width: 390 }]) {
      const page = await open(setting, session)
      await setLocale(page, setting.locale)
      for (const path of EMPTY) {
        await tests.test(`empty ${path} ${setting.locale} ${setting.theme} ${setting.width}`, async () => {
          await page.findings()
          const answer = await page.goto(BASE + path, { waitUntil: 'load' })
          if (!answer?.ok()) return [`answered ${answer?.status()}`]
          // What was set up in English, such as the stages, stays English.
          return see(page, setting, path.slice(1).replace(/\W+/g, '-') || 'home', setting.locale === 'en')
        })
      }
      await page.context().close()
    }
  }
  await browser.close()
  return tests
}

if (process.argv[1] === fileURLToPath(import.meta.url)) (await setup()).close()

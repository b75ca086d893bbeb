// The pictures of the README, of the demo company as its partner sees it. Not a test, but a page on which something goes wrong
// is not taken.   make pictures
import { join } from 'node:path'
import { BASE, here, launch, setLocale, setTheme, watch } from './lib.mjs'
import { signInAs } from './world.mjs'

const EDITION = process.env.E2E_EDITION ?? 'en'
const FOLDER = join(here, '../docs/pictures')
const WIDE = { width: 1440, height: 900 }, PHONE = { width: 390, height: 844 }
const PICTURES = {
  en: [['board-en', '/board', WIDE], ['home-en', '/', WIDE], ['analysis-en', '/analysis', WIDE]],
  'zh-CN': [['board-zh', '/board', WIDE], ['home-zh', '/', WIDE], ['analysis-zh', '/analysis', WIDE], ['list-zh', '/accounts', WIDE], ['phone-zh', '/board', PHONE]],
}

const browser = await launch()
const storageState = await signInAs(browser, 'partner')
for (const [name, path, viewport] of PICTURES[EDITION]) {
  const context = await browser.newContext({ viewport, hasTouch: viewport === PHONE, reducedMotion: 'reduce', locale: EDITION, storageState })
  await setTheme(context, 'light')
  const page = await watch(context)
  await setLocale(page, EDITION)
  await page.goto(BASE + path, { waitUntil: 'load' })
  await page.settle()
  const findings = await page.findings()
  if (findings.length) throw new Error(`${name}: ${findings.join('; ')}`)
  await page.screenshot({ path: join(FOLDER, `${name}.png`) })
  console.log(`docs/pictures/${name}.png`)
  await context.close()
}
await browser.close()

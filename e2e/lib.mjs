// What every browser test uses: start, sign in, watch, and look for the faults that no page may have.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

export const here = dirname(fileURLToPath(import.meta.url))
export const BASE = (process.env.BASE_URL ?? 'http://127.0.0.1:8080').replace(/\/$/, '')
export const EMAIL = process.env.E2E_EMAIL ?? 'lin.yue@example.com'
export const PASSWORD = process.env.E2E_PASSWORD ?? 'demo'
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})

/** A page that notes what goes wrong on it. `expected` are status codes a test provokes on purpose. */
export async function watch(context, { expected = [] } = {}) {
  const page = await context.newPage()
  const noise = []
  await page.addInitScript(() => {
    window.__violations = []
    document.addEventListener('securitypolicyviolation', e => window.__violations.push(`${e.effectiveDirective} blocked ${e.blockedURI || 'inline'} (${e.sourceFile || 'document'}:${e.lineNumber})`))
  })
  page.on('console', message => {
    const text = message.text()
    const provoked = expected.some(code => text.includes(`status of ${code}`))
    if (message.type() === 'error' && !provoked) noise.push(`console: ${text.slice(0, 200)}`)
  })
  page.on('pageerror', error => noise.push(`script: ${error.message}`))
  page.on('requestfailed', request => { if (request.failure()?.errorText !== 'net::ERR_ABORTED') noise.push(`request: ${request.url()} ${request.failure()?.errorText}`) })
  page.on('response', response => { if (response.status() >= 400 && !expected.includes(response.status())) noise.push(`status ${response.status()}: ${response.url()}`) })
  page.findings = async () => {
    const violations = await page.evaluate(() => window.__violations ?? []).catch(() => [])
    return [...noise.splice(0), ...violations.map(v => `policy: ${v}`)]
  }
  return page
}

/** Signs in by the form. Returns the state (cookies) that other contexts can start with. */
export async function signIn(page, email = EMAIL, password = PASSWORD) {
  await page.goto(`${BASE}/sign-in`)
  await page.fill('[name=email]', email)
  await page.fill('[name=password]', password)
  await Promise.all([page.waitForURL(url => !url.pathname.startsWith('/sign-in')), page.click('form:has([name=password]) button:not([type=button])')])
  return page.context().storageState()
}

export const setLocale = (page, locale) => page.request.post(`${BASE}/me/locale`, { form: { locale }, headers: { Origin: BASE, 'Sec-Fetch-Site': 'same-origin' }, maxRedirects: 0 })
export const setTheme = (context, theme) => context.addCookies([{ name: 'theme', value: theme, url: BASE }])

/** Horizontal scrolling of the page itself; names the widest thing that sticks out. */
export const tooWide = page => page.evaluate(() => {
  const over = document.documentElement.scrollWidth - innerWidth
  if (over <= 0) return []
  const clipped = element => { for (let box = element.parentElement; box && box !== document.body; box = box.parentElement) if (/auto|scroll|hidden|clip/.test(getComputedStyle(box).overflowX)) return true; return false }
  const worst = [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !clipped(e)).sort((a, b) => b.getBoundingClientRect().right - a.getBoundingClientRect().right)[0]
  return [`${over} px too wide${worst ? `: <${worst.localName} class="${worst.getAttribute('class') ?? ''}">` : ''}`]
})

/** axe in the page; the page's context must have bypassCSP, because axe is put in as a script. */
export async function axe(page) {
  await page.evaluate(axeSource)
  const { violations } = await page.evaluate(() => window.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] }))
  return violations.map(v => `axe ${v.id} ×${v.nodes.length}: ${v.nodes[0].target.join(' ')} ${v.nodes[0].any[0]?.message ?? v.help}`)
}

/** Every key of the Fluent files; a page must not show one. */
export const messageKeys = (() => {
  const keys = new Set()
  const folder = join(here, '../locales/en')
  if (existsSync(folder)) for (const file of readdirSync(folder).filter(name => name.endsWith('.ftl'))) {
    for (const [, key] of readFileSync(join(folder, file), 'utf8').matchAll(/^([a-zA-Z][\w-]*)\s*=/gm)) keys.add(key)
  }
  return keys
})()

/** Words on the page that are keys of messages, or askama's or Fluent's braces that were never filled. */
export async function rawKeys(page) {
  const text = await page.evaluate(() => {
    const words = [...document.querySelectorAll('[aria-label], [title], [placeholder]')].flatMap(e => [e.getAttribute('aria-label'), e.getAttribute('title'), e.getAttribute('placeholder')])
    return [document.title, document.body.innerText, ...words].filter(Boolean).join('\n')
  })
  const found = new Set()
  for (const [word] of text.matchAll(/\b[a-z]+(-[a-z0-9]+){2,}\b/g)) if (messageKeys.has(word)) found.add(`message key shown: ${word}`)
  for (const [braces] of text.matchAll(/\{\s*\$[\w-]+\s*\}|\{\{.*?\}\}|⟦.*?⟧/g)) found.add(`unfilled: ${braces}`)
  return [...found]
}

/** Runs tests one after the other and closes with "N passed, N failed". */
export function suite() {
  let passed = 0
  const failed = []
  return {
    async test(name, run) {
      try {
        const findings = await run() ?? []
        if (findings.length) throw new Error(findings.join('\n    '))
        passed += 1
      } catch (error) {
        failed.push(name)
        console.log(`FAIL ${name}\n    ${error.message}`)
      }
    },
    close() {
      console.log(`${passed} passed, ${failed.length} failed`)
      process.exitCode = failed.length ? 1 : 0
      return { passed, failed: failed.length }
    },
  }
}

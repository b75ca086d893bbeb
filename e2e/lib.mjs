// What every browser test uses: start, sign in, watch, and look for the faults that no page may have.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

export const here = dirname(fileURLToPath(import.meta.url))
export const BASE = (process.env.BASE_URL ?? 'http://127.0.0.1:8080').replace(/\/$/, '')
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find(existsSync),
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})

/** A page that notes what goes wrong on it. `expected` are status codes that a test provokes on purpose; it may be changed. */
export async function watch(context, { expected = [] } = {}) {
  const page = await context.newPage()
  const noise = []
  page.expected = expected
  await page.addInitScript(() => {
    window.__violations = []
    document.addEventListener('securitypolicyviolation', e => window.__violations.push(`${e.effectiveDirective} blocked ${e.blockedURI || 'inline'} (${e.sourceFile || 'document'}:${e.lineNumber})`))
  })
  page.on('console', message => {
    const text = message.text()
    const provoked = page.expected.some(code => text.includes(`status of ${code}`))
    if (message.type() === 'error' && !provoked) noise.push(`console: ${text.slice(0, 200)}`)
  })
  let under = 0                            // requests on their way
  page.on('request', () => { under += 1 })
  page.on('requestfinished', () => { under -= 1 })
  page.on('pageerror', error => noise.push(`script: ${error.message}`))
  page.on('requestfailed', request => {
    under -= 1
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') noise.push(`request: ${request.url()} ${request.failure()?.errorText}`)
  })
  page.on('response', response => { if (response.status() >= 400 && !page.expected.includes(response.status())) noise.push(`status ${response.status()}: ${response.url()}`) })
  page.findings = async () => {
    const violations = await page.evaluate(() => window.__violations?.splice(0) ?? []).catch(() => [])
    return [...noise.splice(0), ...violations.map(v => `policy: ${v}`)]
  }
  /** Until nothing is on its way any more and what arrived is drawn. */
  page.settle = async () => {
    const late = Date.now() + 10_000
    do await page.evaluate(() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn))))
    while (under > 0 && Date.now() < late)
  }
  return page
}

/** Signs in by the form. Returns the state (cookies) that other contexts can start with. */
export async function signIn(page, email, password) {
  await page.goto(`${BASE}/sign-in`)
  await page.fill('[name=email]', email)
  await page.fill('[name=password]', password)
  await Promise.all([page.waitForURL(url => !url.pathname.startsWith('/sign-in')), page.click('form:has([name=password]) button:not([type=button])')])
  return page.context().storageState()
}

export const setLocale = (page, locale) => page.request.post(`${BASE}/me/locale`, { form: { locale }, headers: { Origin: BASE, 'Sec-Fetch-Site': 'same-origin' }, maxRedirects: 0 })
export const setTheme = (context, theme) => context.addCookies([{ name: 'theme', value: theme, url: BASE }])

/**
 * Horizontal scrolling of the page itself; names the widest thing that sticks out. And what of the page's content lies wholly
 * beyond the edge of a box that cuts it off, with nothing between them that scrolls: it can't be reached at all.
 */
export const tooWide = page => page.evaluate(() => {
  const name = element => `<${element.localName} class="${element.getAttribute('class') ?? ''}">`
  const isLost = element => {
    const here = element.getBoundingClientRect()
    if (here.width <= 1 || here.height <= 1 || !element.checkVisibility({ visibilityProperty: true })) return false
    for (let box = element.parentElement; box && box !== document.body; box = box.parentElement) {
      const { overflowX, position } = getComputedStyle(box), edge = box.getBoundingClientRect()
      // Words for listeners only are cut off on purpose, by a box of a pixel.
      if (/auto|scroll/.test(overflowX) || position === 'fixed' || edge.width <= 1) return false
      if (/hidden|clip/.test(overflowX) && (here.left >= edge.right - 1 || here.right <= edge.left + 1)) return true
    }
    return false
  }
  const lost = [...document.querySelectorAll('main :is(a, button, input, select, textarea, summary, th, td, h1, h2, h3, p, label)')].filter(isLost)
  if (lost.length) return [`${lost.length} things are cut off and can't be scrolled to: ${name(lost[0])} ${lost[0].textContent.trim().slice(0, 40)}`]
  const over = document.documentElement.scrollWidth - innerWidth
  if (over <= 0) return []
  const clipped = element => { for (let box = element.parentElement; box && box !== document.body; box = box.parentElement) if (/auto|scroll|hidden|clip/.test(getComputedStyle(box).overflowX)) return true; return false }
  const worst = [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !clipped(e)).sort((a, b) => b.getBoundingClientRect().right - a.getBoundingClientRect().right)[0]
  return [`${over} px too wide${worst ? `: ${name(worst)}` : ''}`]
})

/**
 * axe on the page, or on the part `within`. Rows that are built alike are faulty alike: of each build two stay, the rest is
 * taken out of the page first, because axe takes seconds for a table of fifty. So this comes last. `rules`: only these.
 */
export async function axe(page, within, rules) {
  await page.evaluate(() => {
    const build = element => element.outerHTML.replace(/>[^<]+/g, '>').replace(/ (?!class=|role=|type=)[\w-]+(="[^"]*")?/g, '')
    for (const parent of document.querySelectorAll('tbody, ol, ul, dl, select')) {
      const seen = new Map()
      for (const child of [...parent.children]) {
        const times = (seen.get(build(child)) ?? 0) + 1
        seen.set(build(child), times)
        if (times > 2) {
          (window.takenOut ??= []).push([parent, child, child.nextSibling, child.selected])
          child.remove()
        }
      }
    }
  })
  if (!await page.evaluate(() => Boolean(window.axe))) await page.evaluate(axeSource)      // the debugger's door is not under the page's policy
  const violations = await page.evaluate(async ([part, rules]) => {
    const options = { runOnly: rules ?? ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'], resultTypes: ['violations'], preload: false }
    const { violations } = await window.axe.run(part ?? document, options)
    return violations.map(v => [v.id, v.nodes.length, v.nodes[0].target.join(' '), v.nodes[0].any[0]?.message ?? v.help])
  }, [within, rules])
  // A form that is asked whether it was touched must say what it said before.
  await page.evaluate(() => {
    for (const [parent, child, next, selected] of (window.takenOut ?? []).reverse()) {
      parent.insertBefore(child, next?.parentNode === parent ? next : null)
      if (selected) child.selected = true
    }
    window.takenOut = []
  })
  return violations.map(([id, times, where, what]) => `axe ${id} ×${times}: ${where} ${what}`)
}

/** What another theme can break of what axe looks for. */
export const COLOURS = ['color-contrast', 'link-in-text-block']

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

/** Icons that the sprite does not have are empty places. */
export const missingIcons = page => page.evaluate(async () => {
  const uses = [...document.querySelectorAll('svg use')].map(use => use.getAttribute('href') ?? '')
  const sprite = uses.map(href => href.split('#')[0]).find(Boolean)
  if (!sprite) return []
  window.__icons ??= new Set([...(await (await fetch(sprite)).text()).matchAll(/ id="([^"]+)"/g)].map(match => match[1]))
  return [...new Set(uses.map(href => href.split('#')[1]))].filter(id => id && !window.__icons.has(id)).map(id => `no icon ${id}`)
})

const CHINESE = /[\u3400-\u9fff]/
/** Sentences of the one language whose other language says something else. */
const english = (() => {
  const read = locale => {
    const words = new Map(), folder = join(here, '../locales', locale)
    for (const file of existsSync(folder) ? readdirSync(folder).filter(name => name.endsWith('.ftl')) : []) {
      for (const [, key, text] of readFileSync(join(folder, file), 'utf8').matchAll(/^([a-zA-Z][\w-]*)\s*=\s*([^{}\n]+)$/gm)) words.set(key, text.trim())
    }
    return words
  }
  const chinese = read('zh-CN')
  // The program's name stays in every language.
  return new Set([...read('en')].filter(([key, text]) => chinese.has(key) && chinese.get(key) !== text && text !== 'Trivet' && !CHINESE.test(text)).map(([, text]) => text))
})()

/** Words of the other language. Only sensible where the data are of the page's language too. */
export async function otherLanguage(page, locale) {
  const texts = await page.evaluate(() => {
    const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const around = node.parentElement
      if (node.data.trim() && !around.closest('[lang]:not(html), script, template, code, pre') && !around.closest('option:not(:checked)')) found.push(node.data.trim())
    }
    for (const element of document.querySelectorAll('[aria-label], [title], [placeholder]')) if (!element.closest('[lang]:not(html)')) found.push(...['aria-label', 'title', 'placeholder'].map(name => element.getAttribute(name)).filter(Boolean))
    return found
  })
  const foreign = locale === 'en' ? text => CHINESE.test(text) : text => english.has(text)
  return [...new Set(texts.filter(foreign))].slice(0, 5).map(text => `not ${locale}: ${text.slice(0, 60)}`)
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

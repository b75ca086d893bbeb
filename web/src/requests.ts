// The only file that configures htmx or knows the names of its events (docs/decisions/0003-htmx.md).
import htmx from 'htmx.org/dist/htmx.esm.js'
import { Idiomorph } from 'idiomorph/dist/idiomorph.esm.js'
import { byId } from './dom'
import { showToast } from './toast'

Object.assign(htmx.config, {
  includeIndicatorStyles: false,       // would insert a <style>, which the policy forbids
  allowEval: false,
  allowScriptTags: false,
  selfRequestsOnly: true,
  historyCacheSize: 0,                 // pages with customers' names do not belong in web storage
  refreshOnHistoryMiss: true,
  timeout: 30_000,
  defaultSettleDelay: 0,
  attributesToSettle: ['class'],       // copying `style` by attribute would break the policy
  scrollIntoViewOnBoost: false,
  responseHandling: [
    { code: '204', swap: false },
    { code: '[23]..', swap: true },
    { code: '422|409', swap: true },   // the same form again, with what is wrong; or the conflict page
    { code: '...', swap: false, error: true },
  ],
})

// `hx-swap="morph"` (inner) and `hx-swap="morph:outerHTML"`, available on every page.
htmx.defineExtension('morph', {
  isInlineSwap: style => style.startsWith('morph'),
  handleSwap(style, target, fragment) {
    if (!style.startsWith('morph')) return false
    const inner = style === 'morph' || style === 'morph:innerHTML'
    return Idiomorph.morph(target as Element, (fragment as ParentNode).children, {
      morphStyle: inner ? 'innerHTML' : 'outerHTML',
      // What somebody types is kept. A card that has the focus is renewed all the same: its menu and version would be old.
      ignoreActiveValue: document.activeElement?.matches('input, textarea, select') ?? false,
      // A menu that somebody has open stays open, and where it was laid.
      callbacks: { beforeAttributeUpdated: (name: string, node: Element) => !((name === 'open' && node.matches('details.menu')) || (name === 'style' && node.matches('.menu-list'))) },
    })
  },
})
document.body.setAttribute('hx-ext', 'morph')

interface Detail { xhr: XMLHttpRequest, target: HTMLElement, elt: HTMLElement, requestConfig: { elt: Element }, shouldSwap: boolean, isError: boolean }
const listen = (name: string, handle: (detail: Detail) => void) =>
  document.addEventListener(name, event => handle((event as CustomEvent<Detail>).detail))

// A target that waits is busy; it looks so only if it takes longer than 300 ms.
const waiting = new Map<XMLHttpRequest, { target: HTMLElement, timer: number }>()
listen('htmx:beforeSend', ({ xhr, target }) => {
  target.setAttribute('aria-busy', 'true')
  waiting.set(xhr, { target, timer: window.setTimeout(() => target.classList.add('is-loading'), 300) })
})
listen('htmx:afterRequest', ({ xhr }) => {
  const wait = waiting.get(xhr)
  if (!wait) return
  clearTimeout(wait.timer)
  wait.target.removeAttribute('aria-busy')
  wait.target.classList.remove('is-loading')
  waiting.delete(xhr)
})

// Focus: htmx keeps it by id. Where an element has none we look for its twin by what it does, first in what is left of its
// surroundings; if it is gone, its surroundings get the focus, and in a form that was refused the first field that is wrong.
const FOCUSABLE = 'a[href], button:not(:disabled), input:not([type=hidden]):not(:disabled), select, textarea, summary, [tabindex]:not([tabindex="-1"])'
let lost: { twin: string | undefined, around: HTMLElement[] } | undefined
listen('htmx:beforeSwap', ({ target }) => {
  const focused = document.activeElement
  if (!(focused instanceof HTMLElement) || focused === document.body || !target.contains(focused)) { lost = undefined; return }
  const around: HTMLElement[] = []
  for (let box = focused.parentElement; box && box !== document.body && box.id !== 'main'; box = box.parentElement) around.push(box)
  lost = { twin: describe(focused), around }
})
document.addEventListener('htmx:afterSettle', () => {
  const was = lost
  lost = undefined
  if (!was || document.activeElement !== document.body) return
  // What was renewed as a whole, like a cell that was edited, is known by its twin.
  const renewed = (box: HTMLElement) => { const twin = describe(box); return twin ? document.querySelector<HTMLElement>(twin) : null }
  const places = was.around.flatMap(box => box.isConnected ? box : renewed(box) ?? [])
  const twinIn = (place: ParentNode) => was.twin ? place.querySelector<HTMLElement>(was.twin) : null
  if (take(places[0]?.querySelector<HTMLElement>('form [aria-invalid=true]'))) return
  for (const place of places) if (take(twinIn(place)) || take(place) || take(place.querySelector<HTMLElement>(FOCUSABLE))) return
  if (!take(twinIn(document))) byId('main')?.focus({ preventScroll: true })
})
/** Gives the focus to what can have it and can be seen. */
function take(element: HTMLElement | null | undefined) {
  if (!element?.matches(FOCUSABLE) || element.getClientRects().length === 0) return false
  element.focus({ preventScroll: true })
  return document.activeElement === element
}
function describe(element: HTMLElement) {
  for (const name of ['id', 'data-card', 'data-edit', 'data-row', 'name', 'href', 'hx-get', 'hx-post', 'formaction', 'data-dialog']) {
    const value = element.getAttribute(name)
    if (value) return `${element.localName}[${name}="${CSS.escape(value)}"]`
  }
  return undefined
}

// Failures. What a server answer carries in `HX-Trigger` has been shown already.
const failed = () => {
  const words = byId('toasts')?.dataset.networkError
  if (words) showToast({ text: words, kind: 'danger' })
}
/** Leads to the sign-in and back, but not away from a dialog that somebody has filled in. */
function signedOut() {
  const words = byId('toasts')?.dataset.signedOut
  if (words && document.querySelector('#dialog[open] form')) showToast({ text: words, kind: 'danger' })
  else location.assign('/sign-in?next=' + encodeURIComponent(location.pathname + location.search))
}
listen('htmx:responseError', ({ xhr }) => {
  if (xhr.status === 401) signedOut()
  else if (!xhr.getResponseHeader('HX-Trigger')?.includes('"toast"')) failed()
})

/** Calls `handle` when a request does not arrive, or its answer does not. */
export function onFailure(handle: () => void) {
  listen('htmx:sendError', handle)
  listen('htmx:timeout', handle)
}
onFailure(failed)

// What a refusal says is a toast alone where its body is empty: put in place of the form, it would take away what was typed.
listen('htmx:beforeSwap', detail => {
  if (detail.xhr.status < 400 || detail.xhr.responseText.trim() !== '') return
  detail.shouldSwap = false
  detail.isError = true
})

/** Sends a request in the name of `source`; the answer goes where the markup or `options` say. */
export const send = (verb: 'get' | 'post', url: string, options: {
  source?: Element, target?: Element | string, swap?: string, select?: string, selectOOB?: string, values?: Record<string, string>,
}) => htmx.ajax(verb, url, { ...options, swap: options.swap ?? 'none' } as Parameters<typeof htmx.ajax>[2])

/** Looks at the answer to requests made by `source` before it is swapped. */
export const onAnswer = (handle: (detail: Detail & { swapOverride: string }) => void) =>
  document.addEventListener('htmx:beforeSwap', event => handle((event as CustomEvent).detail))

export const process = (element: Element) => htmx.process(element)
export const reload = (element: Element) => htmx.trigger(element, 'refresh')

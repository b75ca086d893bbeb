// Small helpers that every module uses. Events are delegated from the document, so they survive htmx swaps.

/** Calls `handle` when `type` happens inside an element that matches `selector`. */
export function on<K extends keyof DocumentEventMap>(
  type: K, selector: string, handle: (event: DocumentEventMap[K], element: HTMLElement) => void, capture = false,
) {
  document.addEventListener(type, event => {
    const origin = event.target instanceof Element ? event.target : null
    const element = origin?.closest<HTMLElement>(selector)
    if (element) handle(event, element)
  }, capture)
}

/** An event that the server asked for by the `HX-Trigger` header. */
export function onServer<T>(name: string, handle: (detail: T) => void) {
  document.addEventListener(name, event => handle((event as CustomEvent<T>).detail))
}

export const byId = <T extends HTMLElement>(id: string) => document.getElementById(id) as T | null
export const all = <T extends HTMLElement>(selector: string, root: ParentNode = document) => [...root.querySelectorAll<T>(selector)]

export const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || target.closest('input:not([type=checkbox]):not([type=radio]), textarea, select, .ts-control') !== null)

export const isPlainClick = (event: MouseEvent) => event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey

/** Says something to people who listen rather than look. */
export function announce(text: string | undefined) {
  const live = byId('live')
  if (!live || !text) return
  live.textContent = ''
  requestAnimationFrame(() => { live.textContent = text })
}

export const wantsLessMotion = () => matchMedia('(prefers-reduced-motion: reduce)').matches

/** Runs `prepare` on everything that is in the page now and on all that htmx brings later. */
export function onContent(prepare: (root: HTMLElement) => void) {
  const now = () => prepare(document.body)
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', now)
  else now()
  document.addEventListener('htmx:load', event => {
    if (event.target instanceof HTMLElement && event.target !== document.body) prepare(event.target)
  })
}

// Single-letter keys. Off while someone types or a dialog is open, and off altogether with data-shortcuts="off" (WCAG 2.1.4).
import { all, byId, isTyping } from './dom'
import { openPalette } from './palette'

let goUntil = 0

const seen = (selector: string) => all(selector).find(element => element.getClientRects().length > 0 || element.closest('.side'))

function moveRow(step: 1 | -1) {
  const rows = all('[data-row]').filter(row => row.getClientRects().length > 0)
  const at = rows.findIndex(row => row.contains(document.activeElement))
  const row = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1)]
  if (!row) return
  row.tabIndex = row.tabIndex < 0 ? -1 : row.tabIndex
  if (!row.hasAttribute('tabindex')) row.tabIndex = -1
  row.focus({ preventScroll: true })
  row.scrollIntoView({ block: 'nearest' })
}

/** True if the key meant something here. */
function press(key: string): boolean {
  const row = document.activeElement?.closest<HTMLElement>('[data-row]')
  if (performance.now() < goUntil) {
    goUntil = 0
    const link = all(`[data-go="${CSS.escape(key)}"]`)[0]
    link?.click()
    return Boolean(link)
  }
  switch (key) {
    case '?': byId<HTMLDialogElement>('keys')?.showModal(); return true
    case '/': openPalette(); return true
    case 'g': goUntil = performance.now() + 1200; return true
    case 'c': case 'e': {
      const button = seen(`[data-key="${key}"]`)
      button?.click()
      return Boolean(button)
    }
    case 'j': moveRow(1); return true
    case 'k': moveRow(-1); return true
    case 'x': {
      const box = row?.querySelector<HTMLInputElement>('input[type=checkbox]')
      box?.click()
      return Boolean(box)
    }
    case 'b': {
      // The bar comes after all the rows: from the keyboard a long way.
      const button = all('[data-bulk-bar]:not([hidden]) button').find(element => element.getClientRects().length > 0)
      button?.focus()
      return Boolean(button)
    }
    case 'Enter': {
      if (!row || document.activeElement !== row) return false
      const link = row.querySelector<HTMLElement>('a[data-open]')
      link?.click()
      return Boolean(link)
    }
    default: return false
  }
}

export function startKeys() {
  document.addEventListener('keydown', event => {
    if (document.body.dataset.shortcuts === 'off') return
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return
    if (isTyping(event.target) || document.querySelector('dialog[open]')) return
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
    if (press(key)) event.preventDefault()
  })
}

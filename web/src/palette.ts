// The command palette: Ctrl-K, Cmd-K or `/`. The server ranks, groups and remembers; here is only the list's handling.
import { all, byId, on } from './dom'

let pending: AbortController | undefined
let timer = 0

const parts = () => {
  const dialog = byId<HTMLDialogElement>('palette')
  const input = dialog?.querySelector<HTMLInputElement>('input')
  const list = dialog?.querySelector<HTMLElement>('[role=listbox]')
  return dialog && input && list ? { dialog, input, list } : undefined
}

export function openPalette() {
  const found = parts()
  if (!found || found.dialog.open) return
  found.input.value = ''
  found.dialog.showModal()
  found.input.focus()
  void look()
}

async function look() {
  const found = parts()
  if (!found) return
  pending?.abort()
  const mine = pending = new AbortController()
  try {
    const url = `${found.dialog.dataset.url ?? '/palette'}?q=${encodeURIComponent(found.input.value.trim())}`
    const answer = await fetch(url, { headers: { 'HX-Request': 'true', 'HX-Target': 'palette' }, signal: mine.signal })
    if (answer.status === 401) return location.assign('/sign-in')
    if (!answer.ok) throw new Error(String(answer.status))
    found.list.innerHTML = await answer.text()
    tell(found.dialog, found.list.querySelector<HTMLElement>('[data-count-text]')?.dataset.countText)
    choose(0)
  } catch (error) {
    if (!mine.signal.aborted) tell(found.dialog, byId('toasts')?.dataset.networkError, error)
  }
}

function tell(dialog: HTMLElement, text: string | undefined, _why?: unknown) {
  const count = dialog.querySelector('[data-palette-count]')
  if (count) count.textContent = text ?? ''
}

const options = () => all('#palette [role=option]')
const chosen = () => options().findIndex(option => option.getAttribute('aria-selected') === 'true')

function choose(index: number) {
  const list = options()
  const found = parts()
  if (!found) return
  const at = list.length === 0 ? -1 : (index + list.length) % list.length
  list.forEach((option, i) => {
    option.id ||= `palette-option-${i}`
    option.tabIndex = -1
    option.setAttribute('aria-selected', String(i === at))
  })
  const option = list[at]
  found.input.setAttribute('aria-expanded', String(list.length > 0))
  if (option) found.input.setAttribute('aria-activedescendant', option.id)
  else found.input.removeAttribute('aria-activedescendant')
  option?.scrollIntoView({ block: 'nearest' })
}

export function startPalette() {
  on('input', '#palette input', () => {
    clearTimeout(timer)
    pending?.abort()
    timer = window.setTimeout(() => void look(), 80)
  })
  on('keydown', '#palette input', event => {
    if (event.isComposing) return                    // an IME's Enter chooses characters, not a record
    if (event.key === 'ArrowDown') choose(chosen() + 1)
    else if (event.key === 'ArrowUp') choose(chosen() - 1)
    else if (event.key === 'Enter') options()[chosen()]?.click()
    else return
    event.preventDefault()
  })
  on('click', '#palette [role=option]', () => parts()?.dialog.close())
  on('click', '[data-palette]', event => {
    event.preventDefault()
    openPalette()
  })
  document.addEventListener('keydown', event => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'k') {
      event.preventDefault()
      openPalette()
    }
  })
}

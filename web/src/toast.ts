// Toasts. The server sends `HX-Trigger: {"toast":{"text","kind","undo"}}`, or renders them into #toasts with the page.
// Ten seconds, longer while the pointer or the focus is on it.
import { all, byId, on, onServer } from './dom'
import { send } from './requests'

export interface Toast { text: string, kind?: 'success' | 'danger' | 'info', undo?: string }
const LIFE = 10_000

export function showToast({ text, kind = 'info', undo }: Toast) {
  const box = byId('toasts')
  const template = byId<HTMLTemplateElement>('toast-template')
  const item = (template?.content.cloneNode(true) as DocumentFragment | undefined)?.firstElementChild
  if (!box || !(item instanceof HTMLElement)) return
  item.dataset.kind = kind
  item.querySelector('[data-toast-text]')!.textContent = text
  const button = item.querySelector<HTMLElement>('[data-toast-undo]')
  if (button) {
    button.hidden = !undo
    button.dataset.toastUndo = undo ?? ''
    if (box.dataset.undoLabel) button.textContent = box.dataset.undoLabel
  }
  while (box.children.length >= 3) box.firstElementChild!.remove()
  box.append(item)
  age(item)
}

function age(item: HTMLElement) {
  let timer = 0
  const start = () => { timer = window.setTimeout(() => item.remove(), LIFE) }
  const stop = () => clearTimeout(timer)
  item.addEventListener('mouseenter', stop)
  item.addEventListener('focusin', stop)
  item.addEventListener('mouseleave', start)
  item.addEventListener('focusout', start)
  start()
}

export function startToasts() {
  all('#toasts > .toast-item').forEach(age)
  onServer<Toast>('toast', showToast)
  on('click', '[data-toast-close]', (_, button) => button.closest('.toast-item')?.remove())
  on('click', '[data-toast-undo]', (_, button) => {
    const url = button.dataset.toastUndo
    if (!url) return                                 // rendered with the page: its form goes off, and must stay until it has
    button.closest('.toast-item')?.remove()
    void send('post', url, { source: document.body, swap: 'none' })
  })
}

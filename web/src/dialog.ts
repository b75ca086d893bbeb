// The one dialog of the frame, and the question before what cannot be undone.
// `data-dialog="/url"` fetches a fragment into <dialog id="dialog">; without script the same href opens a page.
import { byId, isPlainClick, on, onServer } from './dom'
import { send } from './requests'

let opener: HTMLElement | undefined

export function openDialog(from?: HTMLElement | null) {
  const dialog = byId<HTMLDialogElement>('dialog')
  if (!dialog || dialog.open) return
  opener = from ?? (document.activeElement instanceof HTMLElement ? document.activeElement : undefined)
  dialog.classList.toggle('dialog-l', opener?.dataset.dialogSize === 'large')
  dialog.showModal()
}

/** Where the focus goes back to: the opener, or its twin if a swap has replaced it. */
function giveFocusBack() {
  const back = opener
  opener = undefined
  if (!back) return
  const twin = back.isConnected ? back : back.id ? byId(back.id) : back.dataset.dialog ? document.querySelector<HTMLElement>(`[data-dialog="${CSS.escape(back.dataset.dialog)}"]`) : null
  // A menu may have closed over its item: then its summary is the place that can be seen.
  const hidden = twin?.closest('details:not([open])')?.querySelector<HTMLElement>('summary')
  ;(hidden ?? twin)?.focus({ preventScroll: true })
}

/** A button that opens a form takes along what was typed around it. */
function addressOf(element: HTMLElement): string {
  const address = element.dataset.dialog!
  if (!(element instanceof HTMLButtonElement) || element.formMethod !== 'get' || !element.form) return address
  const typed = [...new FormData(element.form, element)].map(([key, value]) => [key, String(value)])
  return `${address}?${new URLSearchParams(typed)}`
}

export function startDialogs() {
  on('click', '[data-dialog]', (event, element) => {
    if (!isPlainClick(event)) return
    event.preventDefault()
    const dialog = byId<HTMLDialogElement>('dialog')
    if (!dialog) return
    const before = dialog.innerHTML
    void send('get', addressOf(element), { source: element, target: dialog, swap: 'innerHTML' }).then(() => {
      if (dialog.innerHTML === before || dialog.childElementCount === 0) return
      openDialog(element)
      ;(dialog.querySelector<HTMLElement>('[autofocus], [aria-invalid=true]') ?? dialog.querySelector<HTMLElement>('input:not([type=hidden]), select, textarea'))?.focus()
    })
  })
  on('click', 'dialog [data-close]', (event, button) => {
    event.preventDefault()
    button.closest('dialog')?.close()
  })
  on('mousedown', 'dialog', (event, dialog) => {
    if (event.target !== dialog) return
    const box = dialog.getBoundingClientRect()
    const outside = event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom
    const hasWork = dialog.id === 'dialog' && dialog.querySelector('form')
    if (outside && !hasWork) (dialog as HTMLDialogElement).close()
  })
  // Esc closes an open picker first, the dialog after that.
  document.addEventListener('cancel', event => {
    if ((event.target as Element).querySelector('.ts-wrapper.dropdown-active')) event.preventDefault()
  }, true)
  document.addEventListener('close', event => {
    if ((event.target as Element).id !== 'dialog') return
    (event.target as HTMLElement).replaceChildren()
    giveFocusBack()
  }, true)
  onServer('close-dialog', () => byId<HTMLDialogElement>('dialog')?.close())
  startConfirmation()
}

// Confirmation: `data-confirm="text"` on a button, link or form; `data-confirm-word` asks to type a word.
let agreed: HTMLElement | undefined

function ask(element: HTMLElement, then: () => void) {
  const dialog = byId<HTMLDialogElement>('confirm')
  if (!dialog) return then()
  dialog.querySelector('[data-confirm-text]')!.textContent = element.dataset.confirm ?? ''
  const word = element.dataset.confirmWord
  const field = dialog.querySelector<HTMLElement>('[data-confirm-field]')
  const input = field?.querySelector('input')
  const ok = dialog.querySelector<HTMLButtonElement>('[data-confirm-ok]')!
  if (field && input) {
    field.hidden = !word
    field.querySelector('[data-confirm-word]')!.textContent = word ?? ''
    input.value = ''
    input.oninput = () => { ok.disabled = Boolean(word) && input.value.trim() !== word }
  }
  ok.disabled = Boolean(word)
  ok.onclick = () => {
    dialog.close()
    agreed = element
    then()
    agreed = undefined
  }
  dialog.showModal()
}

function startConfirmation() {
  on('click', '[data-confirm]:not(form)', (event, element) => {
    if (agreed === element) return
    event.preventDefault()
    event.stopImmediatePropagation()
    ask(element, () => element.click())
  }, true)
  on('submit', 'form[data-confirm]', (event, form) => {
    if (agreed === form) return
    event.preventDefault()
    event.stopImmediatePropagation()
    const submitter = (event as SubmitEvent).submitter
    ask(form, () => (form as HTMLFormElement).requestSubmit(submitter))
  }, true)
}

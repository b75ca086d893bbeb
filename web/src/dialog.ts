// The one dialog of the frame, and the question before what cannot be undone.
// `data-dialog="/url"` fetches a fragment into <dialog id="dialog">; without script the same href opens a page.
import { all, byId, isPlainClick, on, onServer } from './dom'
import { onAnswer, onFailure, send } from './requests'

let opener: HTMLElement | undefined
let asOpened: string[][] = []
let isSent = false

/** What stands in the fields of the dialog, each with its name first. */
const typedIn = (dialog: HTMLElement) => all<HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement>('input[name]:not([type=hidden]), select[name], textarea[name]', dialog).map(field => {
  if (field instanceof HTMLSelectElement) return [field.name, ...[...field.selectedOptions].map(option => option.value)]
  const isTick = field instanceof HTMLInputElement && (field.type === 'checkbox' || field.type === 'radio')
  return [field.name, field.value, isTick ? String(field.checked) : '']
})

/** Closes the dialog; who has typed something into it is asked first. */
function leave(dialog: HTMLDialogElement) {
  if (isUntouched(dialog)) dialog.close()
  else askToDiscard(dialog)
}
function isUntouched(dialog: HTMLElement, butFor: string[] = []) {
  if (dialog.id !== 'dialog' || !dialog.dataset.discard) return true
  const [now, then] = [typedIn(dialog), asOpened].map(fields => JSON.stringify(fields.filter(([name = '']) => !butFor.includes(name))))
  return now === then
}

/** Whether leaving the page would lose what was typed into the dialog, and not sent. */
export function isHalfFilled() {
  const dialog = byId<HTMLDialogElement>('dialog')
  return Boolean(dialog?.open) && !isSent && !isUntouched(dialog!)
}

/** Whether what stands in a form was sent with the dialog that was opened from it. */
export const isTakenAlong = (form: HTMLElement) => isSent && opener !== undefined && form.contains(opener)

const askToDiscard = (dialog: HTMLDialogElement) => {
  const { discard = '', discardKeep, discardOk } = dialog.dataset
  ask({ text: discard, cancel: discardKeep, ok: discardOk }, () => dialog.close())
}

export function openDialog(from?: HTMLElement | null) {
  const dialog = byId<HTMLDialogElement>('dialog')
  if (!dialog || dialog.open) return
  opener = from ?? (document.activeElement instanceof HTMLElement ? document.activeElement : undefined)
  dialog.classList.toggle('dialog-l', opener?.dataset.dialogSize === 'large')
  dialog.showModal()
  asOpened = typedIn(dialog)
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
    const dialog = button.closest('dialog')
    // Who presses Cancel has said so.
    if (dialog && button.closest('.dialog-foot')) dialog.close()
    else if (dialog) leave(dialog)
  })
  on('mousedown', 'dialog', (event, dialog) => {
    if (event.target !== dialog) return
    const box = dialog.getBoundingClientRect()
    const outside = event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom
    const hasWork = dialog.id === 'dialog' && dialog.querySelector('form')
    if (outside && !hasWork) (dialog as HTMLDialogElement).close()
  })
  // Esc closes an open picker first, the dialog after that. A browser may close it without a word when Esc comes twice: so the key
  // itself is heard too, and the event is for the ways of closing that have no key.
  document.addEventListener('cancel', event => {
    const dialog = event.target as HTMLDialogElement
    if (dialog.querySelector('.ts-wrapper.dropdown-active')) event.preventDefault()
    else if (!isUntouched(dialog)) {
      event.preventDefault()
      askToDiscard(dialog)
    }
  }, true)
  document.addEventListener('keydown', event => {
    const dialog = byId<HTMLDialogElement>('dialog')
    if (event.key !== 'Escape' || event.isComposing || event.defaultPrevented || !dialog?.open || isUntouched(dialog)) return
    if ((event.target as Element).closest('#confirm, details.menu[open]') || dialog.querySelector('.ts-wrapper.dropdown-active')) return
    event.preventDefault()
    askToDiscard(dialog)
  })
  // Left to the browser, Esc at the question may close the dialog behind it as well.
  on('keydown', '#confirm', (event, dialog) => {
    if (event.key !== 'Escape' || event.isComposing) return
    event.preventDefault()
    ;(dialog as HTMLDialogElement).close()
  })
  // What was sent is no longer half filled, unless it is refused or goes astray. Cancel that leads to a page is an answer too.
  on('submit', '#dialog form', () => { isSent = true })
  on('click', '#dialog a[data-discard]', () => { isSent = true })
  const isBack = () => { isSent = false }
  on('input', '#dialog form', isBack)
  onFailure(isBack)
  // What the server puts into it is untouched, but for a form that it refused after something was typed. A choice that asks for
  // other fields is nothing typed, and what stood in those is gone.
  onAnswer(({ target, xhr, requestConfig }) => {
    const dialog = byId<HTMLDialogElement>('dialog')
    if (!dialog || (target !== dialog && !dialog.contains(target))) return
    isBack()
    const isNew = target === dialog && xhr.status < 400
    const asking = requestConfig.elt instanceof HTMLSelectElement ? [requestConfig.elt, ...all<HTMLInputElement>('[name]', target)].map(field => field.name) : []
    if (isNew || isUntouched(dialog, asking)) queueMicrotask(() => { asOpened = typedIn(dialog) })
  })
  document.addEventListener('close', event => {
    const dialog = event.target as HTMLDialogElement
    if (dialog.id !== 'dialog' || dialog.open) return        // on a busy machine the next one may be there before this is told
    byId<HTMLDialogElement>('confirm')?.close()              // what it asks about is gone, or saved
    dialog.replaceChildren()
    giveFocusBack()
  }, true)
  onServer('close-dialog', () => byId<HTMLDialogElement>('dialog')?.close())
  startConfirmation()
}

// Confirmation: `data-confirm="text"` on a button, link or form; `data-confirm-word` asks to type a word.
let agreed: HTMLElement | undefined

interface Question { text: string, word?: string, ok?: string, cancel?: string }

/** Puts a word on a button of the question, or its own back. */
function label(button: HTMLElement, text: string | undefined) {
  button.dataset.own ??= button.textContent ?? ''
  button.textContent = text ?? button.dataset.own
}

function ask(question: Question, then: () => void) {
  const dialog = byId<HTMLDialogElement>('confirm')
  if (!dialog) return then()
  if (dialog.open) return
  dialog.querySelector('[data-confirm-text]')!.textContent = question.text
  const { word } = question
  const field = dialog.querySelector<HTMLElement>('[data-confirm-field]')
  const input = field?.querySelector('input')
  const ok = dialog.querySelector<HTMLButtonElement>('[data-confirm-ok]')!
  const cancel = dialog.querySelector<HTMLElement>('[data-close]')
  label(ok, question.ok)
  if (cancel) label(cancel, question.cancel)
  if (field && input) {
    field.hidden = !word
    field.querySelector('[data-confirm-word]')!.textContent = word ?? ''
    input.value = ''
    input.oninput = () => { ok.disabled = Boolean(word) && input.value.trim() !== word }
  }
  ok.disabled = Boolean(word)
  ok.onclick = () => {
    dialog.close()
    then()
  }
  dialog.showModal()
}

/** Asks what an element wants to be asked, and does it. */
function confirm(element: HTMLElement, then: () => void) {
  ask({ text: element.dataset.confirm ?? '', word: element.dataset.confirmWord }, () => {
    agreed = element
    then()
    agreed = undefined
  })
}

function startConfirmation() {
  on('click', '[data-confirm]:not(form)', (event, element) => {
    if (agreed === element) return
    event.preventDefault()
    event.stopImmediatePropagation()
    confirm(element, () => element.click())
  }, true)
  on('submit', 'form[data-confirm]', (event, form) => {
    if (agreed === form) return
    event.preventDefault()
    event.stopImmediatePropagation()
    const submitter = (event as SubmitEvent).submitter
    confirm(form, () => (form as HTMLFormElement).requestSubmit(submitter))
  }, true)
}

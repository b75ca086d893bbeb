// Lists: selecting rows, the bar of bulk actions, editing a cell in place.
import { all, byId, on, onContent } from './dom'
import { process, send } from './requests'

// Selection. A form or [data-table] is the scope; `name="all"` = 1 means "everything that matches the filter".
const scopeOf = (element: Element) => element.closest<HTMLElement>('[data-table]') ?? element.closest('form') ?? document.body
const boxes = (scope: ParentNode) => all<HTMLInputElement>('input[type=checkbox][name=id]', scope)
let last: HTMLInputElement | undefined

function count(scope: HTMLElement) {
  const list = boxes(scope)
  const picked = list.filter(box => box.checked).length
  const everything = scope.querySelector<HTMLInputElement>('input[name=all]')
  if (everything && picked < list.length) everything.value = ''
  for (const head of all<HTMLInputElement>('[data-select-all]', scope)) {
    head.checked = picked > 0 && picked === list.length
    head.indeterminate = picked > 0 && picked < list.length
  }
  for (const bar of all('[data-bulk-bar]', scope)) {
    bar.hidden = picked === 0
    const total = everything?.value === '1' ? bar.querySelector<HTMLElement>('[data-select-matching]')?.dataset.selectMatching : undefined
    all('[data-bulk-count]', bar).forEach(place => { place.textContent = total ?? String(picked) })
    all('[data-select-matching]', bar).forEach(button => { button.hidden = picked < list.length || everything?.value === '1' || button.dataset.selectMatching === String(picked) })
  }
}

function startSelection() {
  on('change', '[data-select-all]', (_, head) => {
    const scope = scopeOf(head)
    boxes(scope).forEach(box => { box.checked = (head as HTMLInputElement).checked })
    count(scope)
  })
  on('click', 'input[type=checkbox][name=id]', (event, element) => {
    const box = element as HTMLInputElement
    const list = boxes(scopeOf(box))
    if (event.shiftKey && last && list.includes(last)) {
      const [from, to] = [list.indexOf(last), list.indexOf(box)].sort((a, b) => a - b) as [number, number]
      list.slice(from, to + 1).forEach(other => { other.checked = box.checked })
    }
    last = box
    count(scopeOf(box))
  })
  on('click', '[data-select-matching]', (_, button) => {
    const scope = scopeOf(button)
    const everything = scope.querySelector<HTMLInputElement>('input[name=all]')
    if (everything) everything.value = '1'
    count(scope)
  })
  on('click', '[data-select-none]', (_, button) => {
    const scope = scopeOf(button)
    boxes(scope).forEach(box => { box.checked = false })
    count(scope)
  })
  onContent(root => {
    for (const bar of all('[data-bulk-bar]', root.closest('[data-table]') ?? root)) count(scopeOf(bar))
  })
}

// Editing in place: the pencil, a double click, Enter or F2 fetches the form; Enter saves; Esc puts back what was there.
const before = new Map<string, Node[]>()
const cellBy = (url: string) => document.querySelector<HTMLElement>(`[data-edit="${CSS.escape(url)}"]`)

const isBusy = (cell: HTMLElement) => cell.querySelector('form') !== null || cell.getAttribute('aria-busy') === 'true'

// There is one pencil for the whole page. It goes to the cell under the mouse, else to the one that was clicked or touched. Whoever
// comes by the keyboard has Enter and F2, and reads the whole value, of which it covers a part.
let pencil: HTMLElement | undefined
let hovered: HTMLElement | undefined

function showPencil() {
  const focused = document.activeElement?.matches(':focus-visible') ? undefined : document.activeElement?.closest<HTMLElement>('[data-edit]')
  const cell = hovered?.isConnected ? hovered : focused
  pencil ??= byId<HTMLTemplateElement>('pencil')?.content.firstElementChild?.cloneNode(true) as HTMLElement | undefined
  if (!pencil || pencil.parentElement === (cell ?? null)) return
  if (!cell || isBusy(cell)) { pencil.remove(); return }
  const name = cell.dataset.label ?? cell.parentElement?.querySelector('dt')?.textContent ?? ''
  pencil.setAttribute('aria-label', (pencil.dataset.label ?? '').replace('%s', () => name.trim()))
  cell.append(pencil)
}

function startPencil() {
  // A finger hovers over nothing; what it touches gets the focus.
  document.addEventListener('pointerover', event => {
    if (event.pointerType !== 'mouse') return
    hovered = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-edit]') ?? undefined : undefined
    showPencil()
  })
  document.addEventListener('focusin', showPencil)
  document.addEventListener('focusout', () => setTimeout(showPencil))
  // On Details a touch on the value is enough, unless it leads somewhere.
  on('click', '.props [data-edit]', (event, cell) => {
    const isTouch = matchMedia('(pointer: coarse)').matches || (event as PointerEvent).pointerType === 'touch'
    if (isTouch && !(event.target as Element).closest('a, button, form')) void edit(cell)
  })
}

async function edit(cell: HTMLElement) {
  const url = cell.dataset.edit!
  if (isBusy(cell)) return
  pencil?.remove()                                         // what is put back must not hold it
  const nodes = [...cell.childNodes]
  before.set(url, nodes)
  await send('get', url, { source: cell, target: cell, swap: 'innerHTML' })
  const field = cell.querySelector<HTMLElement>('input:not([type=hidden]), select, textarea')
  if (!field) { before.delete(url); return }
  cell.classList.add('is-editing')
  field.focus()
  if (field instanceof HTMLInputElement && field.type === 'text') field.select()
}

function startEditing() {
  on('dblclick', '[data-edit]', (_, cell) => void edit(cell))
  on('click', '[data-edit-open]', (event, button) => {
    event.preventDefault()
    const cell = button.closest<HTMLElement>('[data-edit]')
    if (cell) void edit(cell)
  })
  on('keydown', '[data-edit]', (event, cell) => {
    if (event.target === cell && (event.key === 'Enter' || event.key === 'F2')) {
      event.preventDefault()
      void edit(cell)
    } else if (event.key === 'Escape' && cell.querySelector('form')) {
      event.preventDefault()
      event.stopPropagation()
      restore(cell)
    }
  })
  on('click', '[data-edit] [data-cancel]', (event, button) => {
    event.preventDefault()
    const cell = button.closest<HTMLElement>('[data-edit]')
    if (cell) restore(cell)
  })
  document.addEventListener('htmx:afterSettle', () => {
    for (const url of before.keys()) {
      const cell = cellBy(url)
      if (cell && isBusy(cell)) continue                     // the form is there, or on its way
      before.delete(url)
      cell?.classList.remove('is-editing')
      cell?.removeAttribute('title')                         // of the value that was
      if (document.activeElement === document.body) cell?.focus({ preventScroll: true })
    }
  })
}

function restore(cell: HTMLElement) {
  const nodes = before.get(cell.dataset.edit!)
  if (!nodes) return
  before.delete(cell.dataset.edit!)
  cell.replaceChildren(...nodes)
  cell.classList.remove('is-editing')
  process(cell)
  cell.focus({ preventScroll: true })
}

export function startTables() {
  startSelection()
  startEditing()
  startPencil()
}

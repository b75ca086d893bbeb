// The board. Dragging, Alt+←/→ on a focused card, and the server's own "Move to…" forms all end in the same POST.
import Sortable from 'sortablejs'
import { all, announce, byId, on, onContent, onServer, wantsLessMotion } from './dom'
import { openDialog } from './dialog'
import { onAnswer, reload, send } from './requests'

interface Place { list: HTMLElement, next: Element | null }
const moves = new Map<HTMLElement, Place>()          // cards on their way, and where they came from
const cardsOf = (column: Element) => column.querySelector<HTMLElement>('[data-cards]')

async function move(card: HTMLElement, from: Place, column: HTMLElement) {
  const board = card.closest<HTMLElement>('[data-board]')
  const { card: id = '', version = '' } = card.dataset
  if (!board?.dataset.moveUrl) return
  moves.set(card, from)
  card.setAttribute('aria-busy', 'true')
  await send('post', board.dataset.moveUrl.replace('{id}', encodeURIComponent(id)), {
    source: card, target: card, swap: 'none', values: { stage: column.dataset.stage ?? '', version },
  })
  card.removeAttribute('aria-busy')
  if (moves.delete(card) && card.dataset.refused) {
    delete card.dataset.refused
    from.list.insertBefore(card, from.next?.parentNode === from.list ? from.next : null)
  }
  board.querySelector<HTMLElement>(`[data-card="${CSS.escape(id)}"]`)?.focus({ preventScroll: true })
  byId<HTMLDialogElement>('dialog')?.querySelector<HTMLElement>('[autofocus], input:not([type=hidden]), select, textarea')?.focus()
}

function enable(board: HTMLElement) {
  for (const list of all('[data-cards]', board)) {
    if (Sortable.get(list)) continue
    Sortable.create(list, {
      group: board.id || 'board', draggable: '[data-card]', filter: '.menu, button, input', preventOnFilter: false,
      animation: wantsLessMotion() ? 0 : 140, delay: 180, delayOnTouchOnly: true, touchStartThreshold: 6, sort: false, emptyInsertThreshold: 40,
      ghostClass: 'sortable-ghost', dragClass: 'sortable-drag', scroll: true, bubbleScroll: true,
      onMove(event) {
        all('.is-over', board).forEach(column => column.classList.remove('is-over'))
        event.to.closest('[data-stage]')?.classList.add('is-over')
      },
      onStart(event) { before.set(event.item, { list: event.from, next: event.item.nextElementSibling }) },
      onEnd(event) {
        all('.is-over', board).forEach(column => column.classList.remove('is-over'))
        const column = event.to.closest<HTMLElement>('[data-stage]')
        const from = before.get(event.item)
        before.delete(event.item)
        if (column && from && event.from !== event.to) void move(event.item, from, column)
      },
    })
  }
}
const before = new Map<HTMLElement, Place>()

function step(card: HTMLElement, by: 1 | -1) {
  const columns = all('[data-stage]', card.closest('[data-board]') ?? document)
  const column = columns[columns.findIndex(one => one.contains(card)) + by]
  const list = column && cardsOf(column)
  if (!column || !list || card.getAttribute('aria-busy') === 'true') return
  const from = { list: card.parentElement!, next: card.nextElementSibling }
  list.prepend(card)
  card.focus({ preventScroll: true })
  card.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  void move(card, from, column)
}

export function startBoard() {
  onContent(root => {
    all('[data-board]', root).forEach(enable)
    const around = root.closest<HTMLElement>('[data-board]')
    if (around) enable(around)
  })
  on('keydown', '[data-card]', (event, card) => {
    if (event.target !== card || event.isComposing) return
    if (event.altKey && (event.key === 'ArrowRight' || event.key === 'ArrowLeft')) {
      event.preventDefault()                          // Alt+← is also "back" in browsers
      step(card, event.key === 'ArrowRight' ? 1 : -1)
    } else if (event.key === 'Enter') {
      card.querySelector<HTMLElement>('a[data-open]')?.click()
    }
  })
  // A refusal: the card goes back, and the answer (a form that asks for what is missing) opens in the dialog.
  onAnswer(detail => {
    const card = detail.elt
    const form = card.closest('form')
    const isMove = moves.has(card) || (form?.hasAttribute('data-move-form') ?? false)
    if (!isMove || detail.xhr.status < 400) return
    if (moves.has(card)) card.dataset.refused = 'yes'
    const body = detail.xhr.responseText.trim()
    const dialog = byId<HTMLDialogElement>('dialog')
    const isHtml = detail.xhr.getResponseHeader('Content-Type')?.startsWith('text/html') ?? false
    if (!dialog || !isHtml || body === '' || (detail.xhr.status !== 422 && detail.xhr.status !== 409)) { detail.shouldSwap = false; return }
    detail.target = dialog
    detail.swapOverride = 'innerHTML'
    detail.shouldSwap = true
    queueMicrotask(() => openDialog(card))
  })
  document.addEventListener('htmx:sendError', event => {
    const card = event.target as HTMLElement
    if (moves.has(card)) card.dataset.refused = 'yes'
  })
  onServer<{ value: string }>('announce', detail => announce(detail.value))
  onServer('board-refresh', () => all('[data-board][data-refresh-url]').forEach(board => {
    // The line under the title counts the same deals, and stands outside.
    void send('get', board.dataset.refreshUrl!, { source: board, target: board, swap: 'morph:outerHTML', select: `#${board.id}`, selectOOB: '#board-figures' }).then(() => reload(board))
  }))
}

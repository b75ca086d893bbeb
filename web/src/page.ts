// Small things of the frame: menus, theme, side navigation, copy buttons.
import { isHalfFilled, isTakenAlong } from './dialog'
import { all, announce, byId, isPlainClick, on, onContent } from './dom'

function startMenus() {
  const close = (menu: HTMLElement, focus = false) => {
    menu.removeAttribute('open')
    if (focus) menu.querySelector<HTMLElement>('summary')?.focus({ preventScroll: true })
  }
  document.addEventListener('click', event => {
    for (const menu of all('details.menu[open]')) {
      const inside = event.target instanceof Node && menu.contains(event.target)
      const chosen = event.target instanceof Element && event.target.closest('.menu-item:not([data-keep-open])')
      if (inside && !chosen) continue
      close(menu)
      // What was chosen disappears with the menu; the focus must not. Later, because the form still asks who was pressed.
      if (inside) setTimeout(() => { if (document.activeElement === document.body || menu.contains(document.activeElement)) menu.querySelector<HTMLElement>('summary')?.focus({ preventScroll: true }) })
    }
  })
  document.addEventListener('toggle', event => {
    const menu = event.target as HTMLDetailsElement
    if (menu.matches?.('details.menu') && menu.open) place(menu)
  }, true)
  on('keydown', 'details.menu[open]', (event, menu) => {
    const items = all('.menu-list :is(a, button, input):not(:disabled)', menu)
    const at = items.indexOf(document.activeElement as HTMLElement)
    if (event.key === 'Escape') close(menu, true)
    else if (event.key === 'ArrowDown') items[(at + 1) % items.length]?.focus()
    else if (event.key === 'ArrowUp') items[(at - 1 + items.length) % items.length]?.focus()
    else return
    event.preventDefault()
    event.stopPropagation()
  })
}

/** A menu inside a box that clips (board column, table) is laid over the page at its button. */
function place(menu: HTMLDetailsElement) {
  const list = menu.querySelector<HTMLElement>('.menu-list')
  const clip = menu.closest('.grid-wrap, .board-cards, .scroll-x')
  if (!list || !clip) return
  const button = menu.getBoundingClientRect()
  list.style.position = 'fixed'
  list.style.right = 'auto'
  list.style.bottom = 'auto'
  const { width, height } = list.getBoundingClientRect()
  const below = button.bottom + 4 + height < innerHeight
  list.style.top = `${Math.max(8, below ? button.bottom + 4 : button.top - 4 - height)}px`
  list.style.left = `${Math.max(8, Math.min(button.right - width, innerWidth - width - 8))}px`
  // When its button scrolls away it closes; a scroll elsewhere, or one from before it opened, is none of its business.
  const scrolled = (event: Event) => {
    const { top, left } = menu.getBoundingClientRect()
    if (menu.open && (list.contains(event.target as Node) || (top === button.top && left === button.left))) return
    removeEventListener('scroll', scrolled, true)
    if (list.contains(document.activeElement)) menu.querySelector<HTMLElement>('summary')?.focus({ preventScroll: true })
    menu.open = false
  }
  addEventListener('scroll', scrolled, true)
}

// Theme: the form posts; the colour changes at once.
function startTheme() {
  on('submit', 'form[action="/me/theme"]', (event, form) => {
    const button = (event as SubmitEvent).submitter as HTMLButtonElement | null
    const theme = button?.value || new FormData(form as HTMLFormElement).get('theme')
    if (theme !== 'light' && theme !== 'dark') return
    event.preventDefault()
    event.stopPropagation()
    document.documentElement.dataset.bsTheme = theme
    void fetch('/me/theme', { method: 'POST', body: new URLSearchParams({ theme }), headers: { 'HX-Request': 'true' } })
    const other = all<HTMLButtonElement>('button[name=theme]').find(one => one !== button && one.getClientRects().length > 0)
    if (button && button.getClientRects().length === 0) other?.focus()
  }, true)
}

function startNavigation() {
  on('click', '[data-nav-toggle]', (event, button) => {
    event.preventDefault()
    const mini = document.documentElement.classList.toggle('nav-mini')
    button.setAttribute('aria-expanded', String(!mini))
    document.cookie = `nav=${mini ? 'mini' : 'full'}; path=/; max-age=31536000; samesite=lax`
  })
  // On small screens the navigation opens by :target, so it works without script; here only focus and Esc.
  const side = byId('side')
  on('click', 'a[href="#side"]', (event, link) => {
    if (!isPlainClick(event) || !side) return
    event.preventDefault()
    side.classList.add('is-open')
    side.querySelector<HTMLElement>('[data-nav-close]')?.focus()
    side.dataset.opener = link.id
  })
  const close = () => {
    if (!side?.classList.contains('is-open')) return
    side.classList.remove('is-open')
    byId(side.dataset.opener ?? '')?.focus()
  }
  on('click', '[data-nav-close]', event => { event.preventDefault(); close(); if (location.hash === '#side') location.hash = 'main' })
  document.addEventListener('keydown', event => { if (event.key === 'Escape') close() })
  document.addEventListener('click', event => {
    const target = event.target as Element
    if (!side?.contains(target) && !target.closest('a[href="#side"]')) close()
  })
}

function startCopying() {
  on('click', '[data-copy]', async (_, button) => {
    await navigator.clipboard?.writeText(button.dataset.copy ?? '')
    button.classList.add('copied')
    setTimeout(() => button.classList.remove('copied'), 1500)
    announce(button.dataset.copied)
  })
}

/** Where a row of steps or tabs is wider than the screen, the present one is in view. */
function startScrollers() {
  onContent(root => all('.path [aria-current], .tabs [aria-current]', root).forEach(item => {
    const row = item.closest<HTMLElement>('.path, .tabs')!
    const at = item.getBoundingClientRect(), around = row.getBoundingClientRect()
    if (at.right > around.right) row.scrollLeft += at.left - around.left - (around.width - at.width) / 2
  }))
}

/** Who leaves a form or a note they typed into is asked first; cancelling and sending it are no leaving. `dialog.ts` answers for the dialog. */
function startGuard() {
  let touched: HTMLElement | undefined
  on('input', 'main form.form[method=post]', (_, form) => { if (!form.closest('dialog')) touched = form })
  // A note that was begun and taken back is nothing to lose.
  on('input', 'form.compose', (event, form) => { touched = (event.target as HTMLInputElement).value ? form : undefined })
  on('submit', 'form', (_, form) => { if (form === touched) touched = undefined }, true)
  on('click', 'a[data-discard]', () => { touched = undefined })
  // To a browser a call or a mail looks like leaving.
  let isCalling = 0
  on('click', 'a[href^="tel:"], a[href^="mailto:"]', () => {
    clearTimeout(isCalling)
    isCalling = window.setTimeout(() => { isCalling = 0 }, 1000)
  })
  addEventListener('beforeunload', event => {
    const isHalfWritten = touched?.isConnected && !isTakenAlong(touched)
    if (!isCalling && (isHalfWritten || isHalfFilled())) event.preventDefault()
  })
}

/** Amounts stand in the currency that the form says, also after it was changed. */
function startCurrencies() {
  on('change', 'select[name=currency]', (_, select) => {
    const { value } = select as HTMLSelectElement
    all('.input-group:has(.num) > .input-group-text', select.closest('form') ?? undefined).forEach(prefix => { prefix.textContent = value })
  })
}

/** A choice that the page does not show yet says so, until it is applied. */
function startChoices() {
  const mark = (form: HTMLElement) => {
    const isOther = all<HTMLSelectElement>('select', form).some(select => {
      const shown = [...select.options].find(option => option.defaultSelected) ?? select.options[0]
      return select.value !== shown?.value
    })
    form.querySelector('[data-apply]')?.classList.toggle('btn-primary', isOther)
    const words = form.querySelector<HTMLElement>('[data-unapplied]')
    if (!words || words.hidden !== isOther) return
    words.hidden = !isOther
    if (isOther) announce(words.textContent ?? undefined)
  }
  on('change', '[data-choices] select', (_, select) => mark(select.closest<HTMLElement>('[data-choices]')!))
  // On the way back browsers put in what was chosen.
  addEventListener('pageshow', () => all('[data-choices]').forEach(mark))
}

export function startPage() {
  startChoices()
  startCurrencies()
  startGuard()
  startScrollers()
  startMenus()
  startTheme()
  startNavigation()
  startCopying()
}

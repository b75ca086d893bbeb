// <select data-picker="/pick/account">: looks things up on the server (names, pinyin, initials), at most 20 at a time.
// Without script the select stays what it is.
import TomSelect from 'tom-select/base'
import clearButton from 'tom-select/dist/esm/plugins/clear_button/plugin.js'
import { all, onContent } from './dom'
import { showToast, type Toast } from './toast'

interface Row { value: string, text: string, hint?: string }
TomSelect.define('clear_button', clearButton)

// Another choice of the same form.
function beside(select: HTMLSelectElement, key: string): HTMLSelectElement | undefined {
  const other = select.form?.querySelector<HTMLSelectElement>(`select[name=${key}]`)
  return other && other !== select ? other : undefined
}

// The account that the rest of the form is about.
function accountOf(select: HTMLSelectElement): string | undefined {
  return beside(select, 'account')?.value || undefined
}

// Products are offered with what they cost here.
const PRICED = ['currency', 'price_list']

function upgrade(select: HTMLSelectElement) {
  if ('tomselect' in select) return
  const { picker, clearLabel = '', emptyLabel = '', createLabel = '', createdLabel = '' } = select.dataset
  let pending: AbortController | undefined
  let found = new Set<string>()
  // Between a letter and the server's answer the list is that of the word before. Who types on and presses Enter means what
  // will be there: it is chosen when it comes.
  let answered: string | undefined, isWanted = false
  let names: string[] = []
  let isMaking = false
  // What is not there by that name can be made from here, once the server has looked for it.
  async function make(name: string) {
    isMaking = true
    const sent = new URLSearchParams({ name })
    const account = accountOf(select)
    if (account) sent.set('account', account)
    try {
      const answer = await fetch(picker!, { method: 'POST', body: sent, headers: { Accept: 'application/json', 'HX-Request': 'true' } })
      const told = answer.headers.get('HX-Trigger')
      if (told) showToast((JSON.parse(told) as { toast: Toast }).toast)
      if (answer.status !== 201) return
      const row = await answer.json() as Row
      pending?.abort()
      control.addOption(row)
      control.addItem(row.value)
      control.setTextboxValue('')
      control.close()
      showToast({ text: createdLabel.replace('%s', row.text), kind: 'success' })
    } catch { /* offline: what was typed stays */ } finally { isMaking = false }
  }
  const control = new TomSelect(select, {
    valueField: 'value', labelField: 'text', searchField: [], maxOptions: 20, preload: 'focus', loadThrottle: 120, refreshThrottle: 0,
    closeAfterSelect: !select.multiple, hideSelected: select.multiple, allowEmptyOption: false, openOnFocus: true,
    plugins: clearLabel && !select.required ? { clear_button: { title: clearLabel } } : {},
    shouldLoad: () => true,
    create: createLabel ? (name: string) => { void make(name.trim()); return false } : false,
    createFilter: (name: string) => name === answered && name.trim() !== '' && !names.includes(name.trim().toLowerCase()),
    score: () => (row: unknown) => found.has(String((row as Row).value)) ? 1 : 0,     // the server has chosen and ranked
    async load(query: string, give: (rows: Row[]) => void) {
      pending?.abort()
      pending = new AbortController()
      try {
        const url = new URL(picker!, location.href)
        url.searchParams.set('q', query)
        const account = accountOf(select)
        if (account) url.searchParams.set('account', account)
        for (const key of PRICED) {
          const chosen = beside(select, key)?.value
          if (chosen) url.searchParams.set(key, chosen)
        }
        const answer = await fetch(url, { headers: { Accept: 'application/json' }, signal: pending.signal })
        const rows = answer.ok ? (await answer.json() as Row[]).slice(0, 20) : []
        found = new Set(rows.map(row => String(row.value)))
        control.clearOptions(option => control.items.includes(String((option as unknown as Row).value)))
        answered = query
        names = rows.map(row => row.text.toLowerCase())
        give(rows)
        if (query !== control.inputValue()) return
        if (isWanted && rows[0]) {
          control.addItem(rows[0].value)
          control.setTextboxValue('')
          control.close()
        }
        isWanted = false
      } catch { give([]) }                                   // stale or offline: what is shown stays
    },
    render: {
      option: (row: Row, escape: (text: string) => string) =>
        `<div>${escape(row.text)}${row.hint ? `<span class="hint">${escape(row.hint)}</span>` : ''}</div>`,
      no_results: () => emptyLabel ? `<div class="no-results">${emptyLabel.replace(/[&<>]/g, '')}</div>` : '',
      loading: () => '',
      option_create: (row: { input: string }, escape: (text: string) => string) => `<div class="create">${escape(createLabel.replace('%s', row.input.trim()))}</div>`,
    },
  })
  // The people of another account, other prices: looked up anew when the field is next entered.
  for (const key of ['account', ...PRICED]) beside(select, key)?.addEventListener('change', () => {
    control.clearOptions(option => control.items.includes(String((option as unknown as Row).value)))
    control.wrapper.classList.remove('preloaded')
  })
  const showTyped = () => { control.wrapper.classList.toggle('is-typed', control.inputValue() !== '') }
  for (const happening of ['item_add', 'dropdown_close', 'blur']) control.on(happening, () => setTimeout(showTyped))
  control.control_input.addEventListener('input', () => {
    isWanted = false
    showTyped()
  })
  control.control_input.addEventListener('keydown', event => {
    if (event.key === 'Enter' && isMaking) {                 // a second Enter is no second record, and no sending of the form
      event.preventDefault()
      event.stopImmediatePropagation()
      return
    }
    const typed = control.inputValue()
    if (event.key !== 'Enter' || event.isComposing || typed === '' || typed === answered) return
    event.preventDefault()
    event.stopImmediatePropagation()
    isWanted = true
  }, true)
  for (const name of ['aria-describedby', 'aria-invalid']) {
    const said = select.getAttribute(name)
    if (said) control.control_input.setAttribute(name, said)
  }
  select.setAttribute('aria-hidden', 'true')               // the control beside it has the label now
  const button = control.wrapper.querySelector('.clear-button')
  if (button) {
    button.setAttribute('aria-label', clearLabel)
    button.setAttribute('role', 'button')
  }
}

export function startPickers() {
  onContent(root => all<HTMLSelectElement>('select[data-picker]', root).forEach(upgrade))
  // Before morphing or history keeps a copy, nothing needs undoing: the native select is still in the page and holds the value.
}

// <select data-picker="/pick/account">: looks things up on the server (names, pinyin, initials), at most 20 at a time.
// Without script the select stays what it is.
import TomSelect from 'tom-select/base'
import clearButton from 'tom-select/dist/esm/plugins/clear_button/plugin.js'
import { all, onContent } from './dom'

interface Row { value: string, text: string, hint?: string }
TomSelect.define('clear_button', clearButton)

function upgrade(select: HTMLSelectElement) {
  if ('tomselect' in select) return
  const { picker, clearLabel = '', emptyLabel = '' } = select.dataset
  let pending: AbortController | undefined
  let found = new Set<string>()
  // Between a letter and the server's answer the list is that of the word before. Who types on and presses Enter means what
  // will be there: it is chosen when it comes.
  let answered: string | undefined, isWanted = false
  const control = new TomSelect(select, {
    valueField: 'value', labelField: 'text', searchField: [], maxOptions: 20, preload: 'focus', loadThrottle: 120, refreshThrottle: 0,
    closeAfterSelect: !select.multiple, hideSelected: select.multiple, allowEmptyOption: false, openOnFocus: true,
    plugins: clearLabel && !select.required ? { clear_button: { title: clearLabel } } : {},
    shouldLoad: () => true,
    score: () => (row: unknown) => found.has(String((row as Row).value)) ? 1 : 0,     // the server has chosen and ranked
    async load(query: string, give: (rows: Row[]) => void) {
      pending?.abort()
      pending = new AbortController()
      try {
        const url = new URL(picker!, location.href)
        url.searchParams.set('q', query)
        const answer = await fetch(url, { headers: { Accept: 'application/json' }, signal: pending.signal })
        const rows = answer.ok ? (await answer.json() as Row[]).slice(0, 20) : []
        found = new Set(rows.map(row => String(row.value)))
        control.clearOptions(option => control.items.includes(String((option as unknown as Row).value)))
        give(rows)
        answered = query
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
    },
  })
  control.control_input.addEventListener('input', () => { isWanted = false })
  control.control_input.addEventListener('keydown', event => {
    const typed = control.inputValue()
    if (event.key !== 'Enter' || event.isComposing || typed === '' || typed === answered) return
    event.preventDefault()
    event.stopImmediatePropagation()
    isWanted = true
  }, true)
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

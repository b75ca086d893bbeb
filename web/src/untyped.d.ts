declare module 'htmx.org/dist/htmx.esm.js' {
  import htmx from 'htmx.org'
  export default htmx
}
declare module 'idiomorph/dist/idiomorph.esm.js' {
  export const Idiomorph: { morph(old: Element, content: HTMLCollection | Element | string, options: object): Node[] }
}
declare module 'tom-select/dist/esm/plugins/clear_button/plugin.js' {
  const plugin: (this: unknown, options: object) => void
  export default plugin
}

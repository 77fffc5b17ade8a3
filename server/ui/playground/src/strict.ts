// Has libraries that style the page inline do so under a policy without
// 'unsafe-inline': style elements become constructed sheets, and style attributes
// in HTML that is set as text are applied through the object model, which the
// policy leaves alone. It must run before they do.

// SheetElement stands in for a style element.
class SheetElement extends HTMLElement {
  sheet = new CSSStyleSheet()

  connectedCallback() {
    document.adoptedStyleSheets.push(this.sheet)
  }
  disconnectedCallback() {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => sheet !== this.sheet)
  }
  override get textContent(): string {
    return Array.from(this.sheet.cssRules, (rule) => rule.cssText).join('\n')
  }
  override set textContent(css: string | null) {
    this.sheet.replaceSync(css ?? '')
  }
  override get innerHTML() {
    return this.textContent
  }
  override set innerHTML(css: string) {
    this.textContent = css
  }
  override appendChild<T extends Node>(node: T) {
    this.textContent += node.textContent ?? ''
    return node
  }
}
customElements.define('constructed-style', SheetElement)

const create = Document.prototype.createElement
Document.prototype.createElement = function (this: Document, name: string, options?: ElementCreationOptions) {
  return create.call(this, name.toLowerCase() === 'style' ? 'constructed-style' : name, options)
} as typeof create

// withStyles has set put HTML into the page, and then applies its style attributes.
function withStyles(root: ParentNode | null, html: string, set: (html: string) => void) {
  if (!/ style=/.test(html)) return set(html)
  set(html.replaceAll(' style=', ' data-strict-style='))
  for (const element of root?.querySelectorAll<HTMLElement>('[data-strict-style]') ?? []) {
    element.style.cssText = element.dataset.strictStyle ?? ''
    delete element.dataset.strictStyle
  }
}

const inner = Object.getOwnPropertyDescriptor(Element.prototype, 'innerHTML')!
Object.defineProperty(Element.prototype, 'innerHTML', {
  ...inner,
  set(this: Element, html: string) {
    withStyles(this, `${html}`, (plain) => inner.set!.call(this, plain))
  },
})

const insert = Element.prototype.insertAdjacentHTML
Element.prototype.insertAdjacentHTML = function (where, html) {
  const root = where === 'beforebegin' || where === 'afterend' ? this.parentElement : this
  withStyles(root, `${html}`, (plain) => insert.call(this, where, plain))
}

const setAttribute = Element.prototype.setAttribute
Element.prototype.setAttribute = function (name, value) {
  if (name === 'style' && this instanceof HTMLElement) this.style.cssText = value
  else setAttribute.call(this, name, value)
}

// <keloa-api-tokens>: the pages as a part of someone else's page. The host gives
// it a function that says what its operator comes with:
//
//   element.getToken = async () => (await fetch('/keloa-session')).text()
//
// It is called before each request, and answers a session of POST /sessions or a
// JSON Web Token of the host's. Everything is in a shadow tree; the --keloa-
// variables, which styles inherit, are the way to its looks.
import { render } from 'preact'
import { newAsk, Unreachable } from './api/client'
import { App } from './app'
import { memoryPlace } from './place'
import type { Site } from './site'
import css from './style/embed.css?inline'
import { languageFor } from './text/languages'

// Where this script came from is where the API is.
const home = new URL((document.currentScript as HTMLScriptElement).src).origin

class KeloaAPITokens extends HTMLElement {
  // Declared only: the host may have set it before this script came.
  declare getToken?: () => string | Promise<string>

  async connectedCallback() {
    const root = this.shadowRoot ?? this.attachShadow({ mode: 'open' })
    const style = new CSSStyleSheet()
    style.replaceSync(css)
    root.adoptedStyleSheets = [style]
    const around = this.closest<HTMLElement>('[lang]')?.lang ?? ''
    const language = await languageFor([around, ...navigator.languages])
    if (!this.isConnected) return
    const origin = this.getAttribute('server') ?? home
    const authorization = async () => {
      try {
        const token = await this.getToken?.()
        return token ? `Bearer ${token}` : undefined
      } catch {
        throw new Unreachable() // what is behind it is the host's to find out
      }
    }
    const site: Site = {
      ...language,
      ask: newAsk(`${origin}/graphql`, authorization),
      authorization,
      place: memoryPlace(),
      origin,
      embedded: true,
    }
    render(<div class="embedded" lang={language.format.locale} dir={language.direction}><App site={site} /></div>, root)
  }

  disconnectedCallback() {
    if (this.shadowRoot) render(null, this.shadowRoot)
  }
}

customElements.define('keloa-api-tokens', KeloaAPITokens)

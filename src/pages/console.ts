import { fill, html, safeAddress } from './html.ts'
import { printDocument } from './layout.ts'
import type { PageView } from './layout.ts'
import { quoted, strong } from './parts.ts'
import { english } from './strings.ts'
import type { Strings } from './strings.ts'

export interface ConsoleView extends PageView {
  readonly person?: { readonly name: string }
  /** Addresses to show; one that is neither a path nor http(s) is shown without a link. */
  readonly links: readonly { readonly text: string; readonly address: string }[]
}

/** A plain list of where things are. */
export function consolePage(view: ConsoleView, strings: Strings = english): string {
  const text = strings.console
  return printDocument({
    base: view.base,
    strings,
    title: text.title,
    content: html`<section class="card" aria-labelledby="heading">
      <h1 id="heading">${text.title}</h1>
      <p>
        ${
          view.person === undefined
            ? text.nobody
            : fill(text.person, { person: strong(view.person.name) })
        }
      </p>
      <p>${text.text}</p>
      <nav aria-label="${text.links}">
        <ul class="links">
          ${view.links.map((link) => {
            const address = safeAddress(link.address)
            return html`<li>
              ${
                address === undefined
                  ? quoted(link.text)
                  : html`<a href="${address}">${quoted(link.text)}</a>`
              }
            </li>`
          })}
        </ul>
      </nav>
    </section>`,
  })
}

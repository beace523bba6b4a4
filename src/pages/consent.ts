import { fill, html } from './html.ts'
import { printDocument } from './layout.ts'
import type { PageView } from './layout.ts'
import { formAddress, hiddenFields, scopeList, strong } from './parts.ts'
import type { ScopeView } from './parts.ts'
import { english } from './strings.ts'
import type { Strings } from './strings.ts'

export interface ConsentView extends PageView {
  readonly csrf: string
  readonly clientName: string
  /** The host the browser is sent to afterwards: the one thing a client cannot invent. */
  readonly redirectHost: string
  readonly scopes: readonly ScopeView[]
  readonly action: string
  readonly personName: string
}

/** Asks whether an application may act; the buttons send `decision=allow` or `decision=deny`. */
export function consentPage(view: ConsentView, strings: Strings = english): string {
  const text = strings.consent
  return printDocument({
    base: view.base,
    strings,
    title: text.title,
    content: html`<section class="card" aria-labelledby="heading">
      <h1 id="heading">${fill(text.heading, { client: strong(view.clientName) })}</h1>
      <p>${fill(text.as, { person: strong(view.personName) })}</p>
      <h2>${text.wants}</h2>
      ${scopeList(view.scopes, strings.device.noScopes)}
      <p>${fill(text.redirect, { host: strong(view.redirectHost) })}</p>
      <form method="post" action="${formAddress(view.action)}">
        ${hiddenFields({ csrf: view.csrf })}
        <div class="row">
          <button class="primary" type="submit" name="decision" value="allow">${text.allow}</button>
          <button type="submit" name="decision" value="deny">${text.deny}</button>
        </div>
      </form>
      <p class="hint">${text.note}</p>
    </section>`,
  })
}

import { fill, html } from './html.ts'
import { printDocument } from './layout.ts'
import type { PageView } from './layout.ts'
import { note, statusRegion, strong } from './parts.ts'
import { english } from './strings.ts'
import type { Strings } from './strings.ts'

export interface SignInView extends PageView {
  /** Where to go afterwards; sent back with the answer and judged there, never followed here. */
  readonly returnTo: string
  /** The name of the relying party, as people know it. */
  readonly rpName: string
  /** Shown first, for someone who was sent back here. */
  readonly message?: string
  /** The application that sent the person here. */
  readonly application?: string
  /** The person is signed in already, and what they are about to do takes a touch of its own. */
  readonly again?: boolean
}

/** Sign-in: autofill in the field, a plain button below it. */
export function signInPage(view: SignInView, strings: Strings = english): string {
  const text = strings.signIn
  return printDocument({
    base: view.base,
    strings,
    title: text.title,
    script: 'sign-in',
    content: html`<section class="card" aria-labelledby="heading">
        <h1 id="heading">${fill(text.heading, { relyingParty: strong(view.rpName) })}</h1>
        ${
          view.application !== undefined &&
          html`<p>${fill(text.forApplication, { application: strong(view.application) })}</p>`
        }
        ${view.again === true && html`<p>${text.again}</p>`}
        ${statusRegion(strings.ceremony, view.message)}
        <noscript>${note('problem', strings.noScript)}</noscript>
        <form id="sign-in" data-return-to="${view.returnTo}" novalidate>
          <label for="username">${text.username}</label>
          <input
            id="username"
            name="username"
            type="text"
            autocomplete="username webauthn"
            autocapitalize="none"
            spellcheck="false"
            aria-describedby="username-hint"
          />
          <p class="hint" id="username-hint">${text.usernameHint}</p>
          <button class="primary" type="submit" aria-describedby="before">${text.button}</button>
        </form>
        <p class="hint" id="before">${text.before}</p>
        <p class="hint">${text.after}</p>
      </section>
      <p class="foot">${text.help}</p>`,
  })
}

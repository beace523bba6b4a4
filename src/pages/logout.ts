import { fill, html } from './html.ts'
import { printDocument } from './layout.ts'
import type { PageView } from './layout.ts'
import { formAddress, hiddenFields, note, strong } from './parts.ts'
import { english } from './strings.ts'
import type { Strings } from './strings.ts'

export interface LogoutView extends PageView {
  readonly action: string
  readonly xsrf: string
  /** The application that asked. */
  readonly clientName?: string
}

/** Asks before an application's request ends the session (OpenID RP-Initiated Logout 2). */
export function logoutPage(view: LogoutView, strings: Strings = english): string {
  const text = strings.logout
  return printDocument({
    base: view.base,
    strings,
    title: text.title,
    content: html`<section class="card" aria-labelledby="heading">
      <h1 id="heading">${text.heading}</h1>
      ${
        view.clientName !== undefined &&
        html`<p>${fill(text.asked, { client: strong(view.clientName) })}</p>`
      }
      <p>${text.text}</p>
      <form method="post" action="${formAddress(view.action)}">
        ${hiddenFields({ xsrf: view.xsrf })}
        <div class="row">
          <button class="primary" type="submit" name="logout" value="yes">${text.yes}</button>
          <button type="submit">${text.no}</button>
        </div>
      </form>
    </section>`,
  })
}

/** Says that the session has ended. */
export function signedOutPage(view: PageView, strings: Strings = english): string {
  const text = strings.logout
  return printDocument({
    base: view.base,
    strings,
    title: text.doneTitle,
    content: html`<section class="card" aria-labelledby="heading">
      <h1 id="heading">${text.doneTitle}</h1>
      ${note('done', text.done)}
      <p><a class="button" href="${view.base}/sign-in">${text.again}</a></p>
    </section>`,
  })
}

import { fill, html } from '../html.ts'
import { printDocument } from '../layout.ts'
import type { PageView } from '../layout.ts'
import { hiddenFields, note, statusRegion, strong } from '../parts.ts'
import { english } from '../strings.ts'
import type { Strings } from '../strings.ts'

export interface BreakGlassView extends PageView {
  readonly csrf: string
  readonly personName: string
  readonly returnTo: string
}

/** What somebody is asked who has touched a passkey for emergencies. */
export function breakGlassPage(view: BreakGlassView, strings: Strings = english): string {
  const text = strings.breakGlass
  const { limited, unavailable, offline, failed, reference } = strings.ceremony
  const messages = { limited, unavailable, offline, failed, reference, ...text.messages }
  return printDocument({
    base: view.base,
    strings,
    title: text.title,
    script: 'account',
    content: html`<section class="card" aria-labelledby="heading">
      <h1 id="heading">${text.title}</h1>
      <p>${fill(text.text, { person: strong(view.personName) })}</p>
      ${note('problem', text.alarm)} ${statusRegion(messages)}
      <form method="post" action="${view.base}/break-glass" data-send>
        ${hiddenFields({ csrf: view.csrf, return_to: view.returnTo })}
        <label for="reason">${text.reason}</label>
        <input
          id="reason"
          name="reason"
          type="text"
          maxlength="200"
          required
          autocomplete="off"
          aria-describedby="reason-hint"
        />
        <p class="hint" id="reason-hint">${text.reasonHint}</p>
        <div class="row">
          <button class="danger" type="submit">${text.go}</button>
          <a class="button" href="${view.base}/sign-in">${text.back}</a>
        </div>
      </form>
    </section>`,
  })
}

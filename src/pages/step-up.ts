import { fill, html, Markup } from './html.ts'
import type { Interpolation } from './html.ts'
import { printDocument } from './layout.ts'
import type { PageView } from './layout.ts'
import { facts, formAddress, note, quoted, statusRegion, strong } from './parts.ts'
import { ownStyle } from './refusal.ts'
import { english } from './strings.ts'
import type { Strings } from './strings.ts'

/** What somebody was about to do. */
export interface StepUpSubject {
  /** The host of the API, as the address bar will name it. */
  readonly host: string
  /** `POST /transfers` */
  readonly route: string
  /** Whether something that they entered is kept meanwhile. */
  readonly keeps: boolean
}

export interface StepUpView extends PageView, StepUpSubject {
  /** Names what was begun. */
  readonly request: string
  /** Where to go afterwards. */
  readonly returnTo: string
  /** Seconds that the touch may be old. */
  readonly maxAge: number | undefined
  /** Whether it takes attested hardware. */
  readonly takesHardware: boolean
}

/** Asks for a touch for something that was begun at an API host. */
export function stepUpPage(view: StepUpView, strings: Strings = english): string {
  const text = strings.stepUp
  return printDocument({
    base: view.base,
    strings,
    title: text.title,
    script: 'step-up',
    content: html`<section class="card" aria-labelledby="heading">
      <h1 id="heading">${text.title}</h1>
      <p>${fill(text.why, { application: strong(view.host) })}</p>
      ${facts([
        [text.route, html`<code>${quoted(view.route)}</code>`],
        [text.takes, takesOf(view, strings)],
      ])}
      ${view.keeps && html`<p>${text.kept}</p>`}
      ${statusRegion({ ...strings.ceremony, ...text.messages })}
      <noscript>${note('problem', strings.noScript)}</noscript>
      <form
        id="step-up"
        data-request="${view.request}"
        data-return-to="${view.returnTo}"
        novalidate
      >
        <button class="primary" type="submit" aria-describedby="before">${text.button}</button>
      </form>
      <p class="hint" id="before">${text.unexpected}</p>
    </section>`,
  })
}

function takesOf({ maxAge, takesHardware }: StepUpView, strings: Strings): Interpolation {
  const text = strings.stepUp
  const kind = takesHardware ? text.hardware : text.passkey
  return maxAge === undefined ? kind : html`${kind}${fill(text.fresh, { seconds: maxAge })}`
}

export interface ContinueView extends Omit<StepUpSubject, 'keeps'> {
  /** A path of the host that shows this. */
  readonly action: string
}

/**
 * The last step before what was kept is sent: at the API host, which loads nothing of ours, so it stands
 * alone like the refusal page. Its form holds nothing; the address names what is sent.
 */
export function continuePage(view: ContinueView, strings: Strings = english): string {
  const text = strings.stepUp
  return printDocument({
    base: '',
    strings,
    title: text.continueTitle,
    inlineStyle: Markup.trusted(`<style>${ownStyle()}</style>`),
    content: html`<section class="card" aria-labelledby="heading">
      <h1 id="heading">${text.continueTitle}</h1>
      <p>${fill(text.continueText, { application: strong(view.host) })}</p>
      ${facts([[text.route, html`<code>${quoted(view.route)}</code>`]])}
      <form method="post" action="${formAddress(view.action)}">
        <button class="primary" type="submit">${text.continueButton}</button>
      </form>
      <p class="hint">${text.continueHint}</p>
    </section>`,
  })
}

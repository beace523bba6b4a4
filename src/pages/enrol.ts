import { fill, html } from './html.ts'
import type { Interpolation, Markup } from './html.ts'
import { printDocument } from './layout.ts'
import type { PageView } from './layout.ts'
import { note, statusRegion, strong } from './parts.ts'
import { english } from './strings.ts'
import type { Strings } from './strings.ts'

export interface EnrolView extends PageView {
  /** How the person may enrol: by a one-time ticket, or signed in with a fresh proof. */
  readonly mode: 'ticket' | 'signed-in'
  /** The ticket to spend on the first passkey. */
  readonly ticket?: string
  /** Guards the naming form when a session is already open. */
  readonly csrf?: string
  readonly personName: string
  readonly username: string
  readonly rpName: string
  /** Whether this person already has a passkey; a second one is then not pressed for. */
  readonly hasCredentials: boolean
}

/** Enrolment in three steps: touch, name, a second key. The script moves from one to the next. */
export function enrolPage(view: EnrolView, strings: Strings = english): string {
  const text = strings.enrol
  const heading =
    view.mode === 'ticket'
      ? fill(text.headingTicket, { person: strong(view.personName) })
      : text.headingSignedIn
  const messages = {
    ...strings.ceremony,
    exists: text.exists,
    spent: text.spent,
    created: text.created,
    named: text.named,
    notNamed: text.notNamed,
  }
  return printDocument({
    base: view.base,
    strings,
    title: text.title,
    script: 'enrol',
    styles: ['ceremony'],
    content: html`<section
      class="card"
      id="enrol"
      aria-labelledby="heading"
      data-ticket="${view.ticket ?? ''}"
      data-csrf="${view.csrf ?? ''}"
      data-second="${view.hasCredentials ? 'no' : 'yes'}"
    >
      <h1 id="heading">${heading}</h1>
      <p>
        ${fill(text.account, {
          username: strong(view.username),
          relyingParty: strong(view.rpName),
        })}
      </p>
      ${stepList(view, strings)} ${statusRegion(messages)}
      <noscript>${note('problem', strings.noScript)}</noscript>
      ${steps(view, strings)}
    </section>`,
  })
}

function stepList(view: EnrolView, strings: Strings): Markup {
  const text = strings.enrol
  const names = [text.stepTouch, text.stepName, ...(view.hasCredentials ? [] : [text.stepSecond])]
  return html`<ol class="steps" aria-label="${text.stepsLabel}">
    ${names.map(
      (name, index) => html`<li${index === 0 && html` aria-current="step"`}>${name}</li>`,
    )}
  </ol>`
}

function steps(view: EnrolView, strings: Strings): Interpolation {
  const text = strings.enrol
  return html`<form id="step-touch" class="step">
      <h2 tabindex="-1">${view.hasCredentials ? text.touchHeadingMore : text.touchHeading}</h2>
      <p>${text.touchText}</p>
      ${
        view.hasCredentials &&
        html`<p class="hint">
          ${text.alreadyHave} ${view.mode === 'signed-in' && text.confirmText}
        </p>`
      }
      <button class="primary" type="submit">${text.create}</button>
    </form>
    <form id="step-name" class="step" hidden>
      <h2 tabindex="-1">${text.nameHeading}</h2>
      <p>${text.nameText}</p>
      <label for="name">${text.nameLabel}</label>
      <input
        id="name"
        name="name"
        type="text"
        maxlength="64"
        required
        autocomplete="off"
        aria-describedby="name-hint"
      />
      <p class="hint" id="name-hint">${text.nameHint}</p>
      <div class="row">
        <button class="primary" type="submit">${text.save}</button>
        <a class="button" href="${view.base}/account">${text.skip}</a>
      </div>
    </form>
    <form id="step-second" class="step" hidden>
      <h2 tabindex="-1">${text.secondHeading}</h2>
      <p>${text.secondText}</p>
      <div class="row">
        <button class="primary" type="submit">${text.second}</button>
        <a class="button" href="${view.base}/account">${text.skip}</a>
      </div>
    </form>`
}

/** One text for a ticket that is used, expired or unknown: which of them is nobody's business. */
export function ticketProblemPage(view: PageView, strings: Strings = english): string {
  const text = strings.ticketProblem
  return printDocument({
    base: view.base,
    strings,
    title: text.title,
    content: html`<section class="card" aria-labelledby="heading">
      <h1 id="heading">${text.title}</h1>
      <p>${text.text}</p>
      <p>${text.next}</p>
      <p><a class="button" href="${view.base}/sign-in">${text.signIn}</a></p>
    </section>`,
  })
}

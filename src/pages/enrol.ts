import { fill, html, safeAddress } from './html.ts'
import type { Interpolation, Markup } from './html.ts'
import { printDocument } from './layout.ts'
import type { PageView } from './layout.ts'
import { note, statusRegion, strong } from './parts.ts'
import { english } from './strings.ts'
import type { Strings } from './strings.ts'
import { wantedSentences } from './wanted-key.ts'
import type { WantedKey } from './wanted-key.ts'

export interface EnrolView extends PageView {
  /**
   * How the person may enrol: by a one-time ticket, signed in with a fresh proof, or in place of a passkey
   * that is too old, now or later.
   */
  readonly mode: 'ticket' | 'signed-in' | 'renew' | 'must-renew'
  /** The ticket to spend on the first passkey. */
  readonly ticket?: string
  /** Guards the naming form when a session is already open. */
  readonly csrf?: string
  readonly personName: string
  readonly username: string
  readonly rpName: string
  /** Whether this person already has a passkey; a second one is then not pressed for. */
  readonly hasCredentials: boolean
  /** The passkey to be replaced. */
  readonly keyName?: string
  /** The earlier passkeys end with this one. */
  readonly recovers?: boolean
  /** How many passkeys this person should have, of whom too few are there. */
  readonly wanted?: number
  /** Where the person was going; default: the account. */
  readonly returnTo?: string
  /** Which passkeys this person may register. */
  readonly suitable: WantedKey
}

function isRenewal({ mode }: EnrolView): boolean {
  return mode === 'renew' || mode === 'must-renew'
}

/** The script goes there, so it is held to what a link is held to. */
function wishedFor({ returnTo }: EnrolView): string | undefined {
  return returnTo === undefined ? undefined : safeAddress(returnTo)
}

function afterwards(view: EnrolView): string {
  return wishedFor(view) ?? `${view.base}/account`
}

/** Enrolment in three steps: touch, name, a second key. The script moves from one to the next. */
export function enrolPage(view: EnrolView, strings: Strings = english): string {
  const text = strings.enrol
  const suitable = wantedSentences(view.suitable, strings)
  const see = suitable.length === 0 ? '' : ` ${strings.wantedKey.see}`
  const refusal = (said: string): string => `${said}${see}`
  const { hardware, deviceBound, model, own } = strings.wantedKey.refused
  const messages = {
    ...strings.ceremony,
    hardware: refusal(hardware),
    deviceBound: refusal(deviceBound),
    model: refusal(model),
    own: refusal(own),
    exists: text.exists,
    spent: text.spent,
    created: text.created,
    named: text.named,
    notNamed: text.notNamed,
  }
  return printDocument({
    base: view.base,
    strings,
    title: isRenewal(view) ? strings.renew.title : text.title,
    script: 'enrol',
    styles: ['ceremony'],
    content: html`<section
      class="card"
      id="enrol"
      aria-labelledby="heading"
      data-ticket="${view.ticket ?? ''}"
      data-csrf="${view.csrf ?? ''}"
      data-second="${view.hasCredentials ? 'no' : 'yes'}"
      data-after="${wishedFor(view) ?? ''}"
      data-ceremony="${isRenewal(view) ? 'renewal' : 'registration'}"
    >
      <h1 id="heading">${heading(view, strings)}</h1>
      <p>
        ${fill(text.account, {
          username: strong(view.username),
          relyingParty: strong(view.rpName),
        })}
      </p>
      ${stepList(view, strings)} ${statusRegion(messages)}
      <noscript>${note('problem', strings.noScript)}</noscript>
      ${suitableNote(suitable, strings)} ${steps(view, strings)}
    </section>`,
  })
}

function heading(view: EnrolView, strings: Strings): Interpolation {
  if (view.mode === 'ticket') {
    return fill(strings.enrol.headingTicket, { person: strong(view.personName) })
  }
  return isRenewal(view) ? strings.renew.title : strings.enrol.headingSignedIn
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
  return html`${touch(view, strings)}
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
        value="${view.keyName ?? ''}"
        aria-describedby="name-hint"
      />
      <p class="hint" id="name-hint">${text.nameHint}</p>
      <div class="row">
        <button class="primary" type="submit">${text.save}</button>
        <a class="button" href="${afterwards(view)}">${text.skip}</a>
      </div>
    </form>
    <form id="step-second" class="step" hidden>
      <h2 tabindex="-1">${text.secondHeading}</h2>
      <p>${text.secondText}</p>
      <div class="row">
        <button class="primary" type="submit">${text.second}</button>
        <a class="button" href="${afterwards(view)}">${text.skip}</a>
      </div>
    </form>`
}

function touch(view: EnrolView, strings: Strings): Markup {
  const text = strings.enrol
  return html`<form id="step-touch" class="step">
    <h2 tabindex="-1">${view.hasCredentials ? text.touchHeadingMore : text.touchHeading}</h2>
    ${isRenewal(view) ? whyRenew(view, strings) : whyAdd(view, strings)}
    <p>${text.touchText}</p>
    <div class="row">
      <button class="primary" type="submit">${text.create}</button>
      ${
        (view.mode === 'renew' || view.wanted !== undefined) &&
        html`<a class="button" href="${afterwards(view)}">${strings.renew.later}</a>`
      }
    </div>
  </form>`
}

function whyRenew({ mode, keyName = '' }: EnrolView, strings: Strings): Interpolation {
  const text = strings.renew
  const name = strong(keyName)
  return html`<p>${fill(mode === 'renew' ? text.soon : text.now, { name })}</p>
    <p class="hint">${text.whatHappens}</p>`
}

function whyAdd(view: EnrolView, strings: Strings): Interpolation {
  const { hasCredentials, mode, recovers = false, wanted } = view
  const text = strings.enrol
  if (recovers) return html`<p>${strings.renew.recovering}</p>`
  return html`${
    wanted !== undefined &&
    note('calm', fill(strings.renew.tooFew, { count: strong(String(wanted)) }))
  }${
    hasCredentials &&
    html`<p class="hint">${text.alreadyHave} ${mode === 'signed-in' && text.confirmText}</p>`
  }`
}

/** Before the touch, so that nobody tries a key that will not do. */
function suitableNote(sentences: readonly string[], strings: Strings): Interpolation {
  if (sentences.length === 0) return ''
  return html`<section class="note" data-tone="calm" aria-labelledby="wanted">
    <h2 id="wanted">${strings.wantedKey.heading}</h2>
    <ul>
      ${sentences.map((sentence) => html`<li>${sentence}</li>`)}
    </ul>
  </section>`
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

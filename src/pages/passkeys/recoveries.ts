import type { Instant } from '../../core/index.ts'
import { fill, html } from '../html.ts'
import type { Interpolation, Markup } from '../html.ts'
import { printDocument } from '../layout.ts'
import type { PageView } from '../layout.ts'
import { facts, hiddenFields, moment, statusRegion } from '../parts.ts'
import { english } from '../strings.ts'
import type { Strings } from '../strings.ts'

export interface RecoveryView {
  readonly id: string
  readonly name: string
  readonly username: string
  readonly code: string
  readonly reason: string
  /** What the key signs a digest of; the page's script holds what is shown against it. */
  readonly statement: string
  readonly createdAt: Instant
  readonly expiresAt: Instant
  /** The person who reads this is the one it is for. */
  readonly own: boolean
}

export interface RecoveriesView extends PageView {
  readonly csrf: string
  readonly recoveries: readonly RecoveryView[]
  /** What becomes of the earlier passkeys. */
  readonly oldPasskeys: 'suspend' | 'remove'
}

/** Requests to let somebody in again, for those who may approve them. To decline works without the script. */
export function recoveriesPage(view: RecoveriesView, strings: Strings = english): string {
  const text = strings.recoveries
  const { waiting, cancelled, unsupported, failed, wrongSite, limited, unavailable, offline } =
    strings.ceremony
  const { confirmFirst, reference, checking } = strings.ceremony
  const outcomes = { waiting, cancelled, unsupported, failed, wrongSite, limited, unavailable }
  const messages = {
    ...outcomes,
    offline,
    confirmFirst,
    reference,
    checking,
    differs: strings.approval.messages.differs,
    done: text.done,
    refused: strings.account.refused,
  }
  return printDocument({
    base: view.base,
    strings,
    title: text.title,
    script: 'recoveries',
    styles: ['account'],
    width: 'wide',
    content: html`<h1>${text.title}</h1>
      <p class="lead">${view.recoveries.length === 0 ? text.none : text.text}</p>
      ${statusRegion(messages)}
      <ul class="cards">
        ${view.recoveries.map((one) => card(view, one, strings))}
      </ul>
      <p><a class="button" href="${view.base}/account">${strings.refusal.account}</a></p>`,
  })
}

/** Each value names the member of the statement it is, so that the script can compare the two. */
function member(name: string, value: string): Markup {
  return html`<bdi data-member="${name}">${value}</bdi>`
}

function card(view: RecoveriesView, recovery: RecoveryView, strings: Strings): Markup {
  const text = strings.recoveries
  return html`<li class="card">
    <h2>
      ${fill(text.heading, { person: html`<strong>${member('name', recovery.name)}</strong>` })}
    </h2>
    ${facts([
      [strings.account.username, member('username', recovery.username)],
      [text.code, html`<code>${member('code', recovery.code)}</code>`],
      [text.reason, member('reason', recovery.reason)],
      [text.asked, moment(recovery.createdAt, strings)],
      [text.until, moment(recovery.expiresAt, strings)],
    ])}
    ${recovery.own ? html`<p class="hint">${text.own}</p>` : decision(view, recovery, strings)}
  </li>`
}

function decision(view: RecoveriesView, recovery: RecoveryView, strings: Strings): Interpolation {
  const text = strings.recoveries
  const address = `${view.base}/recoveries/${encodeURIComponent(recovery.id)}`
  return html`<p>${text.check}</p>
    <p class="hint">${text[view.oldPasskeys]}</p>
    <form data-recovery="${recovery.id}" data-statement="${recovery.statement}" novalidate>
      <button
        class="primary"
        type="submit"
        aria-label="${fill(text.approveNamed, {
          name: recovery.name,
        })}"
      >
        ${text.approve}
      </button>
    </form>
    <form method="post" action="${address}/decline" data-send>
      ${hiddenFields({ csrf: view.csrf })}
      <button
        type="submit"
        aria-label="${fill(text.declineNamed, {
          name: recovery.name,
        })}"
      >
        ${text.decline}
      </button>
    </form>`
}

import type { Instant } from '../core/index.ts'
import { fill, html } from './html.ts'
import type { Interpolation, Markup } from './html.ts'
import { printDocument } from './layout.ts'
import type { PageView } from './layout.ts'
import { facts, hiddenFields, moment, note, quoted, statusRegion, strong } from './parts.ts'
import { english } from './strings.ts'
import type { Strings } from './strings.ts'

/** What can be said of a request that somebody is asked to approve; all but `open` are ends. */
export type ApprovalState =
  | 'open'
  | 'approvedByYou'
  | 'approved'
  | 'denied'
  | 'redeemed'
  | 'expired'
  | 'unknown'
  | 'sameSession'
  | 'noKey'

/** What stands in the statement, as far as it is shown. */
export interface ShownStatement {
  readonly sentence: string
  readonly method: string
  readonly authority: string
  readonly target: string
  readonly name: string
  readonly client: string
  readonly address: string
  readonly expiresAt: Instant
  readonly approvers: { readonly self: boolean; readonly others: number }
}

export interface AskedApproval {
  readonly id: string
  readonly statement: ShownStatement
  /** What the key signs a digest of; the page's script holds what is shown against it. */
  readonly statementText: string
  /** Whether the reader is the one who asks. */
  readonly own: boolean
  readonly csrf: string
  readonly approvedBy: readonly string[]
}

export interface ApprovalView extends PageView {
  readonly state: ApprovalState
  /** Absent where the reader may not know. */
  readonly asked?: AskedApproval
}

/** Says what one request would do and who asks, and lets the person say yes with a touch, or no. */
export function approvalPage(view: ApprovalView, strings: Strings = english): string {
  const text = strings.approval
  const { asked, state } = view
  const title = state === 'open' ? text.title : text.ends[state].title
  return printDocument({
    base: view.base,
    strings,
    title,
    ...(state === 'open' ? { script: 'approve' } : {}),
    styles: ['ceremony'],
    content: html`<section class="card" aria-labelledby="heading">
      <h1 id="heading">${title}</h1>
      ${state !== 'open' && endOf(state, strings)} ${asked !== undefined && shown(asked, strings)}
      ${state === 'open' && asked !== undefined && questions(view.base, asked, strings)}
      ${state === 'sameSession' && asked !== undefined && refusals(view.base, asked, strings)}
    </section>`,
  })
}

function endOf(state: Exclude<ApprovalState, 'open'>, strings: Strings): Markup {
  const good = state === 'approved' || state === 'approvedByYou' || state === 'redeemed'
  return note(good ? 'done' : 'calm', strings.approval.ends[state].text)
}

/** Each value names the member of the statement it is, so that the script can compare the two. */
function shown({ statement, approvedBy }: AskedApproval, strings: Strings): Interpolation {
  const text = strings.approval
  const member = (name: string, value: string): Markup =>
    html`<bdi data-member="${name}">${value}</bdi>`
  const { self, others } = statement.approvers
  const needed = others + (self ? 1 : 0)
  return html`<p class="sentence">${member('sentence', statement.sentence)}</p>
    ${facts([
      [text.asker, member('name', statement.name)],
      [
        text.request,
        html`<code
          >${member('method', statement.method)}
          ${member('authority', statement.authority)}${member('target', statement.target)}</code
        >`,
      ],
      ...(statement.client === ''
        ? []
        : [[text.program, member('client', statement.client)] as const]),
      [text.from, member('address', statement.address)],
      [text.until, moment(statement.expiresAt, strings)],
      ...(needed > 1 ? [[text.touches, touches(approvedBy, needed, strings)] as const] : []),
    ])}`
}

function touches(approvedBy: readonly string[], needed: number, strings: Strings): Interpolation {
  const text = strings.approval
  const count = fill(text.touchCount, { count: String(approvedBy.length), needed: String(needed) })
  return approvedBy.length === 0
    ? count
    : html`${count}: ${approvedBy.map((name, at) => html`${at > 0 && ', '}${quoted(name)}`)}`
}

function questions(base: string, asked: AskedApproval, strings: Strings): Interpolation {
  const text = strings.approval
  return html`<p class="hint" id="meaning">${text.meaning}</p>
    ${statusRegion({ ...strings.ceremony, ...text.messages })}
    <noscript>${note('problem', strings.noScript)}</noscript>
    <form id="approve" data-proof="${asked.id}" data-statement="${asked.statementText}" novalidate>
      <button class="primary" type="submit" aria-describedby="meaning">${text.approve}</button>
    </form>
    ${refusals(base, asked, strings)}`
}

/** Plain forms: to say no takes neither a key nor a script. */
function refusals(base: string, asked: AskedApproval, strings: Strings): Interpolation {
  const text = strings.approval
  return html`<form method="post" action="${`${base}/approve/${asked.id}/deny`}">
    ${hiddenFields({ csrf: asked.csrf })}
    <div class="row">
      <button type="submit" name="because" value="denied">${text.deny}</button>
      ${
        asked.own &&
        html`<button
          class="danger"
          type="submit"
          name="because"
          value="stranger"
          aria-describedby="stranger"
        >
          ${text.notMe}
        </button>`
      }
    </div>
    ${asked.own && html`<p class="hint" id="stranger">${text.notMeText}</p>`}
  </form>`
}

/** One line of the inbox. */
export interface WaitingApproval {
  readonly id: string
  readonly sentence: string
  readonly name: string
  readonly own: boolean
  readonly expiresAt: Instant
}

export interface ApprovalsView extends PageView {
  readonly waiting: readonly WaitingApproval[]
  /** Whether nothing comes before. */
  readonly isFirst: boolean
  /** What names the page after this one, if there is one. */
  readonly next?: string
}

/** What waits for this person. */
export function approvalsPage(view: ApprovalsView, strings: Strings = english): string {
  const text = strings.approval
  const rows = view.waiting.map(
    (one) =>
      html`<li>
        <a href="${`${view.base}/approve/${one.id}`}">${quoted(one.sentence)}</a>
        <span class="hint"
          >${fill(one.own ? text.byYou : text.by, { name: strong(one.name) })} ·
          ${fill(text.untilShort, { at: moment(one.expiresAt, strings) })}</span
        >
      </li>`,
  )
  return printDocument({
    base: view.base,
    strings,
    title: text.inboxTitle,
    styles: ['ceremony'],
    content: html`<section class="card" aria-labelledby="heading">
      <h1 id="heading">${text.inboxTitle}</h1>
      ${
        rows.length === 0
          ? html`<p>${text.inboxEmpty}</p>`
          : html`<ul class="links waiting">
              ${rows}
            </ul>`
      }
      ${
        view.next !== undefined &&
        html`<p class="foot">
          <a class="button" href="${`${view.base}/approvals?after=${view.next}`}"
            >${text.inboxMore}</a
          >
        </p>`
      }
      ${!view.isFirst && html`<p class="foot"><a class="button" href="${`${view.base}/approvals`}">${text.inboxFirst}</a></p>`}
      <p class="foot"><a class="button" href="${`${view.base}/account`}">${text.toAccount}</a></p>
    </section>`,
  })
}

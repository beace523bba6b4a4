import type { Instant } from '../core/index.ts'
import { fill, html } from './html.ts'
import type { Interpolation, Markup } from './html.ts'
import { printDocument } from './layout.ts'
import type { PageView } from './layout.ts'
import { facts, hiddenFields, moment, note, quoted, statusRegion, strong } from './parts.ts'
import { english } from './strings.ts'
import type { Strings } from './strings.ts'

export interface CredentialView {
  readonly id: string
  readonly name: string
  /** What kind of device it seems to live in; a hint, from its unproven model number. */
  readonly hint?: string
  readonly createdAt: Instant
  readonly lastUsedAt?: Instant
  readonly synced: boolean
  /** For emergencies only. */
  readonly emergencies?: boolean
  /** Absent while it is active. */
  readonly suspendedSince?: Instant
  /** False for the last active one, which must stay. */
  readonly removable: boolean
}

export interface SessionView {
  readonly id: string
  readonly kind: 'browser' | 'application' | 'api'
  readonly name: string
  readonly createdAt: Instant
  readonly lastSeenAt: Instant
  readonly address: string
  readonly current: boolean
}

export interface AccountView extends PageView {
  readonly csrf: string
  /** Signed in with a passkey for emergencies. */
  readonly alarmed?: boolean
  readonly person: {
    readonly name: string
    readonly username: string
    readonly groups: readonly string[]
  }
  readonly credentials: readonly CredentialView[]
  readonly sessions: readonly SessionView[]
  /** Applications the person allowed to use the account. */
  readonly clients?: readonly { readonly name: string; readonly scopes: readonly string[] }[]
  /** Shown first, after something was done. */
  readonly notice?: string
}

/** Who one is, the passkeys and the open sessions. Every form works without the script. */
export function accountPage(view: AccountView, strings: Strings = english): string {
  const text = strings.account
  // A suspended passkey is not offered here.
  const {
    checking: _checking,
    welcome: _welcome,
    suspended: _suspended,
    ...ceremony
  } = strings.ceremony
  const messages = { ...ceremony, done: text.done, refused: text.refused }
  return printDocument({
    base: view.base,
    strings,
    title: text.title,
    script: 'account',
    styles: ['account'],
    width: 'wide',
    aside: html`<form method="post" action="${view.base}/sign-out">
      ${csrfField(view)} <button type="submit">${text.signOut}</button>
    </form>`,
    content: html`<h1>${text.title}</h1>
      <p
        class="lead"
        id="person"
        data-username="${view.person.username}"
        data-name="${view.person.name}"
      >
        ${fill(text.signedInAs, { person: strong(view.person.name) })}
      </p>
      ${statusRegion(messages)} ${view.notice !== undefined && note('done', view.notice)}
      ${view.alarmed === true && note('problem', strings.breakGlass.banner)}
      ${facts([
        [text.username, quoted(view.person.username)],
        [text.groups, groupList(view.person.groups, strings)],
      ])}
      ${passkeys(view, strings)} ${sessions(view, strings)} ${clients(view, strings)}`,
  })
}

function csrfField(view: AccountView): Interpolation {
  return hiddenFields({ csrf: view.csrf })
}

function chip(content: Interpolation): Markup {
  return html`<span class="chip">${content}</span>`
}

function kinds(credential: CredentialView, strings: Strings): Interpolation {
  const { synced, bound } = strings.account
  return [
    chip(credential.synced ? synced : bound),
    credential.emergencies === true && html` ${chip(strings.breakGlass.chip)}`,
  ]
}

function groupList(groups: readonly string[], strings: Strings): Interpolation {
  if (groups.length === 0) return strings.account.noGroups
  return groups.map((group) => html`<span class="chip">${quoted(group)}</span> `)
}

function passkeys(view: AccountView, strings: Strings): Markup {
  const text = strings.account
  return html`<section aria-labelledby="passkeys">
    <div class="bar">
      <h2 id="passkeys">${text.passkeys}</h2>
      <a class="button primary" href="${view.base}/enrol">${text.add}</a>
    </div>
    <p>${text.passkeysText}</p>
    ${view.credentials.length === 1 && note('calm', text.oneKey)}
    <ul class="cards keys">
      ${view.credentials.map((credential, index) =>
        passkeyCard(view, credential, `name-${String(index)}`, strings),
      )}
    </ul>
  </section>`
}

function passkeyCard(
  view: AccountView,
  credential: CredentialView,
  field: string,
  strings: Strings,
): Markup {
  const text = strings.account
  const { lastUsedAt } = credential
  return html`<li class="card">
    <h3>${quoted(credential.name)}</h3>
    ${
      credential.suspendedSince !== undefined &&
      note('problem', fill(text.suspended, { since: moment(credential.suspendedSince, strings) }))
    }
    ${facts([
      [text.lives, credential.hint === undefined ? text.livesUnknown : quoted(credential.hint)],
      [text.kind, kinds(credential, strings)],
      [text.created, moment(credential.createdAt, strings)],
      [text.lastUsed, lastUsedAt === undefined ? text.never : moment(lastUsedAt, strings)],
    ])}
    <form
      class="row"
      method="post"
      action="${credentialAction(view, credential.id, 'rename')}"
      data-send
    >
      ${csrfField(view)} ${rename(credential, field, strings)} ${remove(view, credential, strings)}
    </form>
  </li>`
}

function credentialAction(view: AccountView, id: string, verb: string): string {
  return `${view.base}/account/credentials/${encodeURIComponent(id)}/${verb}`
}

function rename(credential: CredentialView, field: string, strings: Strings): Markup {
  const text = strings.account
  return html`<details>
    <summary
      aria-label="${fill(text.renameNamed, {
        name: credential.name,
      })}"
    >
      ${text.rename}
    </summary>
    <label for="${field}">${text.newName}</label>
    <input
      id="${field}"
      name="name"
      type="text"
      maxlength="64"
      required
      autocomplete="off"
      value="${credential.name}"
    />
    <button type="submit">${text.save}</button>
  </details>`
}

function remove(view: AccountView, credential: CredentialView, strings: Strings): Markup {
  const text = strings.account
  if (!credential.removable) return html`<p class="hint">${text.notRemovable}</p>`
  return html`<details>
    <summary
      aria-label="${fill(text.removeNamed, {
        name: credential.name,
      })}"
    >
      ${text.remove}
    </summary>
    <p>${text.removeText}</p>
    <button
      class="danger"
      formaction="${credentialAction(view, credential.id, 'remove')}"
      formnovalidate
    >
      ${text.removeConfirm}
    </button>
  </details>`
}

/** One form for them all: the buttons say which session they end by where they send it. */
function sessions(view: AccountView, strings: Strings): Markup {
  const text = strings.account
  const address = `${view.base}/account/sessions/end-all`
  return html`<section aria-labelledby="sessions">
    <h2 id="sessions">${text.sessions}</h2>
    <p>${view.sessions.length === 0 ? text.noSessions : text.sessionsText}</p>
    <form method="post" action="${address}" data-send>
      ${csrfField(view)}
      <ul class="cards list">
        ${view.sessions.map((session) => sessionCard(view, session, strings))}
      </ul>
      <p class="hint">${text.endAllText}</p>
      <button class="danger" type="submit">${text.endAll}</button>
    </form>
  </section>`
}

function sessionCard(view: AccountView, session: SessionView, strings: Strings): Markup {
  const text = strings.account
  const action = `${view.base}/account/sessions/${encodeURIComponent(session.id)}/end`
  const here = session.current && html` <span class="chip here">${text.current}</span>`
  return html`<li class="card">
    <h3>${quoted(session.name)} <span class="chip">${text[session.kind]}</span>${here}</h3>
    <p class="hint">
      ${fill(text.seen, {
        at: moment(session.lastSeenAt, strings),
        address: quoted(session.address),
      })}<br />${fill(text.opened, { at: moment(session.createdAt, strings) })}
    </p>
    <button formaction="${action}" aria-label="${fill(text.endNamed, { name: session.name })}">
      ${text.end}
    </button>
  </li>`
}

function clients(view: AccountView, strings: Strings): Interpolation {
  if (view.clients === undefined || view.clients.length === 0) return undefined
  const text = strings.account
  return html`<section aria-labelledby="clients">
    <h2 id="clients">${text.clients}</h2>
    <ul class="cards">
      ${view.clients.map(
        (client) =>
          html`<li class="card">
            <h3>${quoted(client.name)}</h3>
            <p>${fill(text.clientScopes, { scopes: quoted(client.scopes.join(', ')) })}</p>
          </li>`,
      )}
    </ul>
  </section>`
}

import { fill, html } from './html.ts'
import type { Interpolation } from './html.ts'
import { printDocument } from './layout.ts'
import type { PageView } from './layout.ts'
import {
  facts,
  formAddress,
  hiddenFields,
  note,
  quoted,
  scopeList,
  statusRegion,
  strong,
} from './parts.ts'
import type { ScopeView } from './parts.ts'
import { english } from './strings.ts'
import type { Strings } from './strings.ts'

export interface DeviceView extends PageView {
  /** Fills the field in when the person came by a link; nothing is decided by that. */
  readonly userCode?: string
  readonly action: string
  readonly xsrf: string
  /** Shown first, when the last code was not found. */
  readonly message?: string
}

/** Asks for the code a device shows: one field that can be pasted into. */
export function devicePage(view: DeviceView, strings: Strings = english): string {
  const text = strings.device
  return printDocument({
    base: view.base,
    strings,
    title: text.title,
    styles: ['ceremony'],
    content: html`<section class="card" aria-labelledby="heading">
      <h1 id="heading">${text.heading}</h1>
      <p>${text.text}</p>
      ${statusRegion({}, view.message)}
      <form method="post" action="${formAddress(view.action)}">
        ${hiddenFields({ xsrf: view.xsrf })}
        <label for="user-code">${text.label}</label>
        <input
          id="user-code"
          class="code"
          name="user_code"
          type="text"
          required
          maxlength="32"
          autocomplete="off"
          autocapitalize="characters"
          spellcheck="false"
          aria-describedby="code-hint"
          value="${view.userCode ?? ''}"
        />
        <p class="hint" id="code-hint">${text.hint}</p>
        <button class="primary" type="submit">${text.button}</button>
      </form>
    </section>`,
  })
}

export interface DeviceConfirmView extends PageView {
  readonly clientName: string
  readonly userCode: string
  /** Where the device asked from. */
  readonly address: string
  /** What the device said it is; its own words. */
  readonly userAgent: string
  readonly scopes: readonly ScopeView[]
  readonly action: string
  readonly xsrf: string
  /** Sent along by both buttons, besides `xsrf` and `user_code`. */
  readonly fields?: Readonly<Record<string, string>>
}

/**
 * Shows what would be signed in and from where (RFC 8628 5.4), and lets the person say yes or no.
 * Neither button is the default one: the form has nothing that Enter would send from.
 */
export function deviceConfirmPage(view: DeviceConfirmView, strings: Strings = english): string {
  const text = strings.device
  return printDocument({
    base: view.base,
    strings,
    title: text.confirmTitle,
    styles: ['ceremony'],
    content: html`<section class="card" aria-labelledby="heading">
      <h1 id="heading">${fill(text.confirmHeading, { client: strong(view.clientName) })}</h1>
      ${note('problem', html`<strong>${text.warning}</strong>`)}
      <p class="code-shown"><span>${text.code}</span> <strong>${quoted(view.userCode)}</strong></p>
      <p class="hint">${text.codeText}</p>
      ${facts([
        [text.program, quoted(view.clientName)],
        [text.from, quoted(view.address)],
        [text.userAgent, quoted(view.userAgent)],
        ...scopeRow(view, strings),
      ])}
      <form method="post" action="${formAddress(view.action)}">
        ${hiddenFields({ user_code: view.userCode, ...view.fields, xsrf: view.xsrf })}
        <div class="row">
          <button class="primary" type="submit" name="confirm" value="yes">${text.accept}</button>
          <button class="danger" type="submit" name="abort" value="yes">${text.refuse}</button>
        </div>
      </form>
    </section>`,
  })
}

/** Nothing is said where nothing is known: silence promises less than "nothing". */
function scopeRow(view: DeviceConfirmView, strings: Strings): readonly [string, Interpolation][] {
  const { scopes, noScopes } = strings.device
  return view.scopes.length === 0 ? [] : [[scopes, scopeList(view.scopes, noScopes)]]
}

export interface DeviceDoneView extends PageView {
  /** What the person said. */
  readonly outcome: 'connected' | 'stopped'
}

/** The end of the browser's part of the device flow. */
export function deviceDonePage(view: DeviceDoneView, strings: Strings = english): string {
  const text = strings.device
  const connected = view.outcome === 'connected'
  const title = connected ? text.doneTitle : text.stoppedTitle
  return printDocument({
    base: view.base,
    strings,
    title,
    content: html`<section class="card" aria-labelledby="heading">
      <h1 id="heading">${title}</h1>
      ${note(connected ? 'done' : 'calm', connected ? text.done : text.stopped)}
    </section>`,
  })
}

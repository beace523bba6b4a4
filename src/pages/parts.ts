import type { Instant } from '../core/index.ts'
import { invariant } from '../core/index.ts'
import { html, safeAddress } from './html.ts'
import type { Interpolation, Markup } from './html.ts'
import type { Strings } from './strings.ts'

/** A moment in the page's language, in UTC because the server does not know the reader's zone. */
export function moment(at: Instant, strings: Strings): Markup {
  const date = new Date(at)
  const text = date.toLocaleString(strings.language, {
    dateStyle: 'medium',
    timeStyle: 'short',
    timeZone: 'UTC',
  })
  return html`<time datetime="${`${date.toISOString().slice(0, 16)}Z`}">${text} UTC</time>`
}

/**
 * Someone else's words (a name, an address) in a sentence of ours: kept from changing the reading
 * direction of what stands around them.
 */
export function quoted(text: string): Markup {
  return html`<bdi>${text}</bdi>`
}

export function strong(text: string): Markup {
  return html`<strong>${quoted(text)}</strong>`
}

/** The fields of a form that nobody sees. */
export function hiddenFields(fields: Readonly<Record<string, string>>): Interpolation {
  return Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`,
  )
}

/** Where a form is sent. Ours to choose, so anything but a path or http(s) address is a bug. */
export function formAddress(address: string): string {
  const safe = safeAddress(address)
  invariant(safe !== undefined, 'a form leads to something that is not an address')
  return safe
}

/** The sign that goes with a message, so that colour is never the only difference. */
export type Tone = 'calm' | 'problem' | 'done'

export function note(tone: Tone, content: Interpolation): Markup {
  return html`<div class="note" data-tone="${tone}"><p>${content}</p></div>`
}

/**
 * The live region the page's script speaks through. It carries its possible messages, so that the
 * script holds no words.
 */
export function statusRegion(messages: Readonly<Record<string, string>>, initial?: string): Markup {
  const carried = Object.entries(messages).map(
    ([key, text]) => html`<li data-message="${key}">${text}</li>`,
  )
  return html`<div
      id="status"
      class="note"
      role="status"
      ${initial !== undefined && html` data-tone="problem"`}
    >
      ${initial !== undefined && html`<p>${initial}</p>`}
    </div>
    <ul id="messages" hidden>
      ${carried}
    </ul>`
}

/** Rows of a name and a value. */
export function facts(rows: readonly (readonly [string, Interpolation])[]): Markup {
  const pairs = rows.map(
    ([name, value]) =>
      html`<dt>${name}</dt>
        <dd>${value}</dd>`,
  )
  return html`<dl>${pairs}</dl>`
}

/** One thing an application asks for: the scope's name and what it means in words. */
export interface ScopeView {
  readonly name: string
  readonly text: string
}

export function scopeList(scopes: readonly ScopeView[], none: string): Interpolation {
  if (scopes.length === 0) return none
  return html`<ul class="scopes">
    ${scopes.map(
      (scope) => html`<li>${quoted(scope.text)} <code>${quoted(scope.name)}</code></li>`,
    )}
  </ul>`
}

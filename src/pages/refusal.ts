import { createHash } from 'node:crypto'
import { invariant } from '../core/index.ts'
import { assetFor } from './assets.ts'
import { fill, html, Markup, safeAddress } from './html.ts'
import type { Interpolation } from './html.ts'
import { printDocument } from './layout.ts'
import type { PageView } from './layout.ts'
import { facts, quoted } from './parts.ts'
import { english } from './strings.ts'
import type { Strings } from './strings.ts'

export interface RefusalView extends PageView {
  readonly status: number
  /** The refusal's public text. */
  readonly title: string
  readonly code: string
  readonly requestId: string
  /** What this means for the person. */
  readonly explanation: string
  readonly nextSteps: readonly string[]
  readonly signInUrl?: string
  /** Where what was asked for can be approved, and where to go on then. */
  readonly approvalUrl?: string
  readonly retryUrl?: string
  /** Absolute addresses on the identity host. */
  readonly identityLinks?: { readonly account?: string; readonly signOut?: string }
}

/**
 * A refusal for people. It stands alone (its style is inside, it loads nothing), so that the
 * gateway can answer with it on any host; send it with `refusalStyleHash()` in the policy.
 */
export function refusalPage(view: RefusalView, strings: Strings = english): string {
  const text = strings.refusal
  return printDocument({
    base: view.base,
    strings,
    title: view.title,
    inlineStyle: Markup.trusted(`<style>${ownStyle()}</style>`),
    content: html`<section class="card" aria-labelledby="heading">
      <p class="status">${fill(text.status, { status: view.status })}</p>
      <h1 id="heading">${quoted(view.title)}</h1>
      <p>${quoted(view.explanation)}</p>
      ${nextSteps(view, strings)} ${links(view, strings)} ${administratorFacts(view, strings)}
    </section>`,
  })
}

/** The hash source of the refusal page's style sheet, for `contentSecurityPolicy`. */
export function refusalStyleHash(): string {
  return `sha256-${createHash('sha256').update(ownStyle()).digest('base64')}`
}

/** The style sheet of a page that stands alone. */
export function ownStyle(): string {
  const asset = assetFor('proofgate.css')
  invariant(asset !== undefined, 'the style sheet is missing')
  return asset.body.toString('utf8')
}

function nextSteps(view: RefusalView, strings: Strings): Interpolation {
  if (view.nextSteps.length === 0) return undefined
  return html`<h2>${strings.refusal.next}</h2>
    <ul>
      ${view.nextSteps.map((step) => html`<li>${quoted(step)}</li>`)}
    </ul>`
}

function links(view: RefusalView, strings: Strings): Interpolation {
  const text = strings.refusal
  const offered: readonly (readonly [string, string | undefined])[] = [
    [text.approve, safeAddress(view.approvalUrl)],
    [text.goOn, safeAddress(view.retryUrl)],
    [text.signIn, safeAddress(view.signInUrl)],
    [text.account, safeAddress(view.identityLinks?.account)],
    [text.signOut, safeAddress(view.identityLinks?.signOut)],
  ]
  const usable = offered.flatMap(([name, address]) =>
    address === undefined ? [] : [html`<a class="button" href="${address}">${name}</a> `],
  )
  return usable.length > 0 && html`<p class="row">${usable}</p>`
}

function administratorFacts(
  view: { readonly code: string; readonly requestId: string },
  strings: Strings,
): Interpolation {
  const text = strings.refusal
  return html`<h2>${text.details}</h2>
    ${facts([
      [text.code, html`<code>${quoted(view.code)}</code>`],
      [text.requestId, html`<code>${quoted(view.requestId)}</code>`],
    ])}`
}

export interface ErrorView extends PageView {
  readonly status: number
  /** The public text; without one a general sentence stands there. */
  readonly title?: string
  readonly code: string
  readonly requestId: string
  readonly explanation?: string
  /** Seconds after which it may be tried again. */
  readonly retryAfter?: number
}

/** An error on the identity host. */
export function errorPage(view: ErrorView, strings: Strings = english): string {
  const title = view.title ?? strings.error.title
  return printDocument({
    base: view.base,
    strings,
    title,
    content: html`<section class="card" aria-labelledby="heading">
      <p class="status">${fill(strings.refusal.status, { status: view.status })}</p>
      <h1 id="heading">${quoted(title)}</h1>
      ${view.explanation !== undefined && html`<p>${quoted(view.explanation)}</p>`}
      ${
        view.retryAfter !== undefined &&
        html`<p>${fill(strings.error.wait, { seconds: view.retryAfter })}</p>`
      }
      <p><a class="button" href="${view.base}/">${strings.error.back}</a></p>
      ${administratorFacts(view, strings)}
    </section>`,
  })
}

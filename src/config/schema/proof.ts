import type { z } from 'zod'
import { amount, duration, flag, size, text } from '../scalars.ts'
import { list, mapping, name, nothing } from './parts.ts'

/** RFC 9470 4 lists them in one text, divided by spaces, and quotes that. */
const contextClass = /^[!#-[\]-~]{1,100}$/

const MiB = 1_048_576

const approvers = mapping('who has to touch a key; default: the caller', {
  self: flag('the caller; default: yes, unless `groups` are named').optional(),
  groups: list('groups the other people are in; any of them is enough', name('a group')).prefault(
    [],
  ),
  count: amount('approverCount', 'how many other people; default: 1 with `groups`', {
    min: 1,
    max: 10,
    whole: true,
  }).optional(),
})

const request = mapping('a touch that says yes to exactly one request', {
  sentence: text(
    'sentence',
    'what will happen, for whoever approves: text with {parameter} of the path and {body.member} of a JSON body',
    /^.{1,300}$/u,
  ).optional(),
  headers: list(
    'request headers that are bound as well; content-type always is',
    text('headerName', 'a header', /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/),
  )
    .max(16, { error: 'list' })
    .prefault([]),
  maxBody: size('longest body; what is longer is refused before anybody is asked', 0, MiB).prefault(
    '64KiB',
  ),
  validFor: duration('how long it can be approved and used', '10s', '15m').prefault('2m'),
  approvers: approvers.prefault(nothing),
  forwardEvidence: flag(
    'sends the service what it needs to verify the touches itself, in X-Proofgate-Evidence',
  ).prefault(false),
  dangerously_allowUnattested: flag(
    'lets passkeys approve whose attestation was not verified: whoever drives the browser may hold them',
  ).prefault(false),
  dangerously_allowSameSession: flag('lets the browser session that asks approve as well').prefault(
    false,
  ),
})

/** What callers of a route have to have proved, beside being known. */
export const proof = mapping('the touch of a key that the route takes', {
  maxAge: duration('how long ago the key may have been touched', '1s', '1d').optional(),
  acr: text(
    'contextClass',
    "what the touch has to prove: phr (a passkey), phrh (attested hardware), or a class of the route's issuer",
    contextClass,
  ).optional(),
  request: request.optional(),
})

export type ProofShape = z.output<typeof proof>
export type RequestProofShape = z.output<typeof request>

import type { z } from 'zod'
import { duration, text } from '../scalars.ts'
import { mapping } from './parts.ts'

/** RFC 9470 4 lists them in one text, divided by spaces, and quotes that. */
const contextClass = /^[!#-[\]-~]{1,100}$/

/** What callers of a route have to have proved, beside being known. */
export const proof = mapping('the fresh touch of a key that the route takes', {
  maxAge: duration('how long ago the key may have been touched', '1s', '1d').optional(),
  acr: text(
    'contextClass',
    "what the touch has to prove: phr (a passkey), phrh (attested hardware), or a class of the route's issuer",
    contextClass,
  ).optional(),
})

export type ProofShape = z.output<typeof proof>

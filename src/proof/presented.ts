import type { Instant, Refusal } from '../core/index.ts'
import type { AuthenticationResponse } from '../webauthn/index.ts'
import { proofErrors } from './errors.ts'
import type { Statement } from './statement.ts'

/** Who asked, and alone may use what is answered. */
export interface Holder {
  /** Unique over all issuers. */
  readonly key: string
  readonly session: string
  readonly token: string
}

/** What the request that comes with a proof is, as it arrived. */
export interface Presented {
  readonly id: string
  readonly holder: Holder
  /** Digest of its canonical form. */
  readonly request: string
  readonly audience: string
  readonly configuration: string
  readonly decision: string
  /** An assertion that came with it, where nobody approved on a page. */
  readonly assertion?: AuthenticationResponse | undefined
}

export function printHolder({ key, session, token }: Holder): string {
  return JSON.stringify([key, session, token])
}

/** What is not as it was approved, if anything. */
export function differenceOf(
  statement: Statement,
  presented: Presented,
  now: Instant,
): string | undefined {
  if (statement.id !== presented.id) return 'another proof'
  if (statement.request !== presented.request) return 'another request'
  if (statement.audience !== presented.audience) return 'another API'
  if (statement.session !== presented.holder.session) return 'another session'
  if (statement.token !== presented.holder.token) return 'another token'
  if (statement.configuration !== presented.configuration) return 'the configuration changed'
  if (statement.decision !== presented.decision) return 'another decision'
  return statement.expiresAt <= now ? 'it expired' : undefined
}

const outcomes = {
  unknown: 'unknown',
  expired: 'expired',
  pending: 'pending',
  denied: 'denied',
  redeemed: 'spent',
} as const

export function refuseTaken(outcome: keyof typeof outcomes): Refusal {
  return proofErrors.refuse(outcomes[outcome])
}

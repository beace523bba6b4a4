import type { Millis } from '../core/index.ts'
import type { Sentence } from './sentence.ts'
import type { Approvers } from './statement.ts'

/** What a route asks of a proof that is bound to its requests. */
export interface ProofDemand {
  /** Headers that are bound besides those that always are, lower case, sorted. */
  readonly headers: readonly string[]
  /** `undefined` for method and address alone. */
  readonly sentence: Sentence | undefined
  /** Longest body, in bytes. */
  readonly maxBody: number
  readonly validFor: Millis
  readonly approvers: Approvers
  /** Whether the service gets what the touches are verified by. */
  readonly forwardEvidence: boolean
}

import type { Millis } from '../../core/index.ts'
import type { ProofDemand } from '../../proof/index.ts'

/** What a route demands of its callers beside being known; at least one of its parts is there. */
export interface ConfiguredProof {
  /** The longest time since the key was touched. */
  readonly maxAge: Millis | undefined
  /** Authentication context class that the touch has to have reached. */
  readonly acr: string | undefined
  /** A proof that is bound to each request. */
  readonly request: ProofDemand | undefined
}

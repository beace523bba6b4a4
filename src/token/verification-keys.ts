import type { KeyObject } from 'node:crypto'
import type { Instant } from '../core/index.ts'
import type { JwsAlgorithm } from './jws.ts'

/** Where a verifier's public keys come from: our own key ring or an external issuer's key set. */
export interface VerificationKeys {
  /**
   * The public key of this id, if it is meant for this algorithm. Answers at once when it can; a
   * promise only when the key set has to be fetched. Rejects when the key set cannot be had.
   */
  find(
    keyId: string,
    algorithm: JwsAlgorithm,
  ): KeyObject | undefined | Promise<KeyObject | undefined>
  /**
   * A number that changes whenever a key that was found before may no longer be: verified tokens
   * are only remembered under the revision they were verified with. Cheap: asked for every request.
   */
  revisionAt(now: Instant): number
}

import type { Refusal } from '../../core/index.ts'
import { isCborMap, parseCbor } from '../cbor.ts'
import type { CborMap } from '../cbor.ts'
import { shown, webauthnErrors } from '../errors.ts'
import { verifyAndroidKey } from './android-key.ts'
import { verifyApple } from './apple.ts'
import { unknownDevice } from './device.ts'
import { verifyFidoU2f } from './fido-u2f.ts'
import { verifyPacked } from './packed.ts'
import { verifyTpm } from './tpm.ts'
import type { AttestedFacts, StatementOutcome, VerifiedStatement } from './verified.ts'

/** An attestation object, WebAuthn L3 6.5.4: a statement in some format about authenticator data. */
export interface AttestationObject {
  readonly format: string
  readonly statement: CborMap
  readonly authenticatorData: Uint8Array
}

type Verify = (statement: CborMap, facts: AttestedFacts) => StatementOutcome

/** WebAuthn L3 8, without android-safetynet (its service has ended) and compound. */
const formats: ReadonlyMap<string, Verify> = new Map<string, Verify>([
  ['none', verifyNone],
  ['packed', verifyPacked],
  ['fido-u2f', verifyFidoU2f],
  ['tpm', verifyTpm],
  ['android-key', verifyAndroidKey],
  ['apple', verifyApple],
])

/** WebAuthn L3 7.1 step 13: exactly the three members, and nothing after the map. */
export function parseAttestationObject(bytes: Uint8Array): AttestationObject | Refusal {
  const map = parseCbor(bytes)
  if (!isCborMap(map) || map.size !== 3) return malformed('no canonical map of three members')
  const format = map.get('fmt')
  const statement = map.get('attStmt')
  const authenticatorData = map.get('authData')
  if (typeof format !== 'string') return malformed('fmt is no text')
  // The only format whose statement is no map.
  if (format === 'compound') return webauthnErrors.refuse('attestation_compound_unsupported')
  if (!isCborMap(statement)) return malformed('attStmt is no map')
  if (!(authenticatorData instanceof Uint8Array)) return malformed('authData is no byte string')
  return { format, statement, authenticatorData }
}

/**
 * WebAuthn L3 7.1 steps 21-22. A statement that verifies is correct in itself. That never makes it
 * trusted: nothing here knows a trust anchor, or the time.
 */
export function verifyAttestationStatement(
  attestation: AttestationObject,
  facts: AttestedFacts,
): VerifiedStatement | Refusal {
  const verify = formats.get(attestation.format)
  if (verify === undefined) {
    return webauthnErrors.refuse(
      'attestation_format_unsupported',
      `found ${shown(attestation.format)}`,
    )
  }
  const outcome = verify(attestation.statement, facts)
  return typeof outcome === 'string'
    ? webauthnErrors.refuse('attestation_invalid', outcome)
    : outcome
}

/** WebAuthn L3 8.7 */
function verifyNone(statement: CborMap): StatementOutcome {
  if (statement.size !== 0) return 'a statement of format none has members'
  return { chain: [], namesModel: false, weakness: undefined, device: unknownDevice }
}

function malformed(detail: string): Refusal {
  return webauthnErrors.refuse('attestation_malformed', detail)
}

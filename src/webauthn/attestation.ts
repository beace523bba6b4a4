import { concatBytes } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { leafKey, looksLikeCertificate } from './attestation-certificate.ts'
import { isCborMap, parseCbor } from './cbor.ts'
import type { CborMap, CborValue } from './cbor.ts'
import { coseAlgorithms, isOneOf } from './cose-key.ts'
import type { CoseAlgorithm, VerificationKey } from './cose-key.ts'
import { shown, webauthnErrors } from './errors.ts'
import { verifySignature } from './signature.ts'

/** An attestation object, WebAuthn L3 6.5.4: a statement in some format about authenticator data. */
export interface AttestationObject {
  readonly format: string
  readonly statement: CborMap
  readonly authenticatorData: Uint8Array
}

/** What a statement is about. */
export interface AttestedFacts {
  readonly authenticatorData: Uint8Array
  readonly clientDataHash: Uint8Array
  readonly aaguid: Uint8Array
  readonly credentialKey: VerificationKey
}

const chainLimit = 8

/** WebAuthn L3 7.1 step 13: exactly the three members, and nothing after the map. */
export function parseAttestationObject(bytes: Uint8Array): AttestationObject | Refusal {
  const map = parseCbor(bytes)
  if (!isCborMap(map) || map.size !== 3) return malformed('no canonical map of three members')
  const format = map.get('fmt')
  const statement = map.get('attStmt')
  const authenticatorData = map.get('authData')
  if (typeof format !== 'string') return malformed('fmt is no text')
  if (!isCborMap(statement)) {
    // The only format whose statement is no map; it is not verified here.
    return format === 'compound' ? unsupported(format) : malformed('attStmt is no map')
  }
  if (!(authenticatorData instanceof Uint8Array)) return malformed('authData is no byte string')
  return { format, statement, authenticatorData }
}

/**
 * WebAuthn L3 7.1 steps 21-22. `undefined` = the statement is correct in itself. That never makes it
 * trusted: nothing here knows a trust anchor.
 */
export function verifyAttestationStatement(
  attestation: AttestationObject,
  facts: AttestedFacts,
): Refusal | undefined {
  switch (attestation.format) {
    case 'none':
      return attestation.statement.size === 0
        ? undefined
        : invalid('a statement of format none has members')
    case 'packed':
      return verifyPacked(attestation.statement, facts)
    default:
      return unsupported(attestation.format)
  }
}

/** WebAuthn L3 8.2, verification procedure. */
function verifyPacked(statement: CborMap, facts: AttestedFacts): Refusal | undefined {
  const algorithm = statement.get('alg')
  const signature = statement.get('sig')
  const chain = statement.get('x5c')
  if (!isOneOf(Object.values(coseAlgorithms), algorithm)) return invalid('alg is not supported')
  if (!(signature instanceof Uint8Array)) return invalid('sig is no byte string')
  if (statement.size !== (chain === undefined ? 2 : 3)) return invalid('unknown members')
  const key =
    chain === undefined
      ? selfKey(algorithm, facts.credentialKey)
      : chainKey(chain, algorithm, facts.aaguid)
  if (typeof key === 'string') return invalid(key)
  const signed = concatBytes(facts.authenticatorData, facts.clientDataHash)
  return verifySignature(key, signed, signature) ? undefined : invalid('wrong signature')
}

/** Self attestation: the credential's own key, used with its own algorithm. */
function selfKey(algorithm: CoseAlgorithm, key: VerificationKey): VerificationKey | string {
  return algorithm === key.algorithm ? key : 'alg is not the one of the credential'
}

function chainKey(
  chain: CborValue,
  algorithm: CoseAlgorithm,
  aaguid: Uint8Array,
): VerificationKey | string {
  if (!Array.isArray(chain) || chain.length > chainLimit) return 'x5c is no list of certificates'
  const [leaf, ...issuers] = chain as readonly CborValue[]
  if (!(leaf instanceof Uint8Array)) return 'x5c has no leaf'
  if (!issuers.every((issuer) => issuer instanceof Uint8Array && looksLikeCertificate(issuer))) {
    return 'x5c holds something else than certificates'
  }
  const key = leafKey(leaf, aaguid, algorithm)
  return typeof key === 'string' ? key : { algorithm, key }
}

function malformed(detail: string): Refusal {
  return webauthnErrors.refuse('attestation_malformed', detail)
}

function unsupported(format: string): Refusal {
  return webauthnErrors.refuse('attestation_format_unsupported', `found ${shown(format)}`)
}

function invalid(detail: string): Refusal {
  return webauthnErrors.refuse('attestation_invalid', detail)
}

import { isRefusal, toBase64url } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { printAaguid } from './aaguid.ts'
import {
  parseAttestationObject,
  signedAaguid,
  verifyAttestationStatement,
} from './attestation/index.ts'
import type { VerifiedStatement } from './attestation/index.ts'
import { parseAuthenticatorData } from './authenticator-data.ts'
import { checkAuthenticatorData, sha256 } from './ceremony.ts'
import type { ExpectedCeremony } from './ceremony.ts'
import { checkClientData } from './client-data.ts'
import { parseCoseKey } from './cose-key.ts'
import { webauthnErrors } from './errors.ts'
import type { RegistrationResponse } from './response.ts'

/** What a credential record needs (WebAuthn L3 7.1 step 27), and what a later judgement of trust needs. */
export interface VerifiedRegistration {
  /** Base64url; the id inside the signed authenticator data. */
  readonly credentialId: string
  /** COSE_Key as the authenticator encoded it. */
  readonly publicKey: Uint8Array
  readonly algorithm: number
  readonly signCount: number
  /**
   * UUID form. Display only: without trusted attestation anyone can claim any. All zeros where a device
   * attests without signing it (fido-u2f), so that trust in the device is never trust in the claim.
   */
  readonly aaguid: string
  readonly userVerified: boolean
  readonly backupEligible: boolean
  readonly backupState: boolean
  /** Unsigned hint for later options. */
  readonly transports: readonly string[]
  readonly attestationFormat: string
  /** Invariant: never true here. A statement that verifies is correct in itself; trust needs an anchor. */
  readonly attestationTrusted: false
  /** What `judgeTrust` takes. */
  readonly statement: VerifiedStatement
  readonly attestationObject: Uint8Array
  readonly clientDataJSON: Uint8Array
  /** Unsigned claim of the client; `undefined` when it said nothing. */
  readonly discoverable: boolean | undefined
}

/**
 * WebAuthn L3 7.1 from step 5, in its order. Pure: the caller has taken the ceremony before, and after
 * this makes sure that the credential id is registered to nobody (step 26) and stores the record.
 */
export function verifyRegistration(
  response: RegistrationResponse,
  expected: ExpectedCeremony,
): VerifiedRegistration | Refusal {
  // Steps 5-11: client data
  const clientRefusal = checkClientData(response.clientDataJSON, 'registration', expected)
  if (clientRefusal !== undefined) return clientRefusal

  // Step 12: the hash that statements sign
  const clientDataHash = sha256(response.clientDataJSON)

  // Step 13: attestation object, authenticator data
  const attestation = parseAttestationObject(response.attestationObject)
  if (isRefusal(attestation)) return attestation
  const found = parseAuthenticatorData(attestation.authenticatorData)
  if (isRefusal(found)) return found
  const { attested } = found
  if (attested === undefined) {
    return webauthnErrors.refuse('authenticator_data_malformed', 'no attested credential data')
  }

  // Steps 14-17: relying party, user presence, user verification, backup flags (18 and 19 are policy)
  const dataRefusal = checkAuthenticatorData(found, 'registration', expected)
  if (dataRefusal !== undefined) return dataRefusal

  // Step 20: an offered algorithm, and a key that is one
  const credentialKey = parseCoseKey(attested.publicKey, expected.algorithms)
  if (isRefusal(credentialKey)) return credentialKey

  // Steps 21-22: attestation statement (23 and 24, trust, are judged elsewhere)
  const statement = verifyAttestationStatement(attestation, {
    authenticatorData: attestation.authenticatorData,
    clientDataHash,
    rpIdHash: found.rpIdHash,
    credentialId: attested.credentialId,
    aaguid: attested.aaguid,
    credentialKey,
  })
  if (isRefusal(statement)) return statement

  // Step 25: the length was bounded when the response was parsed, and the signed id is that very id
  const credentialId = toBase64url(attested.credentialId)
  if (credentialId !== response.credentialId) return webauthnErrors.refuse('credential_id_mismatch')

  // Step 27: the record (28, extension outputs: none is asked for, unsolicited ones are ignored)
  return {
    credentialId,
    publicKey: attested.publicKey,
    algorithm: credentialKey.algorithm,
    signCount: found.signCount,
    aaguid: printAaguid(signedAaguid(statement, attested.aaguid)),
    userVerified: found.userVerified,
    backupEligible: found.backupEligible,
    backupState: found.backupState,
    transports: response.transports,
    attestationFormat: attestation.format,
    attestationTrusted: false,
    statement,
    attestationObject: response.attestationObject,
    clientDataJSON: response.clientDataJSON,
    discoverable: response.discoverable,
  }
}

import { concatBytes, equalBytes, isRefusal, ProofgateError } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { parseAuthenticatorData } from './authenticator-data.ts'
import { checkAuthenticatorData, sha256 } from './ceremony.ts'
import type { ExpectedCeremony } from './ceremony.ts'
import { checkClientData } from './client-data.ts'
import { knownAlgorithms, parseCoseKey } from './cose-key.ts'
import type { VerificationKey } from './cose-key.ts'
import { rejectAssertion, webauthnErrors } from './errors.ts'
import type { AuthenticationResponse } from './response.ts'
import { verifySignature } from './signature.ts'

/** The part of a credential record that an assertion is judged against. */
export interface StoredCredential {
  /** Base64url. */
  readonly credentialId: string
  /** COSE_Key, as `verifyRegistration` gave it. */
  readonly publicKey: Uint8Array
  readonly algorithm: number
  readonly signCount: number
  readonly backupEligible: boolean
  /** Of the account that owns the credential; where the account is known before, that account's. */
  readonly userHandle: Uint8Array
}

/** What an assertion proved, and what the record has to be updated with (WebAuthn L3 7.2 step 24). */
export interface VerifiedAuthentication {
  readonly userVerified: boolean
  readonly backupState: boolean
  readonly signCount: number
  /** The counter did not grow. A signal for policy and audit, judged after the signature; no refusal by itself. */
  readonly cloneSuspected: boolean
}

/**
 * WebAuthn L3 7.2 from step 5. Pure: the caller has taken the ceremony and loaded the credential by the
 * id of the response; afterwards it stores the counter by compare-and-set.
 *
 * `credential` is `undefined` when there is none with that id. `allowCredentials` are the ids the options
 * named; empty means that the person chose a discoverable credential and must be named by `userHandle`.
 *
 * Invariant: a check that depends on the stored credential answers `assertion_rejected` and comes after
 * all checks that do not, so that the answers tell nobody which credentials exist. For that, steps 5, 6
 * and 19 stand behind step 18; nothing else leaves the order of the specification.
 */
export function verifyAuthentication(
  response: AuthenticationResponse,
  expected: ExpectedCeremony,
  credential: StoredCredential | undefined,
  options: { readonly allowCredentials: readonly string[] },
): VerifiedAuthentication | Refusal {
  // Steps 8-14: client data
  const clientRefusal = checkClientData(response.clientDataJSON, 'assertion', expected)
  if (clientRefusal !== undefined) return clientRefusal

  // Steps 15-18: relying party, user presence, user verification, backup flags
  const found = parseAuthenticatorData(response.authenticatorData)
  if (isRefusal(found)) return found
  if (found.attested !== undefined) {
    return webauthnErrors.refuse('authenticator_data_malformed', 'attested credential data')
  }
  const dataRefusal = checkAuthenticatorData(found, 'assertion', expected)
  if (dataRefusal !== undefined) return dataRefusal

  // Steps 5-6: the credential is one that was asked for, and belongs to the account
  if (credential === undefined) return rejectAssertion('unknown credential')
  const ownerRefusal = checkOwner(response, credential, options.allowCredentials)
  if (ownerRefusal !== undefined) return ownerRefusal

  // Step 19: backup eligibility never changes in the life of a credential
  if (found.backupEligible !== credential.backupEligible) {
    return rejectAssertion('backup eligibility changed since registration')
  }

  // Steps 20-21: signature over authenticator data and the hash of the client data
  const key = readStoredKey(credential)
  if (!expected.algorithms.includes(key.algorithm)) {
    return rejectAssertion(`alg ${key.algorithm} is no longer accepted`)
  }
  const signed = concatBytes(response.authenticatorData, sha256(response.clientDataJSON))
  if (!verifySignature(key, signed, response.signature)) return rejectAssertion('wrong signature')

  // Step 22: only now, so that nobody without the key can raise the suspicion
  const counted = found.signCount !== 0 || credential.signCount !== 0
  return {
    userVerified: found.userVerified,
    backupState: found.backupState,
    signCount: found.signCount,
    cloneSuspected: counted && found.signCount <= credential.signCount,
  }
}

/** WebAuthn L3 7.2 steps 5 and 6. */
function checkOwner(
  response: AuthenticationResponse,
  credential: StoredCredential,
  allowCredentials: readonly string[],
): Refusal | undefined {
  const { credentialId, userHandle } = response
  if (credentialId !== credential.credentialId) return rejectAssertion('another credential')
  const discoverable = allowCredentials.length === 0
  if (!discoverable && !allowCredentials.includes(credentialId)) {
    return rejectAssertion('credential was not among the allowed ones')
  }
  if (userHandle === undefined) {
    return discoverable ? rejectAssertion('no user handle') : undefined
  }
  return equalBytes(userHandle, credential.userHandle)
    ? undefined
    : rejectAssertion('user handle of another account')
}

/** A stored key that cannot be read is damage to the store, not an answer to the caller. */
function readStoredKey(credential: StoredCredential): VerificationKey {
  const key = parseCoseKey(credential.publicKey, knownAlgorithms)
  if (isRefusal(key) || key.algorithm !== credential.algorithm) {
    throw new ProofgateError(
      'webauthn.stored_key_unreadable',
      `the stored public key of credential ${credential.credentialId} cannot be read`,
      { hint: 'restore the identity store from a backup, or remove this credential' },
    )
  }
  return key
}

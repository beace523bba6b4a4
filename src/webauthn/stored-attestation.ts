import { isRefusal } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { printAaguid } from './aaguid.ts'
import {
  parseAttestationObject,
  signedAaguid,
  verifyAttestationStatement,
} from './attestation/index.ts'
import type { VerifiedStatement } from './attestation/index.ts'
import { parseAuthenticatorData } from './authenticator-data.ts'
import { sha256 } from './ceremony.ts'
import { knownAlgorithms, parseCoseKey } from './cose-key.ts'
import { webauthnErrors } from './errors.ts'

/** What a credential record keeps of its registration. */
export interface StoredAttestation {
  readonly attestationObject: Uint8Array
  readonly clientDataJSON: Uint8Array
}

/**
 * The statement of a credential that was registered before, verified again from what was kept, so that
 * `judgeTrust` can be asked with the anchors of today and the time of the registration. A refusal means
 * that the record is damaged, or that a format is no longer taken: nothing to trust.
 */
export function verifyStoredAttestation(
  stored: StoredAttestation,
): { readonly statement: VerifiedStatement; readonly aaguid: string } | Refusal {
  const attestation = parseAttestationObject(stored.attestationObject)
  if (isRefusal(attestation)) return attestation
  const found = parseAuthenticatorData(attestation.authenticatorData)
  if (isRefusal(found)) return found
  const { attested } = found
  if (attested === undefined) {
    return webauthnErrors.refuse('authenticator_data_malformed', 'no attested credential data')
  }
  const credentialKey = parseCoseKey(attested.publicKey, knownAlgorithms)
  if (isRefusal(credentialKey)) return credentialKey
  const statement = verifyAttestationStatement(attestation, {
    authenticatorData: attestation.authenticatorData,
    clientDataHash: sha256(stored.clientDataJSON),
    rpIdHash: found.rpIdHash,
    credentialId: attested.credentialId,
    aaguid: attested.aaguid,
    credentialKey,
  })
  if (isRefusal(statement)) return statement
  return { statement, aaguid: printAaguid(signedAaguid(statement, attested.aaguid)) }
}

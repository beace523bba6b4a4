import { defineErrors } from '../core/index.ts'
import type { ErrorSpec, Refusal } from '../core/index.ts'

/** Which of the two ceremonies a check belongs to. */
export type Ceremony = 'registration' | 'assertion'

/** Checks that both ceremonies make; each has one code per ceremony. */
export type CeremonyCheck =
  | 'type_mismatch'
  | 'challenge_mismatch'
  | 'origin_not_allowed'
  | 'cross_origin'
  | 'rp_id_mismatch'
  | 'user_not_present'
  | 'user_not_verified'
  | 'backup_state_invalid'

const retry = 'Begin a new ceremony on the page of the relying party'

/** The catalogue `webauthn.*`: malformed input and failed registrations are 400, assertions 403 or 401. */
export const webauthnErrors = defineErrors('webauthn', {
  response_malformed: malformed(
    'The authenticator response is malformed',
    'The JSON members of the response are missing, too long or of the wrong type; send what toJSON() of the credential gives',
  ),
  client_data_malformed: malformed(
    'The client data is malformed',
    'clientDataJSON is not valid UTF-8, not JSON, names a member twice or has one of the wrong type',
  ),
  authenticator_data_malformed: malformed(
    'The authenticator data is malformed',
    'The authenticator data is cut, has bytes left over, or its flags do not fit its parts',
  ),
  attestation_malformed: malformed(
    'The attestation object is malformed',
    'The attestation object is not canonical CBOR or lacks fmt, attStmt or authData',
  ),
  public_key_invalid: malformed(
    'The credential public key is not acceptable',
    'The COSE key is malformed, off its curve, of small order, or its size or members are not those of ES256, Ed25519, RS256 or ML-DSA',
  ),
  algorithm_not_offered: malformed(
    'The algorithm of the credential was not offered',
    'The key uses an algorithm that the creation options did not name',
  ),
  attestation_format_unsupported: malformed(
    'The attestation format is not supported',
    'The formats none, packed, fido-u2f, tpm, android-key and apple are verified, and no other',
  ),
  attestation_compound_unsupported: malformed(
    'Compound attestation is not supported',
    'The format compound holds several statements at once; which of them would have to be true is nowhere said, so none is verified',
  ),
  attestation_invalid: malformed(
    'The attestation statement is not valid',
    'The signature, the certificate rules or the algorithm of the statement do not hold',
  ),
  credential_id_mismatch: malformed(
    'The credential id does not match',
    'The id of the response is not the one inside the authenticator data',
  ),

  registration_type_mismatch: malformed(
    'The response is not a registration',
    'The client data has another type than webauthn.create',
  ),
  registration_challenge_mismatch: malformed(
    'The challenge does not match',
    `The response answers another challenge. ${retry}`,
  ),
  registration_origin_not_allowed: malformed(
    'The origin is not allowed',
    'The ceremony ran on an origin that is not configured; the log has both',
  ),
  registration_cross_origin: malformed(
    'Embedded ceremonies are not allowed',
    'The ceremony ran in a frame of another origin',
  ),
  registration_rp_id_mismatch: malformed(
    'The relying party does not match',
    'The authenticator answered for another relying party id',
  ),
  registration_user_not_present: malformed(
    'The authenticator did not see a person',
    'The user-present flag is clear',
  ),
  registration_user_not_verified: malformed(
    'The authenticator did not verify the person',
    'The user-verified flag is clear; set up a PIN, fingerprint or screen lock',
  ),
  registration_backup_state_invalid: malformed(
    'The backup flags contradict each other',
    'The credential claims to be backed up without being eligible',
  ),

  assertion_type_mismatch: forbidden(
    'The response is not an authentication',
    'The client data has another type than webauthn.get',
  ),
  assertion_challenge_mismatch: forbidden(
    'The challenge does not match',
    `The response answers another challenge. ${retry}`,
  ),
  assertion_origin_not_allowed: forbidden(
    'The origin is not allowed',
    'The ceremony ran on an origin that is not configured; the log has both',
  ),
  assertion_cross_origin: forbidden(
    'Embedded ceremonies are not allowed',
    'The ceremony ran in a frame of another origin',
  ),
  assertion_rp_id_mismatch: forbidden(
    'The relying party does not match',
    'The authenticator answered for another relying party id',
  ),
  assertion_user_not_present: forbidden(
    'The authenticator did not see a person',
    'The user-present flag is clear',
  ),
  assertion_user_not_verified: forbidden(
    'The authenticator did not verify the person',
    'The user-verified flag is clear; set up a PIN, fingerprint or screen lock',
  ),
  assertion_backup_state_invalid: forbidden(
    'The backup flags contradict each other',
    'The credential claims to be backed up without being eligible',
  ),
  assertion_rejected: {
    status: 401,
    title: 'The credential was not accepted',
    fault: 'caller',
    doc: 'Unknown credential, wrong signature, wrong account or changed backup eligibility: one answer for all, so that it tells nothing about who exists. The log has the reason',
  },
})

/** The refusal of one check in one ceremony. */
export function refuseCheck(ceremony: Ceremony, check: CeremonyCheck, detail?: string): Refusal {
  return webauthnErrors.refuse(`${ceremony}_${check}`, detail)
}

/** The one public answer to an unknown credential, a wrong signature and a wrong account. */
export function rejectAssertion(detail: string): Refusal {
  return webauthnErrors.refuse('assertion_rejected', detail)
}

/** Untrusted text as it may stand in a log line: quoted, escaped and cut. */
export function shown(text: string): string {
  return JSON.stringify(text.slice(0, 120))
}

function malformed(title: string, doc: string): ErrorSpec {
  return { status: 400, title, fault: 'caller', doc }
}

function forbidden(title: string, doc: string): ErrorSpec {
  return { status: 403, title, fault: 'caller', doc }
}

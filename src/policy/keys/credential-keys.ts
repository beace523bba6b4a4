import type { ContextKey } from './key.ts'

const credential = {
  several: 'never',
  presence: 'sometimes',
  callers: 'people',
  without: 'for callers who did not sign in here',
  source: 'the credential that signed in',
} as const

/**
 * What is known of the credential that signed in. What would be good news is never absent: where nothing is
 * known it says no, so that no operator with `Not` holds for want of it.
 */
export const credentialKeys: readonly ContextKey[] = [
  {
    ...credential,
    presence: 'always',
    callers: 'everybody',
    name: 'proofgate:UserVerified',
    type: 'boolean',
    without: '`false` for callers who did not sign in here',
    about: 'whether PIN or biometrics were verified',
    example: { Bool: { 'proofgate:UserVerified': 'true' } },
  },
  {
    ...credential,
    presence: 'always',
    callers: 'everybody',
    name: 'proofgate:Aaguid',
    type: 'string',
    without: '`none` for callers who did not sign in here',
    about:
      'model of the authenticator, as a UUID in lower case; all zeros when it keeps that to itself. A proof only where `proofgate:AttestationTrusted` is',
    example: {
      StringEquals: { 'proofgate:Aaguid': '2fc0579f-8113-47ea-b116-bb5a8db9202a' },
      Bool: { 'proofgate:AttestationTrusted': 'true' },
    },
  },
  {
    ...credential,
    presence: 'always',
    callers: 'everybody',
    name: 'proofgate:AttestationTrusted',
    type: 'boolean',
    without: '`false` for callers who did not sign in here',
    about: 'whether the attestation led to an authority that is trusted',
    example: { Bool: { 'proofgate:AttestationTrusted': 'true' } },
  },
  {
    ...credential,
    presence: 'always',
    callers: 'everybody',
    name: 'proofgate:AttestationType',
    type: 'string',
    without: '`none` for callers who did not sign in here',
    about: 'format of the attestation at registration: `packed`, `tpm`, …, or `none`',
    example: { StringEquals: { 'proofgate:AttestationType': ['packed', 'tpm'] } },
  },
  {
    ...credential,
    presence: 'always',
    callers: 'everybody',
    name: 'proofgate:CertificationLevel',
    type: 'string',
    without: '`none` where no certification is known, and for callers who did not sign in here',
    about:
      'level to which FIDO metadata said, at the sign-in, that the model of the authenticator is certified: `L1`, `L1+`, `L2`, `L2+`, `L3` or `L3+`; only of models that attestation proves',
    example: { StringEquals: { 'proofgate:CertificationLevel': ['L2', 'L2+', 'L3', 'L3+'] } },
  },
  {
    ...credential,
    name: 'proofgate:BackupEligible',
    type: 'boolean',
    about: 'whether the credential may be synced',
    example: { Bool: { 'proofgate:BackupEligible': 'false' } },
  },
  {
    ...credential,
    name: 'proofgate:BackupState',
    type: 'boolean',
    about: 'whether the credential was synced when it signed in',
    example: { Bool: { 'proofgate:BackupState': 'false' } },
  },
  {
    ...credential,
    name: 'proofgate:CredentialAge',
    type: 'number',
    source: '`credential_time` of the token, or the browser session, and the clock',
    about: 'whole seconds since the credential was registered',
    example: { NumericGreaterThan: { 'proofgate:CredentialAge': '86400' } },
  },
  {
    ...credential,
    presence: 'always',
    callers: 'everybody',
    name: 'proofgate:CredentialStanding',
    type: 'string',
    without: '`none` for callers who did not sign in here, and for credentials of unknown age',
    source: '`credential_time` of the token, or the browser session, and the clock',
    about:
      'where the credential stands by `passkeys.rotateAfter`: `current`, `due`, `overdue` (in its grace) or `lapsed`; `current` where passkeys do not age',
    example: { StringEquals: { 'proofgate:CredentialStanding': ['current', 'due'] } },
  },
  {
    ...credential,
    name: 'proofgate:CredentialId',
    type: 'string',
    about: 'its id, base64url',
    example: { StringEquals: { 'proofgate:CredentialId': 'pZ4nXr1v0kq0yS9n8b7hUw' } },
  },
  {
    ...credential,
    several: 'always',
    name: 'proofgate:Transport',
    type: 'string',
    without: 'for callers who did not sign in here, and when the browser named none',
    about:
      'how the authenticator can be reached, as the browser said at registration: `usb`, `nfc`, `ble`, `hybrid`, `internal`; not a proof',
    example: { 'ForAnyValue:StringEquals': { 'proofgate:Transport': ['usb', 'nfc'] } },
  },
]

const proof = {
  several: 'never',
  presence: 'sometimes',
  callers: 'people',
  without: 'without such a proof',
  source: 'the proof that the request used',
} as const

/** What a proof made for this very request would say. */
export const proofKeys: readonly ContextKey[] = [
  {
    ...proof,
    name: 'proofgate:ProofAge',
    type: 'number',
    callers: 'known',
    without: 'for anonymous callers, and when an external token does not say',
    source: '`auth_time` of the token; the last touch in a browser session',
    about:
      'whole seconds since the caller last touched a key: to sign in, or since then to confirm; 0 for a touch made for this very request',
    example: { NumericLessThan: { 'proofgate:ProofAge': '60' } },
  },
  {
    ...proof,
    presence: 'always',
    callers: 'everybody',
    name: 'proofgate:ProofBoundToRequest',
    type: 'boolean',
    without: '`false` without such a proof',
    about:
      'whether a key signed this request and no other; a request that is denied for want of it is asked for one',
    example: { Bool: { 'proofgate:ProofBoundToRequest': 'true' } },
  },
  {
    ...proof,
    several: 'always',
    name: 'proofgate:ApprovedBy',
    type: 'string',
    without: 'without an approval by somebody else',
    source: 'the evidence of the proof that the request used',
    about: 'user names of the others who approved this request with their key',
    example: { 'ForAnyValue:StringEquals': { 'proofgate:ApprovedBy': ['bob', 'carol'] } },
  },
  {
    ...proof,
    several: 'always',
    name: 'proofgate:ApprovedByGroup',
    type: 'string',
    without: 'without an approval by somebody else',
    source: 'the evidence of the proof that the request used',
    about:
      'groups of the others who approved this request with their key: those they were in then, and still are',
    example: { 'ForAnyValue:StringEquals': { 'proofgate:ApprovedByGroup': 'approvers' } },
  },
]

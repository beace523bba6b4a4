import { isRefusal, parseBase64url, toBase64url } from '../core/index.ts'
import type { Instant, Refusal } from '../core/index.ts'
import { coseAlgorithms, verifyAuthentication } from '../webauthn/index.ts'
import type { AuthenticationResponse, VerifiedAuthentication } from '../webauthn/index.ts'
import type { Approver } from './approvers.ts'
import { proofErrors } from './errors.ts'
import { challengeFor } from './statement.ts'
import type { Evidence } from './store.ts'

/** The relying party that keys are registered with. */
export interface ProofParty {
  readonly id: string
  readonly origins: readonly string[]
}

/** What one touch is judged against. */
export interface Touched {
  readonly statementText: string
  readonly nonce: Uint8Array
  readonly party: ProofParty
  readonly approver: Approver
}

/**
 * Verifies one touch over a statement (WebAuthn L3 7.2), user verification required. The challenge is
 * computed from the statement's text, never read from what somebody sent.
 */
export function verifyTouch(
  response: AuthenticationResponse,
  { statementText, nonce, party, approver }: Touched,
): VerifiedAuthentication | Refusal {
  const { credential, person } = approver
  return verifyAuthentication(
    response,
    {
      challenge: toBase64url(challengeFor(nonce, statementText)),
      origins: party.origins,
      rpId: party.id,
      userVerification: 'required',
      algorithms: Object.values(coseAlgorithms),
    },
    {
      credentialId: credential.id,
      publicKey: credential.publicKey,
      algorithm: credential.algorithm,
      signCount: credential.signCount,
      backupEligible: credential.backupEligible,
      userHandle: Buffer.from(person.userHandle, 'base64url'),
    },
    { allowCredentials: [credential.id] },
  )
}

/** What is kept of a touch, so that it can be verified without this installation. */
export function evidenceOf(
  response: AuthenticationResponse,
  { nonce, approver }: Touched,
  at: Instant,
): Evidence {
  const { credential, person, groups } = approver
  return {
    approver: person.id,
    username: person.username,
    groups,
    credentialId: credential.id,
    publicKey: toBase64url(credential.publicKey),
    algorithm: credential.algorithm,
    attestation: {
      format: credential.attestationFormat,
      trusted: credential.attestationTrusted,
      aaguid: credential.aaguid,
    },
    nonce: toBase64url(nonce),
    clientDataJSON: toBase64url(response.clientDataJSON),
    authenticatorData: toBase64url(response.authenticatorData),
    signature: toBase64url(response.signature),
    at,
  }
}

/**
 * Judges stored evidence again by what is known now: the signature over this statement, by a credential that
 * its owner still has. The counter has its say at the touch only.
 */
export function judgeEvidence(
  evidence: Evidence,
  touched: Omit<Touched, 'nonce'>,
): Refusal | undefined {
  const { credential } = touched.approver
  const nonce = parseBase64url(evidence.nonce)
  const isSame =
    evidence.credentialId === credential.id &&
    evidence.publicKey === toBase64url(credential.publicKey)
  if (nonce?.length !== 32 || !isSame) return proofErrors.refuse('withdrawn', 'another passkey')
  const response = responseOf(evidence)
  if (response === undefined) return proofErrors.refuse('withdrawn', 'the evidence is damaged')
  const verified = verifyTouch(response, { ...touched, nonce })
  return isRefusal(verified)
    ? proofErrors.refuse('withdrawn', `the evidence: ${verified.detail ?? verified.code}`)
    : undefined
}

function responseOf(evidence: Evidence): AuthenticationResponse | undefined {
  const [clientDataJSON, authenticatorData, signature] = [
    parseBase64url(evidence.clientDataJSON),
    parseBase64url(evidence.authenticatorData),
    parseBase64url(evidence.signature),
  ]
  if (clientDataJSON === undefined || authenticatorData === undefined || signature === undefined) {
    return undefined
  }
  return {
    credentialId: evidence.credentialId,
    clientDataJSON,
    authenticatorData,
    signature,
    userHandle: undefined,
  }
}

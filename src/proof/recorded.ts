import { createHash } from 'node:crypto'
import {
  equalBytes,
  isJsonObject,
  isRefusal,
  ProofgateError,
  parseBase64url,
  parseJson,
  toBase64url,
} from '../core/index.ts'
import { knownAlgorithms, verifyAuthentication } from '../webauthn/index.ts'
import { parseRecoveryStatement } from './recovery-statement.ts'
import type { RecoveryStatement } from './recovery-statement.ts'
import { challengeFor, parseStatement } from './statement.ts'
import type { Statement } from './statement.ts'
import type { Evidence } from './store.ts'

/** Members of an audit record: texts, numbers, and lists of short texts. */
export type RecordedMembers = Readonly<
  Record<string, string | number | boolean | readonly string[]>
>

/** Longest text in a list of the audit log. */
const piece = 256

/**
 * A touch as the audit log keeps it: whole, so that it can be verified from the log alone. What is long stands
 * in pieces, to be put together in their order.
 */
export function recordedEvidence(
  proof: { readonly id: string; readonly statement: string },
  evidence: Evidence,
): RecordedMembers {
  return {
    aaguid: evidence.attestation.aaguid,
    algorithm: evidence.algorithm,
    attestation: evidence.attestation.format,
    attestationTrusted: evidence.attestation.trusted,
    authenticatorData: pieces(evidence.authenticatorData),
    clientData: pieces(evidence.clientDataJSON),
    credentialId: pieces(evidence.credentialId),
    nonce: evidence.nonce,
    proof: proof.id,
    publicKey: pieces(evidence.publicKey),
    signature: pieces(evidence.signature),
    statement: pieces(proof.statement),
  }
}

/** What a record of the audit log has room for, with some left for other members. */
const room = 15_872
/** What of it may be a statement, so that the touch of any key has room beside it. */
const brief = 5000

/** Whether the audit log keeps this touch whole: it writes what is not printable ASCII in six characters. */
export function isRecordable(
  proof: { readonly id: string; readonly statement: string },
  evidence: Evidence,
): boolean {
  return encodedLength(JSON.stringify(recordedEvidence(proof, evidence))) <= room
}

/** Whether a record of the audit log can hold this statement beside a touch. */
export function isBrief(statement: string): boolean {
  return encodedLength(JSON.stringify(statement)) <= brief
}

/** The length of a JSON text in printable ASCII. */
function encodedLength(json: string): number {
  let length = json.length
  for (let at = 0; at < json.length; at++) if (json.charCodeAt(at) > 0x7e) length += 5
  return length
}

/** By UTF-16 units, never between the halves of one character. */
function pieces(text: string): readonly string[] {
  const found: string[] = []
  for (let at = 0; at < text.length;) {
    const last = text.charCodeAt(at + piece - 1)
    const length = last >= 0xd800 && last <= 0xdbff ? piece - 1 : piece
    found.push(text.slice(at, at + length))
    at += length
  }
  return found
}

/** What a record of a touch turns out to say. */
export interface ReplayedTouch<Said = Statement> {
  /** Of the proof, or of the recovery. */
  readonly proof: string
  readonly statement: Said
  readonly credentialId: string
  readonly algorithm: number
  readonly attestation: {
    readonly format: string
    readonly trusted: boolean
    readonly aaguid: string
  }
  /** Where the page stood that asked for the touch. */
  readonly origin: string
  readonly relyingParty: string
}

/** Where touches are expected from; what is not given is read from the evidence and told. */
export interface ReplayExpectation {
  readonly origin?: string | undefined
  readonly relyingParty?: string | undefined
}

/**
 * Verifies a touch again from its record alone, without the installation: the challenge is made of the
 * recorded statement and nonce, the signature is judged by the recorded public key, with user verification.
 *
 * @returns what is wrong, when it does not verify.
 */
export function replayTouch(
  what: Readonly<Record<string, unknown>>,
  expected: ReplayExpectation = {},
): ReplayedTouch | string {
  return replay(what, expected, parseStatement)
}

/** The same of a touch that let somebody in again: nothing that was signed for a request is one. */
export function replayRecoveryTouch(
  what: Readonly<Record<string, unknown>>,
  expected: ReplayExpectation = {},
): ReplayedTouch<RecoveryStatement> | string {
  if (what['recovery'] !== what['proof']) return 'the evidence is of another recovery'
  return replay(what, expected, parseRecoveryStatement)
}

function replay<Said extends { readonly id: string }>(
  what: Readonly<Record<string, unknown>>,
  expected: ReplayExpectation,
  parse: (text: string) => Said | undefined,
): ReplayedTouch<Said> | string {
  const statementText = joined(what['statement'])
  const statement = parse(statementText)
  if (statement === undefined) return 'the statement is not whole'
  if (statement.id !== what['proof']) return 'the statement is of another proof'
  const found = bytesOf(what)
  if (found === undefined) return 'the evidence is not whole'
  const origin = expected.origin ?? originOf(found.clientDataJSON)
  if (origin === undefined) return 'the client data names no origin'
  const party = expected.relyingParty ?? partyOf(origin, found.authenticatorData)
  if (party === undefined) return 'the authenticator data is of no relying party of that origin'
  const credentialId = joined(what['credentialId'])
  const algorithm = Number(what['algorithm'])
  const problem = judge(found, { statementText, origin, party, credentialId, algorithm })
  if (problem !== undefined) return problem
  return {
    proof: statement.id,
    statement,
    credentialId,
    algorithm,
    attestation: {
      format: String(what['attestation']),
      trusted: what['attestationTrusted'] === true,
      aaguid: String(what['aaguid']),
    },
    origin,
    relyingParty: party,
  }
}

/** What is wrong with the touch, if anything. */
function judge(
  found: RecordedBytes,
  touch: {
    statementText: string
    origin: string
    party: string
    credentialId: string
    algorithm: number
  },
): string | undefined {
  const { statementText, origin, party, credentialId, algorithm } = touch
  const flags = found.authenticatorData[flagsAt] ?? 0
  try {
    const verified = verifyAuthentication(
      { ...found, credentialId, userHandle: undefined },
      {
        challenge: toBase64url(challengeFor(found.nonce, statementText)),
        origins: [origin],
        rpId: party,
        userVerification: 'required',
        algorithms: knownAlgorithms,
      },
      {
        credentialId,
        publicKey: found.publicKey,
        algorithm,
        signCount: 0,
        backupEligible: (flags & backupEligible) !== 0,
        userHandle: new Uint8Array(),
      },
      { allowCredentials: [credentialId] },
    )
    return isRefusal(verified) ? (verified.detail ?? verified.code) : undefined
  } catch (error) {
    if (error instanceof ProofgateError) return 'the public key cannot be read'
    throw error
  }
}

/** WebAuthn L3 6.1: one byte of flags behind the hash of the relying party. */
const flagsAt = 32
const backupEligible = 0x08

function joined(value: unknown): string {
  return Array.isArray(value) ? value.join('') : ''
}

interface RecordedBytes {
  readonly nonce: Uint8Array
  readonly clientDataJSON: Uint8Array
  readonly authenticatorData: Uint8Array
  readonly publicKey: Uint8Array
  readonly signature: Uint8Array
}

function bytesOf(what: Readonly<Record<string, unknown>>): RecordedBytes | undefined {
  const nonce = parseBase64url(String(what['nonce']))
  const [clientDataJSON, authenticatorData, publicKey, signature] = [
    parseBase64url(joined(what['clientData'])),
    parseBase64url(joined(what['authenticatorData'])),
    parseBase64url(joined(what['publicKey'])),
    parseBase64url(joined(what['signature'])),
  ]
  if (nonce?.length !== 32 || clientDataJSON === undefined) return undefined
  if (authenticatorData === undefined || publicKey === undefined || signature === undefined) {
    return undefined
  }
  return { nonce, clientDataJSON, authenticatorData, publicKey, signature }
}

function originOf(clientDataJSON: Uint8Array): string | undefined {
  const found = parseJson(Buffer.from(clientDataJSON).toString('utf8'), { length: 8192, depth: 8 })
  const origin = isJsonObject(found) ? found['origin'] : undefined
  return typeof origin === 'string' && URL.canParse(origin) ? origin : undefined
}

/** The host of the origin, or a domain above it (WebAuthn L3 5.1.4.1), by its hash. */
function partyOf(origin: string, authenticatorData: Uint8Array): string | undefined {
  const labels = new URL(origin).hostname.split('.')
  const hash = authenticatorData.subarray(0, flagsAt)
  return labels
    .map((_, from) => labels.slice(from).join('.'))
    .find((name) => equalBytes(createHash('sha256').update(name).digest(), hash))
}

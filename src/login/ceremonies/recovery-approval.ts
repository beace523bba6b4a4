import { randomBytes } from 'node:crypto'
import { isRefusal, parseBase64url, toBase64url } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import type { Credential, Person } from '../../identity/index.ts'
import { challengeFor, proofErrors, recordedEvidence } from '../../proof/index.ts'
import type { Evidence } from '../../proof/index.ts'
import type { Session } from '../../session/index.ts'
import { challengeOf, parseAuthenticationResponse, requestOptions } from '../../webauthn/index.ts'
import { loginErrors } from '../errors.ts'
import type { ApprovalOptions } from './approval.ts'
import type { Challenges } from './challenges.ts'
import { ceremonyLifetime } from './parts.ts'
import type { Caller, CeremonyParts } from './parts.ts'
import { recordCeremony } from './trail.ts'

/** What a touch says yes to, and whose. */
export interface BoundRecovery {
  /** Of the recovery. */
  readonly id: string
  /** What is signed, made anew each time of what is known then. */
  readonly statement: string
  readonly person: Person
  readonly session: Session
}

/** A touch that lets one other person in again (`docs/proof-format.md`), verified by WebAuthn L3 7.2. */
export class RecoveryApproval {
  readonly #parts: CeremonyParts
  readonly #challenges: Challenges

  constructor(parts: CeremonyParts, challenges: Challenges) {
    this.#parts = parts
    this.#challenges = challenges
  }

  async begin(caller: Caller, bound: BoundRecovery): Promise<ApprovalOptions | Refusal> {
    const { id, person, statement } = bound
    const keys = await this.#keysOf(person)
    if (keys.length === 0) return loginErrors.refuse('stronger_key_required')
    const nonce = randomBytes(32)
    const challenge = await this.#challenges.open(
      { ...caller, session: bound.session },
      {
        purpose: 'recovery',
        person,
        ticketHash: undefined,
        replaces: undefined,
        proof: { id, nonce: toBase64url(nonce) },
        allowCredentials: keys.map((key) => key.id),
      },
      new Uint8Array(challengeFor(nonce, statement)),
    )
    const publicKey = requestOptions({
      rpId: this.#parts.relyingParty().id,
      challenge,
      allowCredentials: keys,
      timeoutMillis: ceremonyLifetime,
    })
    return { publicKey, nonce: toBase64url(nonce) }
  }

  /**
   * Invariant: the challenge is made of the statement as it is now, so that a touch for another recovery, or for
   * this one as it was, says yes to nothing; and no touch counts whose evidence is not in the log.
   */
  async finish(caller: Caller, bound: BoundRecovery, body: unknown): Promise<Evidence | Refusal> {
    const response = parseAuthenticationResponse(body)
    if (isRefusal(response)) return response
    const ceremony = await this.#challenges.take(caller, challengeOf(response), ['recovery'])
    if (isRefusal(ceremony)) return ceremony
    const { id, statement, person } = bound
    const { proof, personId, allowCredentials } = ceremony
    const nonce = proof?.id === id ? parseBase64url(proof.nonce) : undefined
    if (nonce?.length !== 32 || personId !== person.id) {
      return this.#challenges.refuse(caller, 'the challenge was issued for another recovery')
    }
    const keys = await this.#keysOf(person)
    const asked = response.credentialId
    const credential = keys.find((key) => key.id === asked && allowCredentials.includes(key.id))
    const groups = this.#parts.directory.groupsOf(person)
    const outcome =
      credential === undefined
        ? proofErrors.refuse('not_an_approver', 'a passkey that was not asked for')
        : await this.#parts.proofs.touchOver(
            { id, statement },
            { response, nonce, approver: { person, credential, groups } },
          )
    const what = isRefusal(outcome)
      ? { recovery: id }
      : { recovery: id, ...recordedEvidence({ id, statement }, outcome) }
    const subject = { person, credential: credential?.id, what }
    await recordCeremony(this.#parts, caller, { action: 'recovery.touch', outcome, subject })
    return outcome
  }

  /** Those that speak for their owner, and could sign in here. */
  async #keysOf({ id }: Person): Promise<readonly Credential[]> {
    const speaking = await this.#parts.proofs.speaking(id)
    return this.#parts.authenticators().signIn === 'hardware-only'
      ? speaking.filter((key) => key.attestationTrusted && !key.backupEligible)
      : speaking
  }
}

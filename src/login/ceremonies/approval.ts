import { randomBytes } from 'node:crypto'
import { isRefusal, parseBase64url, toBase64url } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import type { Credential, CredentialId, Person } from '../../identity/index.ts'
import { challengeFor, proofErrors, recordedEvidence } from '../../proof/index.ts'
import type { OpenProof, ProofPlace, Proofs } from '../../proof/index.ts'
import type { Session } from '../../session/index.ts'
import { challengeOf, parseAuthenticationResponse, requestOptions } from '../../webauthn/index.ts'
import type { PublicKeyCredentialRequestOptionsJSON } from '../../webauthn/index.ts'
import { loginErrors } from '../errors.ts'
import type { Ceremony } from '../store.ts'
import type { Challenges } from './challenges.ts'
import { ceremonyLifetime } from './parts.ts'
import type { Caller, CeremonyParts } from './parts.ts'
import { recordCeremony } from './trail.ts'

/** What a page needs to ask for a touch, and to see for itself that the touch is for what it shows. */
export interface ApprovalOptions {
  readonly publicKey: PublicKeyCredentialRequestOptionsJSON
  /** Base64url. */
  readonly nonce: string
}

/** Whose page it is. */
export interface SignedIn {
  readonly person: Person
  readonly session: Session
}

/** A touch that says yes to one request (`docs/proof-format.md`), verified by WebAuthn L3 7.2. */
export class Approval {
  readonly #parts: CeremonyParts
  readonly #challenges: Challenges

  constructor(parts: CeremonyParts, challenges: Challenges) {
    this.#parts = parts
    this.#challenges = challenges
  }

  /** The proof, if this person may approve it. */
  find(id: string, person: Person): Promise<OpenProof | Refusal> {
    return this.#parts.proofs.find(id, { person, groups: this.#groupsOf(person) })
  }

  listFor(person: Person, after: ProofPlace | undefined): ReturnType<Proofs['listFor']> {
    return this.#parts.proofs.listFor({ person, groups: this.#groupsOf(person) }, after)
  }

  /** Why a touch on this page could not count, before anybody is asked for one. */
  async objection(open: OpenProof, { person, session }: SignedIn): Promise<Refusal | undefined> {
    const wrong = this.#parts.proofs.refuseSession(open, session.id)
    if (wrong !== undefined) return wrong
    if (open.record.state !== 'pending') return proofErrors.refuse('spent', open.record.state)
    if (open.record.approvals.some(({ approver }) => approver === person.id)) {
      return proofErrors.refuse('already_approved')
    }
    const keys = await this.#parts.proofs.keysFor(open, person.id)
    return keys.length === 0 ? proofErrors.refuse('attestation_required') : undefined
  }

  async begin(caller: Caller, id: string): Promise<ApprovalOptions | Refusal> {
    const { session } = caller
    const person = await this.#challenges.personOf(session)
    if (isRefusal(person)) return person
    if (session === undefined) return loginErrors.refuse('sign_in_required')
    const open = await this.find(id, person)
    if (isRefusal(open)) return open
    const objection = await this.objection(open, { person, session })
    if (objection !== undefined) return objection
    const keys = await this.#parts.proofs.keysFor(open, person.id)
    const nonce = randomBytes(32)
    const challenge = await this.#challenges.open(
      caller,
      {
        purpose: 'approve',
        person,
        ticketHash: undefined,
        replaces: undefined,
        proof: { id, nonce: toBase64url(nonce) },
        allowCredentials: keys.map((key) => key.id),
      },
      new Uint8Array(challengeFor(nonce, open.record.statement)),
    )
    return {
      publicKey: requestOptions({
        rpId: this.#parts.relyingParty().id,
        challenge,
        allowCredentials: keys,
        timeoutMillis: ceremonyLifetime,
      }),
      nonce: toBase64url(nonce),
    }
  }

  /** @returns whether the proof now has all the touches it needs. */
  async finish(
    caller: Caller,
    id: string,
    body: unknown,
  ): Promise<{ complete: boolean } | Refusal> {
    const response = parseAuthenticationResponse(body)
    if (isRefusal(response)) return response
    const ceremony = await this.#challenges.take(caller, challengeOf(response), ['approve'])
    if (isRefusal(ceremony)) return ceremony
    const nonce = nonceOf(ceremony, id)
    if (nonce === undefined) {
      return this.#challenges.refuse(caller, 'the challenge was issued for another proof')
    }
    const person = await this.#challenges.personOf(caller.session)
    if (isRefusal(person)) return person
    const credential = await this.#parts.credentials.load(response.credentialId as CredentialId)
    const own =
      credential?.personId === person.id && ceremony.allowCredentials.includes(credential.id)
        ? credential
        : undefined
    return this.#approve(caller, { id, person, credential: own, response, nonce })
  }

  async #approve(
    caller: Caller,
    touch: {
      id: string
      person: Person
      credential: Credential | undefined
      response: Exclude<ReturnType<typeof parseAuthenticationResponse>, Refusal>
      nonce: Uint8Array
    },
  ): Promise<{ complete: boolean } | Refusal> {
    const { id, person, credential, response, nonce } = touch
    const open = await this.find(id, person)
    const approver =
      credential === undefined ? undefined : { person, credential, groups: this.#groupsOf(person) }
    const outcome = isRefusal(open)
      ? open
      : approver === undefined
        ? proofErrors.refuse('not_an_approver', 'a passkey that was not asked for')
        : await this.#parts.proofs.approve(open, {
            response,
            nonce,
            approver,
            session: caller.session?.id ?? '',
          })
    const what =
      isRefusal(outcome) || isRefusal(open)
        ? { proof: id }
        : recordedEvidence(open.record, outcome.evidence)
    const subject = { person, credential: credential?.id, what }
    try {
      await recordCeremony(this.#parts, caller, { action: 'proof.approve', outcome, subject })
    } catch (error) {
      // Invariant: no touch counts whose evidence is not in the log.
      if (!isRefusal(open)) await this.#parts.proofs.deny(open)
      throw error
    }
    return isRefusal(outcome) ? outcome : { complete: outcome.complete }
  }

  /**
   * Says no. Nothing has to be proved for that.
   *
   * @param because - `stranger` when the person who is said to ask did not.
   * @param endAskers - ends what a stranger asked with.
   */
  async deny(
    caller: Caller,
    { person }: SignedIn,
    denied: { open: OpenProof; because: 'denied' | 'stranger'; endAskers: () => Promise<void> },
  ): Promise<Refusal | undefined> {
    const outcome = await this.#parts.proofs.deny(denied.open)
    // Invariant: whoever hears of this no is let in no more, however long it takes to write it down.
    if (outcome === undefined && denied.because === 'stranger') await denied.endAskers()
    await recordCeremony(this.#parts, caller, {
      action: denied.because === 'denied' ? 'proof.deny' : 'proof.disown',
      outcome,
      subject: { person, credential: undefined, what: { proof: denied.open.record.id } },
    })
    return outcome
  }

  #groupsOf(person: Person): readonly string[] {
    return this.#parts.directory.groupsOf(person)
  }
}

/** Of the touch that was asked for, if it was asked for this proof. */
function nonceOf({ proof }: Ceremony, id: string): Uint8Array | undefined {
  const nonce = proof?.id === id ? parseBase64url(proof.nonce) : undefined
  return nonce?.length === 32 ? nonce : undefined
}

import { equalText, hashSecret, toBase64url } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import type { Person } from '../../identity/index.ts'
import type { Session } from '../../session/index.ts'
import { knownAlgorithms } from '../../webauthn/index.ts'
import type { verifyRegistration } from '../../webauthn/index.ts'
import { randomBytes } from 'node:crypto'
import { loginErrors } from '../errors.ts'
import type { Ceremony, CeremonyPurpose } from '../store.ts'
import { ceremonyLifetime } from './parts.ts'
import type { Caller, CeremonyParts } from './parts.ts'
import { recordCeremony } from './trail.ts'

/** What both ceremonies share: a challenge is stored for one browser, and taken by the first answer to it. */
export class Challenges {
  readonly #parts: CeremonyParts

  constructor(parts: CeremonyParts) {
    this.#parts = parts
  }

  /**
   * WebAuthn L3 7.1 step 8 and 13.4.3: random, stored here, for one browser, purpose and person.
   *
   * @param challenge - made of random bytes in another way, for a touch that says yes to something.
   */
  async open(
    caller: Caller,
    input: Pick<Ceremony, 'purpose' | 'ticketHash' | 'replaces' | 'proof' | 'allowCredentials'> & {
      person: Person | undefined
      stepUpHash?: string | undefined
    },
    challenge = new Uint8Array(randomBytes(32)),
  ): Promise<Uint8Array> {
    await this.#parts.ceremonies.open({
      challenge: toBase64url(challenge),
      purpose: input.purpose,
      bindingHash: hashSecret('ceremony', caller.binding),
      personId: input.person?.id,
      sessionId: input.ticketHash === undefined ? caller.session?.id : undefined,
      ticketHash: input.ticketHash,
      replaces: input.replaces,
      stepUpHash: input.stepUpHash,
      proof: input.proof,
      allowCredentials: input.allowCredentials,
      algorithms: knownAlgorithms,
      expiresAt: this.#parts.clock.now() + ceremonyLifetime,
    })
    return challenge
  }

  /** Invariant: the challenge is gone after the first answer to it, right or wrong. */
  async take(
    caller: Caller,
    challenge: string | undefined,
    purposes: readonly CeremonyPurpose[],
  ): Promise<Ceremony | Refusal> {
    if (challenge === undefined) return loginErrors.refuse('ceremony_unknown', 'no challenge')
    const taken = await this.#parts.ceremonies.take(challenge, this.#parts.clock.now())
    if (taken.outcome !== 'taken') {
      return this.refuse(caller, `the challenge is ${taken.outcome.replaceAll('_', ' ')}`)
    }
    const ceremony = taken.value
    if (!equalText(ceremony.bindingHash, hashSecret('ceremony', caller.binding))) {
      return this.refuse(caller, 'the challenge was issued to another browser')
    }
    if (!purposes.includes(ceremony.purpose)) {
      return this.refuse(caller, 'the challenge was issued for another purpose')
    }
    const sameSession =
      ceremony.sessionId === undefined || ceremony.sessionId === caller.session?.id
    if (ceremony.purpose !== 'sign-in' && !sameSession) {
      return this.refuse(caller, 'the challenge was issued in another session')
    }
    return ceremony
  }

  /** One answer for all that is wrong with a challenge; the trail says what. */
  async refuse(caller: Caller, detail: string): Promise<Refusal> {
    const refusal = loginErrors.refuse('ceremony_unknown', detail)
    const subject = { person: undefined, credential: undefined }
    await recordCeremony(this.#parts, caller, { action: 'ceremony', outcome: refusal, subject })
    return refusal
  }

  /** What a response is verified against. */
  expected(
    ceremony: Ceremony,
    accepted = knownAlgorithms,
  ): Parameters<typeof verifyRegistration>[1] {
    const party = this.#parts.relyingParty()
    return {
      challenge: ceremony.challenge,
      origins: party.origins,
      rpId: party.id,
      userVerification: 'required',
      algorithms: accepted.filter((algorithm) => ceremony.algorithms.includes(algorithm)),
    }
  }

  /** Who is signed in, unless that person is gone or disabled. */
  async personOf(session: Session | undefined): Promise<Person | Refusal> {
    if (session === undefined) return loginErrors.refuse('sign_in_required')
    const person = await this.#parts.people.load(session.personId)
    if (person === undefined || person.disabled) return loginErrors.refuse('sign_in_required')
    return person
  }
}

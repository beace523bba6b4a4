import { isRefusal } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { opensRenewalOnly, standingOf } from '../../identity/index.ts'
import type { Credential, CredentialId, Person, Standing } from '../../identity/index.ts'
import type { ProofFacts } from '../../session/index.ts'
import {
  challengeOf,
  parseAuthenticationResponse,
  rejectAssertion,
  requestOptions,
  verifyAuthentication,
} from '../../webauthn/index.ts'
import type {
  PublicKeyCredentialRequestOptionsJSON,
  VerifiedAuthentication,
} from '../../webauthn/index.ts'
import { factsOf, storedOf } from '../credential-facts.ts'
import { loginErrors } from '../errors.ts'
import type { Ceremony, CeremonyPurpose } from '../store.ts'
import { ceremonyLifetime } from './parts.ts'
import type { Caller, CeremonyParts } from './parts.ts'
import type { Challenges } from './challenges.ts'
import { recordCeremony } from './trail.ts'

export interface Authenticated {
  readonly person: Person
  readonly facts: ProofFacts
  readonly purpose: Exclude<CeremonyPurpose, 'register' | 'renew' | 'approve'>
  /** Before this use. */
  readonly standing: Standing
}

/** WebAuthn L3 7.2: a touch of a passkey that is known, to sign in or to confirm. */
export class Authentication {
  readonly #parts: CeremonyParts
  readonly #challenges: Challenges

  constructor(parts: CeremonyParts, challenges: Challenges) {
    this.#parts = parts
    this.#challenges = challenges
  }

  async begin(
    caller: Caller,
    purpose: 'sign-in' | 'confirm',
  ): Promise<PublicKeyCredentialRequestOptionsJSON | Refusal> {
    const person =
      purpose === 'confirm' ? await this.#challenges.personOf(caller.session) : undefined
    if (isRefusal(person)) return person
    const all = person === undefined ? [] : await this.#parts.credentials.listFor(person.id)
    const own = all.filter(({ suspension }) => suspension === undefined)
    const challenge = await this.#challenges.open(caller, {
      purpose,
      person,
      ticketHash: undefined,
      replaces: undefined,
      proof: undefined,
      allowCredentials: own.map((credential) => credential.id),
    })
    return requestOptions({
      rpId: this.#parts.relyingParty().id,
      challenge,
      allowCredentials: own,
      timeoutMillis: ceremonyLifetime,
    })
  }

  async finish(caller: Caller, body: unknown): Promise<Authenticated | Refusal> {
    const response = parseAuthenticationResponse(body)
    if (isRefusal(response)) return response
    const ceremony = await this.#challenges.take(caller, challengeOf(response), [
      'sign-in',
      'confirm',
    ])
    if (isRefusal(ceremony)) return ceremony
    const credential = await this.#parts.credentials.load(response.credentialId as CredentialId)
    const person =
      credential === undefined ? undefined : await this.#parts.people.load(credential.personId)
    const outcome = await this.#judge(ceremony, response, credential, person)
    const subject = { person, credential: credential?.id }
    const action = `credential.${ceremony.purpose}`
    await recordCeremony(this.#parts, caller, { action, outcome, subject })
    return outcome
  }

  async #judge(
    ceremony: Ceremony,
    response: Parameters<typeof verifyAuthentication>[0],
    credential: Credential | undefined,
    person: Person | undefined,
  ): Promise<Authenticated | Refusal> {
    const mayUse =
      credential !== undefined &&
      person !== undefined &&
      !person.disabled &&
      (ceremony.personId === undefined || ceremony.personId === person.id)
    // Judged to the end even when it is nobody's, so that the answer does not tell which keys exist.
    const verified = verifyAuthentication(
      response,
      this.#challenges.expected(ceremony),
      mayUse ? storedOf(credential, person) : undefined,
      { allowCredentials: ceremony.allowCredentials },
    )
    if (isRefusal(verified)) return verified
    if (!mayUse) return rejectAssertion('the credential is unknown or not to be used')
    // Only whoever holds the key reads this; to others it is one of the keys that are not known.
    if (credential.suspension !== undefined) return loginErrors.refuse('credential_suspended')
    if (verified.cloneSuspected) {
      return loginErrors.refuse('clone_suspected', 'authenticator_clone_suspected')
    }
    const standing = standingOf(this.#parts.ageing(), credential, this.#parts.clock.now())
    await this.#recordUse(credential, verified, standing)
    return outcomeOf(ceremony, { person, standing, facts: factsOf(credential, verified) })
  }

  /**
   * A use that lost the race against another one was still a good signature over a counter above the one
   * it was judged by, so it stands; the higher counter is already kept.
   *
   * Invariant: using a credential that lay unused for too long does not make it a used one.
   */
  async #recordUse(
    credential: Credential,
    verified: VerifiedAuthentication,
    standing: Standing,
  ): Promise<void> {
    const { lastUsedAt, createdAt } = credential
    const at = standing === 'unused' ? (lastUsedAt ?? createdAt) : this.#parts.clock.now()
    await this.#parts.credentials.recordUse(credential.id, {
      expectedSignCount: credential.signCount,
      signCount: verified.signCount,
      backupState: verified.backupState,
      at,
    })
  }
}

/** Invariant: a passkey that is good for its own replacement only confirms nothing. */
function outcomeOf(
  { purpose }: Ceremony,
  found: Omit<Authenticated, 'purpose'>,
): Authenticated | Refusal {
  if (purpose !== 'confirm') return { ...found, purpose: 'sign-in' }
  return opensRenewalOnly(found.standing)
    ? loginErrors.refuse('credential_lapsed', `the credential is ${found.standing}`)
    : { ...found, purpose }
}

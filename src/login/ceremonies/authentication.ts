import { isRefusal } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { keepUse, keyFacts, opensRenewalOnly, standingOf } from '../../identity/index.ts'
import type { Credential, CredentialId, Person, Standing } from '../../identity/index.ts'
import { acrOf } from '../../session/index.ts'
import type { ProofFacts, StepUp } from '../../session/index.ts'
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
  readonly purpose: Exclude<CeremonyPurpose, 'register' | 'renew' | 'approve' | 'recovery'>
  /** Hash of the step-up that the touch was for. */
  readonly stepUpHash: string | undefined
  /** Before this use. */
  readonly standing: Standing
  /** Where the order of revocations was when it began. */
  readonly asOf: number
}

/** What made a copy of the key likely, where that does not refuse the use. */
type Judged = Authenticated & { readonly suspicion: string | undefined }

interface Judging {
  readonly ceremony: Ceremony
  readonly response: Parameters<typeof verifyAuthentication>[0]
  readonly credential: Credential | undefined
  readonly person: Person | undefined
}

/** WebAuthn L3 7.2: a touch of a passkey that is known, to sign in or to confirm. */
export class Authentication {
  readonly #parts: CeremonyParts
  readonly #challenges: Challenges

  constructor(parts: CeremonyParts, challenges: Challenges) {
    this.#parts = parts
    this.#challenges = challenges
  }

  /** @param stepUp - what the touch is for, if it is for something at an API host. */
  async begin(
    caller: Caller,
    purpose: 'sign-in' | 'confirm',
    stepUp?: StepUp,
  ): Promise<PublicKeyCredentialRequestOptionsJSON | Refusal> {
    const person =
      purpose === 'confirm' ? await this.#challenges.personOf(caller.session) : undefined
    if (isRefusal(person)) return person
    const all = person === undefined ? [] : await this.#parts.credentials.listFor(person.id)
    const own = all.filter(
      (one) => one.suspension === undefined && (stepUp === undefined || couldReach(one, stepUp)),
    )
    if (stepUp !== undefined && own.length === 0) return loginErrors.refuse('stronger_key_required')
    const challenge = await this.#challenges.open(caller, {
      purpose,
      person,
      ticketHash: undefined,
      replaces: undefined,
      stepUpHash: stepUp?.hash,
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
    const judging = { ceremony, response, credential, person }
    const judged = await this.#judge(judging)
    const outcome = isRefusal(judged) ? judged : notForEmergencies(judged, caller)
    await this.#record(caller, judging, outcome)
    return outcome
  }

  /** A suspicion has a record of its own, whatever became of the use. */
  async #record(
    caller: Caller,
    { ceremony, credential, person }: Judging,
    outcome: Judged | Refusal,
  ): Promise<void> {
    const action = `credential.${ceremony.purpose}`
    const subject = { person, credential: credential?.id }
    const key = credential === undefined ? {} : keyFacts(credential)
    if (!isRefusal(outcome) && outcome.suspicion !== undefined) {
      const suspicion = loginErrors.refuse('clone_suspected', outcome.suspicion)
      await recordCeremony(this.#parts, caller, {
        action,
        outcome: suspicion,
        subject: { ...subject, what: key },
      })
    }
    const what = isRefusal(outcome) ? key : backupChange(credential, outcome.facts)
    await recordCeremony(this.#parts, caller, { action, outcome, subject: { ...subject, what } })
  }

  async #judge({ ceremony, response, credential, person }: Judging): Promise<Judged | Refusal> {
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
    return this.#accept(ceremony, person, { credential, verified })
  }

  /** What the policy says to a touch that is the right person's; then it counts as a use. */
  async #accept(
    ceremony: Ceremony,
    person: Person,
    { credential, verified }: { credential: Credential; verified: VerifiedAuthentication },
  ): Promise<Judged | Refusal> {
    const { clone, signIn, certificationOf } = this.#parts.authenticators()
    const suspicion = suspicionOf(credential, verified)
    if (suspicion !== undefined && clone === 'block') {
      return loginErrors.refuse('clone_suspected', suspicion)
    }
    const facts = factsOf(credential, verified, certificationOf(credential))
    if (signIn === 'hardware-only' && acrOf(facts) !== 'phrh') {
      return loginErrors.refuse('hardware_sign_in_required')
    }
    const standing = standingOf(this.#parts.ageing(), credential, this.#parts.clock.now())
    await this.#recordUse(credential, verified, standing)
    return outcomeOf(ceremony, { person, standing, facts, suspicion })
  }

  /**
   * A use that lost the race against another one was still a good signature over a counter above the one
   * it was judged by, so it stands.
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
    const { signCount, backupState } = verified
    await keepUse(this.#parts.credentials, credential, { signCount, backupState, at })
  }
}

/** WebAuthn L3 7.2 step 22, after the signature: two devices may be counting. */
function suspicionOf(
  { signCount }: Credential,
  verified: VerifiedAuthentication,
): string | undefined {
  return verified.cloneSuspected
    ? `the counter is ${verified.signCount}, and ${signCount} is on record`
    : undefined
}

/** A synced passkey may become a backed-up one, and the other way round; whether it can be is fixed. */
function backupChange(
  credential: Credential | undefined,
  { backupState }: ProofFacts,
): { readonly backedUp?: boolean } {
  return credential === undefined || credential.backupState === backupState
    ? {}
    : { backedUp: backupState }
}

/** What is offered to the browser; what the touch proves is judged by itself. */
function couldReach(
  { attestationTrusted, backupEligible }: Credential,
  { acr }: Pick<StepUp, 'acr'>,
): boolean {
  return acr !== 'phrh' || (attestationTrusted && !backupEligible)
}

/** Invariant: a passkey that is good for its own replacement only confirms nothing. */
function outcomeOf(
  { purpose, stepUpHash, asOf }: Ceremony,
  judged: Omit<Judged, 'purpose' | 'stepUpHash' | 'asOf'>,
): Judged | Refusal {
  const found = { ...judged, stepUpHash, asOf }
  if (purpose !== 'confirm') return { ...found, purpose: 'sign-in' }
  return opensRenewalOnly(found.standing)
    ? loginErrors.refuse('credential_lapsed', `the credential is ${found.standing}`)
    : { ...found, purpose }
}

/** Invariant: a passkey for emergencies confirms only what is done in the session that said why. */
function notForEmergencies(found: Judged, { session }: Caller): Judged | Refusal {
  const { purpose, facts } = found
  if (purpose !== 'confirm' || facts.sealed !== true) return found
  return session?.facts.credentialId === facts.credentialId
    ? found
    : loginErrors.refuse('credential_sealed')
}

import { equalText, hashSecret, isRefusal, randomId, toBase64url } from '../core/index.ts'
import type { Clock, Refusal } from '../core/index.ts'
import type { AuditEntry } from '../audit/index.ts'
import { identityErrors } from '../identity/index.ts'
import type {
  Credential,
  CredentialId,
  CredentialStore,
  Directory,
  Person,
  PersonStore,
} from '../identity/index.ts'
import type { ProofFacts, Session } from '../session/index.ts'
import {
  authenticatorName,
  challengeOf,
  coseAlgorithms,
  creationOptions,
  parseAuthenticationResponse,
  parseRegistrationResponse,
  rejectAssertion,
  requestOptions,
  verifyAuthentication,
  verifyRegistration,
} from '../webauthn/index.ts'
import type {
  CoseAlgorithm,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  VerifiedAuthentication,
  VerifiedRegistration,
} from '../webauthn/index.ts'
import { randomBytes } from 'node:crypto'
import { judgeRegistration } from './authenticator-rules.ts'
import type { AuthenticatorPolicy, AuthenticatorRules } from './authenticator-rules.ts'
import { factsOf, storedOf, whoOf } from './credential-facts.ts'
import { loginErrors } from './errors.ts'
import type { Ceremony, CeremonyPurpose, CeremonyStore } from './store.ts'

/** How long a person has for one ceremony; WCAG 2.2 and L3 15.1 both ask for minutes. */
export const ceremonyLifetime = 5 * 60_000

/** In the order we prefer them; all three run on every supported Node. */
const algorithms: readonly CoseAlgorithm[] = [
  coseAlgorithms.ES256,
  coseAlgorithms.EdDSA,
  coseAlgorithms.RS256,
]

/** A relying party as ceremonies need it. */
export interface RelyingParty {
  readonly id: string
  readonly name: string
  /** Origins a ceremony may come from: ours. */
  readonly origins: readonly string[]
}

export interface CeremonyParts {
  readonly ceremonies: CeremonyStore
  readonly people: PersonStore
  readonly credentials: CredentialStore
  readonly directory: Directory
  readonly clock: Clock
  readonly relyingParty: () => RelyingParty
  readonly authenticators: () => AuthenticatorPolicy
  readonly record: (entry: AuditEntry) => Promise<void>
}

/** Who sent the request, for the audit trail. */
export interface Caller {
  readonly address: string
  readonly userAgent: string
  /** The secret in this browser's ceremony cookie. */
  readonly binding: string
  readonly session: Session | undefined
}

export interface Registered {
  readonly person: Person
  readonly credential: Credential
  /** Whether an invitation was used, which signs the person in. */
  readonly byTicket: boolean
}

export interface Authenticated {
  readonly person: Person
  readonly facts: ProofFacts
  readonly purpose: Exclude<CeremonyPurpose, 'register'>
}

/** The two ceremonies: begin makes a challenge, finish takes it and verifies the answer. */
export class Ceremonies {
  readonly #parts: CeremonyParts

  constructor(parts: CeremonyParts) {
    this.#parts = parts
  }

  async beginRegistration(
    caller: Caller,
    input: { ticket: string | undefined; hasFreshProof: boolean },
  ): Promise<PublicKeyCredentialCreationOptionsJSON | Refusal> {
    const person = await this.#mayRegister(caller, input)
    if (isRefusal(person)) return person
    const rules = this.#rulesOf(person)
    if (rules.algorithms.length === 0) {
      return loginErrors.refuse('authenticator_not_allowed', 'the groups agree on no algorithm')
    }
    const challenge = await this.#open(caller, {
      purpose: 'register',
      person,
      ticketHash: input.ticket === undefined ? undefined : hashSecret('ticket', input.ticket),
      allowCredentials: [],
    })
    const party = this.#parts.relyingParty()
    const registered = await this.#parts.credentials.listFor(person.id)
    return creationOptions({
      rp: { id: party.id, name: party.name },
      user: {
        handle: Buffer.from(person.userHandle, 'base64url'),
        name: person.username,
        displayName: person.name,
      },
      challenge,
      excludeCredentials: registered,
      timeoutMillis: ceremonyLifetime,
      algorithms: rules.algorithms,
      attestation: this.#parts.authenticators().attestation,
    })
  }

  async finishRegistration(caller: Caller, body: unknown): Promise<Registered | Refusal> {
    const response = parseRegistrationResponse(body)
    if (isRefusal(response)) return response
    const ceremony = await this.#take(caller, challengeOf(response), ['register'])
    if (isRefusal(ceremony)) return ceremony
    const person = await this.#ownerOf(ceremony, caller)
    if (isRefusal(person)) return person
    const { algorithms: offered } = this.#rulesOf(person)
    const verified = verifyRegistration(response, this.#expected(ceremony, offered))
    const outcome = isRefusal(verified) ? verified : await this.#store(ceremony, person, verified)
    await this.#record(caller, 'credential.register', outcome, {
      person,
      credential: isRefusal(verified) ? undefined : verified.credentialId,
      warnings: isRefusal(outcome) ? [] : outcome.warnings,
    })
    if (isRefusal(outcome)) return outcome
    return { person, credential: outcome.credential, byTicket: ceremony.ticketHash !== undefined }
  }

  async beginAuthentication(
    caller: Caller,
    purpose: 'sign-in' | 'confirm',
  ): Promise<PublicKeyCredentialRequestOptionsJSON | Refusal> {
    const person = purpose === 'confirm' ? await this.#personOf(caller.session) : undefined
    if (isRefusal(person)) return person
    const own = person === undefined ? [] : await this.#parts.credentials.listFor(person.id)
    const challenge = await this.#open(caller, {
      purpose,
      person,
      ticketHash: undefined,
      allowCredentials: own.map((credential) => credential.id),
    })
    return requestOptions({
      rpId: this.#parts.relyingParty().id,
      challenge,
      allowCredentials: own,
      timeoutMillis: ceremonyLifetime,
    })
  }

  async finishAuthentication(caller: Caller, body: unknown): Promise<Authenticated | Refusal> {
    const response = parseAuthenticationResponse(body)
    if (isRefusal(response)) return response
    const ceremony = await this.#take(caller, challengeOf(response), ['sign-in', 'confirm'])
    if (isRefusal(ceremony)) return ceremony
    const credential = await this.#parts.credentials.load(response.credentialId as CredentialId)
    const person =
      credential === undefined ? undefined : await this.#parts.people.load(credential.personId)
    const outcome = await this.#judge(ceremony, response, credential, person)
    await this.#record(caller, `credential.${ceremony.purpose}`, outcome, {
      person,
      credential: credential?.id,
    })
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
      this.#expected(ceremony),
      mayUse ? storedOf(credential, person) : undefined,
      { allowCredentials: ceremony.allowCredentials },
    )
    if (isRefusal(verified)) return verified
    if (!mayUse) return rejectAssertion('the credential is unknown or not to be used')
    if (verified.cloneSuspected) {
      return loginErrors.refuse('clone_suspected', 'authenticator_clone_suspected')
    }
    await this.#recordUse(credential, verified)
    const purpose = ceremony.purpose === 'confirm' ? 'confirm' : 'sign-in'
    return { person, purpose, facts: factsOf(credential, verified) }
  }

  /**
   * A use that lost the race against another one was still a good signature over a counter above the one
   * it was judged by, so it stands; the higher counter is already kept.
   */
  async #recordUse(credential: Credential, verified: VerifiedAuthentication): Promise<void> {
    await this.#parts.credentials.recordUse(credential.id, {
      expectedSignCount: credential.signCount,
      signCount: verified.signCount,
      backupState: verified.backupState,
      at: this.#parts.clock.now(),
    })
  }

  async #mayRegister(
    caller: Caller,
    input: { ticket: string | undefined; hasFreshProof: boolean },
  ): Promise<Person | Refusal> {
    if (input.ticket === undefined) {
      const person = await this.#personOf(caller.session)
      if (isRefusal(person)) return person
      return input.hasFreshProof ? person : loginErrors.refuse('proof_required')
    }
    const person = await this.#parts.directory.personForTicket(input.ticket)
    if (isRefusal(person)) return person
    if (caller.session !== undefined && caller.session.personId !== person.id) {
      return loginErrors.refuse('other_person')
    }
    return person
  }

  async #personOf(session: Session | undefined): Promise<Person | Refusal> {
    if (session === undefined) return loginErrors.refuse('sign_in_required')
    const person = await this.#parts.people.load(session.personId)
    if (person === undefined || person.disabled) return loginErrors.refuse('sign_in_required')
    return person
  }

  /** WebAuthn L3 7.1 step 8 and 13.4.3: random, stored here, for one browser, purpose and person. */
  async #open(
    caller: Caller,
    input: Pick<Ceremony, 'purpose' | 'ticketHash' | 'allowCredentials'> & {
      person: Person | undefined
    },
  ): Promise<Uint8Array> {
    const challenge = new Uint8Array(randomBytes(32))
    await this.#parts.ceremonies.open({
      challenge: toBase64url(challenge),
      purpose: input.purpose,
      bindingHash: hashSecret('ceremony', caller.binding),
      personId: input.person?.id,
      sessionId: input.ticketHash === undefined ? caller.session?.id : undefined,
      ticketHash: input.ticketHash,
      allowCredentials: input.allowCredentials,
      algorithms,
      expiresAt: this.#parts.clock.now() + ceremonyLifetime,
    })
    return challenge
  }

  /** Invariant: the challenge is gone after the first answer to it, right or wrong. */
  async #take(
    caller: Caller,
    challenge: string | undefined,
    purposes: readonly CeremonyPurpose[],
  ): Promise<Ceremony | Refusal> {
    if (challenge === undefined) return loginErrors.refuse('ceremony_unknown', 'no challenge')
    const taken = await this.#parts.ceremonies.take(challenge, this.#parts.clock.now())
    if (taken.outcome !== 'taken') {
      return this.#refuseCeremony(caller, `the challenge is ${taken.outcome.replaceAll('_', ' ')}`)
    }
    const ceremony = taken.value
    if (!equalText(ceremony.bindingHash, hashSecret('ceremony', caller.binding))) {
      return this.#refuseCeremony(caller, 'the challenge was issued to another browser')
    }
    if (!purposes.includes(ceremony.purpose)) {
      return this.#refuseCeremony(caller, 'the challenge was issued for another purpose')
    }
    const sameSession =
      ceremony.sessionId === undefined || ceremony.sessionId === caller.session?.id
    if (ceremony.purpose !== 'sign-in' && !sameSession) {
      return this.#refuseCeremony(caller, 'the challenge was issued in another session')
    }
    return ceremony
  }

  async #refuseCeremony(caller: Caller, detail: string): Promise<Refusal> {
    const refusal = loginErrors.refuse('ceremony_unknown', detail)
    await this.#record(caller, 'ceremony', refusal, { person: undefined, credential: undefined })
    return refusal
  }

  async #ownerOf(ceremony: Ceremony, caller: Caller): Promise<Person | Refusal> {
    const id = ceremony.personId
    const person = id === undefined ? undefined : await this.#parts.people.load(id)
    if (person === undefined || person.disabled) {
      return this.#refuseCeremony(caller, 'the person is gone or disabled')
    }
    // Somebody may have signed in between the two steps of an enrolment by link.
    if (caller.session !== undefined && caller.session.personId !== person.id) {
      return loginErrors.refuse('other_person')
    }
    return person
  }

  async #store(
    ceremony: Ceremony,
    person: Person,
    verified: VerifiedRegistration,
  ): Promise<{ credential: Credential; warnings: readonly string[] } | Refusal> {
    const now = this.#parts.clock.now()
    const { statement, ...registration } = verified
    const found = { aaguid: verified.aaguid, backupEligible: verified.backupEligible, statement }
    const policy = this.#parts.authenticators()
    const judged = judgeRegistration(policy, this.#rulesOf(person), { ...found, at: now })
    if (isRefusal(judged)) return judged
    const credential: Credential = {
      ...registration,
      attestationTrusted: judged.trust.trusted,
      id: verified.credentialId as CredentialId,
      personId: person.id,
      name: authenticatorName(verified.aaguid) ?? 'Passkey',
      createdAt: now,
      lastUsedAt: undefined,
    }
    const ticket =
      ceremony.ticketHash === undefined ? undefined : { hash: ceremony.ticketHash, now }
    const outcome = await this.#parts.credentials.register(credential, ticket)
    if (outcome === 'registered') return { credential, warnings: judged.warnings }
    return outcome === 'credential_exists'
      ? identityErrors.refuse('credential_exists')
      : identityErrors.refuse('ticket_invalid', outcome)
  }

  /** Those of everybody and of each group the person is in now. */
  #rulesOf(person: Person): AuthenticatorRules {
    return this.#parts.authenticators().rulesFor(this.#parts.directory.groupsOf(person))
  }

  #expected(ceremony: Ceremony, accepted = algorithms): Parameters<typeof verifyRegistration>[1] {
    const party = this.#parts.relyingParty()
    return {
      challenge: ceremony.challenge,
      origins: party.origins,
      rpId: party.id,
      userVerification: 'required',
      algorithms: accepted.filter((algorithm) => ceremony.algorithms.includes(algorithm)),
    }
  }

  async #record(
    caller: Caller,
    action: string,
    outcome: unknown,
    subject: {
      person: Person | undefined
      credential: string | undefined
      warnings?: readonly string[]
    },
  ): Promise<void> {
    const refusal = isRefusal(outcome) ? outcome : undefined
    const { warnings = [] } = subject
    const suspected = refusal?.code === 'login.clone_suspected'
    await this.#parts.record({
      id: randomId(),
      kind: 'ceremony',
      action: suspected ? 'authenticator_clone_suspected' : action,
      outcome: refusal === undefined ? 'success' : 'failure',
      reason: refusal?.code ?? `${action}.verified`,
      ...(refusal?.detail === undefined ? {} : { detail: refusal.detail }),
      who: whoOf(subject, caller.session),
      ...(warnings.length > 0 ? { what: { metadata: warnings } } : {}),
      where: { address: caller.address, userAgent: caller.userAgent },
    })
  }
}

import { hashSecret, isRefusal } from '../../core/index.ts'
import type { Refusal } from '../../core/index.ts'
import { identityErrors, keyFacts } from '../../identity/index.ts'
import type { Credential, CredentialId, Person, Retirement } from '../../identity/index.ts'
import type { WantedKey } from '../../pages/index.ts'
import {
  authenticatorName,
  challengeOf,
  creationOptions,
  parseRegistrationResponse,
  verifyRegistration,
} from '../../webauthn/index.ts'
import type {
  PublicKeyCredentialCreationOptionsJSON,
  VerifiedRegistration,
} from '../../webauthn/index.ts'
import { judgeRegistration } from '../authenticator-rules.ts'
import type { AuthenticatorRules } from '../authenticator-rules.ts'
import { loginErrors } from '../errors.ts'
import type { Ceremony } from '../store.ts'
import { ceremonyLifetime } from './parts.ts'
import type { Caller, CeremonyParts } from './parts.ts'
import type { Challenges } from './challenges.ts'
import { recordCeremony, recordRetired } from './trail.ts'
import type { Retired } from './trail.ts'
import { wantedKey } from '../wanted-key.ts'

export interface Registered {
  readonly person: Person
  readonly credential: Credential
  /** Whether an invitation was used, which signs the person in. */
  readonly byTicket: boolean
  /** Whether that ended the person's other credentials and every session. */
  readonly recovered: boolean
  /** Where the order of revocations was when it began. */
  readonly asOf: number
}

interface Stored {
  readonly credential: Credential
  readonly warnings: readonly string[]
  /** Those that ended with it, where it lets its owner in again. */
  readonly retired: Retired | undefined
}

/** WebAuthn L3 7.1: a new passkey, by an invitation or by a fresh touch of one that is known. */
export class Registration {
  readonly #parts: CeremonyParts
  readonly #challenges: Challenges

  constructor(parts: CeremonyParts, challenges: Challenges) {
    this.#parts = parts
    this.#challenges = challenges
  }

  async begin(
    caller: Caller,
    input: {
      ticket: string | undefined
      hasFreshProof: boolean
      /** The new passkey takes the place of this one. */
      replaces?: CredentialId
    },
  ): Promise<PublicKeyCredentialCreationOptionsJSON | Refusal> {
    const person = await this.#mayRegister(caller, input)
    if (isRefusal(person)) return person
    const rules = this.#rulesOf(person)
    if (rules.algorithms.length === 0) {
      return loginErrors.refuse('authenticator_not_allowed', 'the groups agree on no algorithm')
    }
    const ticketHash = input.ticket === undefined ? undefined : hashSecret('ticket', input.ticket)
    const challenge = await this.#challenges.open(caller, {
      purpose: input.replaces === undefined ? 'register' : 'renew',
      person,
      ticketHash,
      replaces: input.replaces,
      proof: undefined,
      allowCredentials: [],
    })
    const party = this.#parts.relyingParty()
    const kept = await this.#keptBeside(person, { ticketHash, replaces: input.replaces })
    return creationOptions({
      rp: { id: party.id, name: party.name },
      user: {
        handle: Buffer.from(person.userHandle, 'base64url'),
        name: person.username,
        displayName: person.name,
      },
      challenge,
      excludeCredentials: kept,
      timeoutMillis: ceremonyLifetime,
      algorithms: rules.algorithms,
      attestation: this.#parts.authenticators().attestation,
    })
  }

  async finish(
    caller: Caller,
    body: unknown,
    purpose: 'register' | 'renew',
  ): Promise<Registered | Refusal> {
    const response = parseRegistrationResponse(body)
    if (isRefusal(response)) return response
    const ceremony = await this.#challenges.take(caller, challengeOf(response), [purpose])
    if (isRefusal(ceremony)) return ceremony
    const person = await this.#ownerOf(ceremony, caller)
    if (isRefusal(person)) return person
    const { algorithms: offered } = this.#rulesOf(person)
    const verified = verifyRegistration(response, this.#challenges.expected(ceremony, offered))
    const outcome = isRefusal(verified) ? verified : await this.#store(ceremony, person, verified)
    const subject = {
      person,
      credential: isRefusal(verified) ? undefined : verified.credentialId,
      replaced: ceremony.replaces,
      retired: isRefusal(outcome) ? undefined : outcome.retired?.credentials.map(({ id }) => id),
      warnings: isRefusal(outcome) ? [] : outcome.warnings,
      ...(isRefusal(outcome) ? {} : { what: keyFacts(outcome.credential) }),
    }
    const action = `credential.${purpose}`
    await recordCeremony(this.#parts, caller, { action, outcome, subject })
    if (isRefusal(outcome)) return outcome
    if (outcome.retired !== undefined) {
      await recordRetired(this.#parts, caller, { person, ...outcome.retired })
    }
    return {
      person,
      credential: outcome.credential,
      byTicket: ceremony.ticketHash !== undefined,
      recovered: outcome.retired !== undefined,
      asOf: ceremony.asOf,
    }
  }

  /** Which new passkey of somebody would be kept. */
  wanted(person: Person): WantedKey {
    return wantedKey(this.#parts.authenticators(), this.#rulesOf(person))
  }

  async #mayRegister(
    caller: Caller,
    input: { ticket: string | undefined; hasFreshProof: boolean },
  ): Promise<Person | Refusal> {
    if (input.ticket === undefined) {
      const person = await this.#challenges.personOf(caller.session)
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

  async #ownerOf(ceremony: Ceremony, caller: Caller): Promise<Person | Refusal> {
    const id = ceremony.personId
    const person = id === undefined ? undefined : await this.#parts.people.load(id)
    if (person === undefined || person.disabled) {
      return this.#challenges.refuse(caller, 'the person is gone or disabled')
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
  ): Promise<Stored | Refusal> {
    const now = this.#parts.clock.now()
    const { statement, ...registration } = verified
    const found = { aaguid: verified.aaguid, backupEligible: verified.backupEligible, statement }
    const policy = this.#parts.authenticators()
    const judged = judgeRegistration(policy, this.#rulesOf(person), { ...found, at: now })
    if (isRefusal(judged)) return judged
    const credential: Credential = {
      ...registration,
      attestationTrusted: judged.trust.trusted,
      // What names one device is kept only where it was asked for, and proved.
      serial:
        policy.attestation === 'enterprise' && judged.trust.trusted
          ? statement.device.serial
          : undefined,
      id: verified.credentialId as CredentialId,
      personId: person.id,
      name: authenticatorName(verified.aaguid) ?? 'Passkey',
      createdAt: now,
      lastUsedAt: undefined,
      suspension: undefined,
      sealedAt: undefined,
      finding: undefined,
    }
    const { ticketHash: ticket, replaces, sessionId: session, asOf } = ceremony
    const retirement = ticket === undefined ? undefined : await this.#retirement(ticket)
    const before = await this.#parts.credentials.listFor(person.id)
    const options = { ticket, replaces, session, asOf, now }
    const outcome = await this.#parts.credentials.register(credential, options)
    const retired = retirement === undefined ? undefined : { how: retirement, credentials: before }
    if (outcome === 'registered') return { credential, warnings: judged.warnings, retired }
    if (outcome === 'credential_exists') return identityErrors.refuse('credential_exists')
    if (outcome === 'overtaken') {
      return loginErrors.refuse('ceremony_unknown', 'what allowed it has ended meanwhile')
    }
    return outcome === 'replaced_gone'
      ? identityErrors.refuse('unknown_credential', 'what it replaces is gone')
      : identityErrors.refuse('ticket_invalid', outcome)
  }

  #retirement(ticketHash: string): Promise<Retirement | undefined> {
    return this.#parts.directory.retirementOf(ticketHash)
  }

  /** The person's passkeys that stay; the device that holds another one may hold the new one. */
  async #keptBeside(
    person: Person,
    { ticketHash, replaces }: Pick<Ceremony, 'ticketHash' | 'replaces'>,
  ): Promise<readonly Credential[]> {
    if (ticketHash !== undefined && (await this.#retirement(ticketHash)) !== undefined) return []
    const registered = await this.#parts.credentials.listFor(person.id)
    return registered.filter(({ id }) => id !== replaces)
  }

  /** Those of everybody and of each group the person is in now. */
  #rulesOf(person: Person): AuthenticatorRules {
    return this.#parts.authenticators().rulesFor(this.#parts.directory.groupsOf(person))
  }
}

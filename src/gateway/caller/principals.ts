import { SlotKey } from '../../core/index.ts'
import type { Instant } from '../../core/index.ts'
import type { Directory, Person, PersonId, PersonStore } from '../../identity/index.ts'
import type { ContextLookup } from '../../policy/index.ts'
import { noMandate } from '../../roles/index.ts'
import type { Attached, Mandate, Mandates } from '../../roles/index.ts'
import { acrOf, amrOf } from '../../session/index.ts'
import type { ProofFacts, Session } from '../../session/index.ts'
import type { VerifiedToken } from '../../token/index.ts'
import { candidateOf } from './decide-call.ts'
import { fixedContextOf } from './fixed-facts.ts'
import { forgetFrequent } from './frequent-callers.ts'
import { changedProof, Principal } from './principal.ts'
import type { PrincipalFacts, Proof, Standing } from './principal.ts'
import type { Realm } from '../route.ts'

/** Finds the policies that count for somebody under one configuration. */
export interface PolicyDirectory {
  /** The account of everybody here. */
  readonly account: string
  forPerson(username: string, groups: readonly string[]): Attached
  forGroups(groups: readonly string[]): Attached
  readonly mandates: Mandates
  /** By the tag's name in lower case. */
  tagsOf(username: string): ReadonlyMap<string, string>
}

/** Somebody who was looked up and may come. */
interface Met {
  readonly person: Person
  /** Of every token that decides nothing by itself. */
  standing: Standing | undefined
}

const mostMet = 4096
const mostStandings = 1024
const noTags: ReadonlyMap<string, string> = new Map()

/**
 * Turns verified tokens and sessions into principals; remembers the answer as long as the token, and the person
 * for the tokens that follow, both until people or groups change.
 */
export class Principals {
  readonly #people: Pick<PersonStore, 'load'>
  readonly #directory: Pick<Directory, 'groupsOf'>
  readonly #policies: PolicyDirectory
  readonly #issuer: string
  readonly anonymous = anonymous()
  #known = new SlotKey<Principal>()
  /** By their id; never anybody who is disabled. */
  #met = new Map<string, Met>()
  readonly #standings = new Map<string, Standing>()

  constructor(parts: {
    people: Pick<PersonStore, 'load'>
    directory: Pick<Directory, 'groupsOf'>
    policies: PolicyDirectory
    issuer: string
  }) {
    this.#people = parts.people
    this.#directory = parts.directory
    this.#policies = parts.policies
    this.#issuer = parts.issuer
    forgetFrequent()
  }

  /** Groups or people changed: who may do what is worked out anew at the next request. */
  forget(): void {
    this.#known = new SlotKey()
    this.#met = new Map()
    forgetFrequent()
  }

  known(token: VerifiedToken): Principal | undefined {
    return token.derived.read(this.#known)
  }

  /** `undefined` when the person is gone or disabled. */
  ofToken(token: VerifiedToken): Principal | undefined | Promise<Principal | undefined> {
    const met = this.#met.get(token.subject)
    return met === undefined ? this.#meet(token) : this.#ofMet(met, token, this.#known)
  }

  /** Invariant: what a change overtook is remembered neither for the token nor for those that follow. */
  async #meet(token: VerifiedToken): Promise<Principal | undefined> {
    const asOf = this.#known
    const others = this.#met
    const person = await this.#people.load(token.subject as PersonId)
    if (person === undefined || person.disabled) return undefined
    const met = { person, standing: undefined }
    if (others.size >= mostMet) others.clear()
    others.set(person.id, met)
    return this.#ofMet(met, token, asOf)
  }

  #ofMet(met: Met, token: VerifiedToken, asOf: SlotKey<Principal>): Principal {
    const { person } = met
    const { username } = person
    // The token itself where it says the same: it is remembered anyway.
    const name = username === token.username ? token : { subject: token.subject, username }
    const principal = new Principal(this.#standingOfMet(met, token), name, token)
    token.derived.write(asOf, principal)
    return principal
  }

  #standingOfMet(met: Met, token: VerifiedToken): Standing {
    if (this.mandates.dependsOn(token)) return this.#standingOf(met.person, token)
    met.standing ??= this.#standingOf(met.person, token)
    return met.standing
  }

  async ofSession(session: Session): Promise<Principal | undefined> {
    const person = await this.#people.load(session.personId)
    if (person === undefined || person.disabled) return undefined
    const { facts } = session
    return this.#ofPerson(person, {
      session: session.id,
      clientId: undefined,
      ...touchOf(session),
      authTime: session.authenticatedAt,
      credential: facts.credentialId,
      tokenId: undefined,
      issuedAt: session.authenticatedAt,
      expiresAt: session.expiresAt,
      scopes: ['invoke'],
      openedAt: session.createdAt,
      registeredAt: facts.registeredAt,
      transports: facts.transports ?? [],
      taken: undefined,
      claims: claimsOf(facts),
    })
  }

  /** A person as they would be after signing in at `now`: for explanations only. */
  ofPersonAt(person: Person, now: Instant, by: SupposedSignIn = {}): Principal {
    const { facts, role } = by
    return this.#ofPerson(person, {
      session: undefined,
      clientId: undefined,
      acr: facts === undefined ? 'phr' : acrOf(facts),
      amr: facts === undefined ? ['pop', 'user', 'swk', 'mfa'] : amrOf(facts),
      authTime: now,
      credential: by.credential ?? facts?.credentialId,
      tokenId: undefined,
      issuedAt: now,
      expiresAt: undefined,
      scopes: ['invoke'],
      openedAt: now,
      registeredAt: facts?.registeredAt,
      transports: facts?.transports ?? [],
      taken: role === undefined ? undefined : { role, sessionPolicy: undefined },
      claims: facts === undefined ? { uv: 'true' } : claimsOf(facts),
    })
  }

  /** The same principal with the mandate that these facts give it: for explanations only. */
  reconsidered(principal: Principal, context: ContextLookup): Principal {
    const { untaken, proof } = principal
    const standing = this.#mandated(this.#attachedTo(principal), untaken, context)
    return new Principal(standing, principal, proof)
  }

  /**
   * As whom somebody may act, by every mandate that they may have while they know these facts of themselves;
   * nobody known has none to choose from.
   */
  ways(principal: Principal, context: ContextLookup): readonly PrincipalWay[] {
    if (principal.kind === 'anonymous') return [{ principal, isSure: true }]
    const { untaken, proof } = principal
    const known = candidateOf(untaken, context)
    const { credential, taken } = proof
    const attached = this.#attachedTo(principal)
    return this.mandates
      .ways({ attached, known, credential, taken })
      .map(({ mandate, isSure }) => ({
        principal: new Principal(underMandate(untaken.standing, mandate), principal, proof),
        isSure,
      }))
  }

  get mandates(): Mandates {
    return this.#policies.mandates
  }

  #attachedTo({ kind, username, groups }: Principal): Attached {
    return kind === 'external'
      ? this.#policies.forGroups(groups)
      : this.#policies.forPerson(username ?? '', groups)
  }

  /** Somebody an external issuer vouches for: groups come from its claim, policies from those groups. */
  ofExternal(token: VerifiedToken, realm: Realm): Principal {
    const standing = this.#standingOfExternal(token, token, realm)
    const principal = new Principal(standing, token, token)
    token.derived.write(this.#known, principal)
    return principal
  }

  /**
   * The same principal with the groups and policies of now; `undefined` when it is gone or disabled.
   *
   * @param realm - that of the issuer that vouches for it, by now.
   * @param session - its browser session by now, if it has one.
   */
  async again(
    principal: Principal,
    realm: Realm | undefined,
    session?: Session,
  ): Promise<Principal | undefined> {
    if (principal.kind === 'anonymous') return this.anonymous
    if (principal.kind === 'external') {
      if (realm === undefined) return undefined
      const standing = this.#standingOfExternal(principal, principal.proof, realm)
      return new Principal(standing, principal, principal.proof)
    }
    const person = await this.#people.load(principal.subject as PersonId)
    if (person === undefined || person.disabled) return undefined
    const { proof } = principal
    const now = session === undefined ? proof : changedProof(proof, touchOf(session))
    return this.#ofPerson(person, now)
  }

  #ofPerson(person: Person, proof: Proof): Principal {
    const { id, username } = person
    return new Principal(this.#standingOf(person, proof), { subject: id, username }, proof)
  }

  #standingOf(person: Person, proof: Proof): Standing {
    const { id: subject, username } = person
    const groups = this.#directory.groupsOf(person)
    const tags = this.#policies.tagsOf(username)
    const { account } = this.#policies
    const untaken = {
      ...nothingTaken,
      kind: 'person',
      issuer: this.#issuer,
      groups,
      tags,
      account,
    } as const
    const attached = this.#policies.forPerson(username, groups)
    return this.#mandated(attached, new Principal(untaken, { subject, username }, proof))
  }

  #standingOfExternal(
    name: Pick<PrincipalFacts, 'issuer' | 'groups' | 'subject' | 'username'>,
    proof: Proof,
    { account, namespace }: Realm,
  ): Standing {
    const { issuer, groups } = name
    const untaken = {
      ...nothingTaken,
      kind: 'external',
      issuer,
      groups,
      tags: noTags,
      account,
      namespace,
    } as const
    return this.#mandated(this.#policies.forGroups(groups), new Principal(untaken, name, proof))
  }

  /** @param plain - with everything but a mandate. */
  #mandated(attached: Attached, plain: Principal, context = fixedContextOf(plain)): Standing {
    const { credential, taken } = plain.proof
    const { mandates } = this.#policies
    const known = candidateOf(plain, context)
    const mandate = mandates.of({ attached, known, credential, taken })
    return this.#shared(underMandate(plain.standing, mandate))
  }

  /**
   * Most have the same few. Invariant: who shares one has the same tags of their own too, because trust policies
   * ask for those whatever role was taken.
   */
  #shared(standing: Standing): Standing {
    const { kind, issuer, account, namespace, groups, tags, mandate, untaken } = standing
    if (mandate.key === undefined) return standing
    const named = [kind, issuer, account, namespace ?? '', mandate.key, groups]
    const key = JSON.stringify([...named, [...tags], [...(untaken?.tags ?? [])]])
    const known = this.#standings.get(key)
    if (known?.mandate === mandate) return known
    if (this.#standings.size >= mostStandings) this.#standings.clear()
    this.#standings.set(key, Object.freeze(standing))
    return standing
  }
}

/** What the last touch of a session proved: the sign-in, or a confirmation since then. */
function touchOf(
  session: Pick<Session, 'facts' | 'confirmation' | 'provedAt'>,
): Pick<Proof, 'acr' | 'amr' | 'provedAt' | 'touchedBy'> {
  const { facts, confirmation = facts, provedAt } = session
  const touchedBy = session.confirmation?.credentialId
  return { acr: acrOf(confirmation), amr: amrOf(confirmation), provedAt, touchedBy }
}

/** Somebody as one of those they may act as. */
export interface PrincipalWay {
  readonly principal: Principal
  readonly isSure: boolean
}

/** @param standing - of somebody who took no role. */
function underMandate(standing: Standing, mandate: Mandate): Standing {
  if (mandate.roleName === undefined) return { ...standing, mandate }
  const tags = new Map([...standing.tags, ...(mandate.role?.tags ?? [])])
  return { ...standing, mandate, tags, untaken: standing }
}

const nothingTaken = { mandate: noMandate, untaken: undefined }

/** How somebody is taken to have signed in. */
export interface SupposedSignIn {
  /** What the passkey proves; some passkey with user verification when absent. */
  readonly facts?: ProofFacts | undefined
  /** Its id, where that is all that is known. */
  readonly credential?: string | undefined
  /** The role that is taken. */
  readonly role?: string | undefined
}

function claimsOf(facts: ProofFacts): Proof['claims'] {
  return {
    aaguid: facts.aaguid,
    uv: String(facts.userVerified),
    be: String(facts.backupEligible),
    bs: String(facts.backupState),
    attestation: facts.attestationFormat,
    attestation_trusted: String(facts.attestationTrusted),
    ...(facts.certification === undefined ? {} : { certification: facts.certification }),
  }
}

function anonymous(): Principal {
  return new Principal(
    {
      kind: 'anonymous',
      issuer: '',
      groups: [],
      ...nothingTaken,
      tags: noTags,
      account: undefined,
    },
    { subject: 'anonymous', username: undefined },
    {
      session: undefined,
      clientId: undefined,
      acr: undefined,
      amr: [],
      authTime: undefined,
      credential: undefined,
      tokenId: undefined,
      issuedAt: undefined,
      expiresAt: undefined,
      scopes: [],
      openedAt: undefined,
      registeredAt: undefined,
      transports: [],
      taken: undefined,
      claims: {},
    },
  )
}

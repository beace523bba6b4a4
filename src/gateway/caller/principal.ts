import type { Instant, JsonObject } from '../../core/index.ts'
import type { Directory, Person, PersonId, PersonStore } from '../../identity/index.ts'
import { noAuthority, nobody } from '../../policy/index.ts'
import type { Authority, PolicyPrincipal } from '../../policy/index.ts'
import { acrOf, amrOf } from '../../session/index.ts'
import type { Session } from '../../session/index.ts'
import type { AssertionSubject, VerifiedToken } from '../../token/index.ts'

/** Who a request acts as. */
export interface Principal extends AssertionSubject {
  readonly kind: 'person' | 'external' | 'anonymous'
  /** Unique over all issuers: the throttle's key. */
  readonly key: string
  readonly issuer: string
  readonly credential: string | undefined
  readonly tokenId: string | undefined
  readonly issuedAt: Instant | undefined
  /** When what the principal was known by ends: the token, or the session at the latest. */
  readonly expiresAt: Instant | undefined
  readonly scopes: readonly string[]
  /** Flat facts about the proof, by claim name. */
  readonly claims: JsonObject
  /** By what name policies know it. */
  readonly names: PolicyPrincipal
  readonly authority: Authority
}

/** Finds the policies that count for somebody under one configuration. */
export interface PolicyDirectory {
  /** The account of everybody here. */
  readonly account: string
  forPerson(username: string, groups: readonly string[]): Authority
  forGroups(groups: readonly string[]): Authority
}

/** Turns verified tokens and sessions into principals; remembers the answer as long as the token. */
export class Principals {
  readonly #people: PersonStore
  readonly #directory: Directory
  readonly #policies: PolicyDirectory
  readonly #issuer: string
  readonly anonymous: Principal = anonymous
  #known = new WeakMap<VerifiedToken, Principal>()

  constructor(parts: {
    people: PersonStore
    directory: Directory
    policies: PolicyDirectory
    issuer: string
  }) {
    this.#people = parts.people
    this.#directory = parts.directory
    this.#policies = parts.policies
    this.#issuer = parts.issuer
  }

  /** Groups or people changed: who may do what is worked out anew at the next request. */
  forget(): void {
    this.#known = new WeakMap()
  }

  known(token: VerifiedToken): Principal | undefined {
    return this.#known.get(token)
  }

  /** `undefined` when the person is gone or disabled. */
  async ofToken(token: VerifiedToken): Promise<Principal | undefined> {
    const person = await this.#people.load(token.subject as PersonId)
    if (person === undefined || person.disabled) return undefined
    const principal: Principal = {
      ...this.#ofPerson(person),
      session: token.session,
      clientId: token.clientId,
      acr: token.acr,
      amr: token.amr,
      authTime: token.authTime,
      credential: textClaim(token, 'credential_id'),
      tokenId: token.tokenId,
      issuedAt: token.issuedAt,
      expiresAt: token.expiresAt,
      scopes: token.scopes,
      claims: token.claims,
    }
    this.#known.set(token, principal)
    return principal
  }

  async ofSession(session: Session): Promise<Principal | undefined> {
    const person = await this.#people.load(session.personId)
    if (person === undefined || person.disabled) return undefined
    const { facts } = session
    return {
      ...this.#ofPerson(person),
      session: session.id,
      clientId: undefined,
      acr: acrOf(facts),
      amr: amrOf(facts),
      authTime: session.authenticatedAt,
      credential: facts.credentialId,
      tokenId: undefined,
      issuedAt: session.authenticatedAt,
      expiresAt: session.expiresAt,
      scopes: ['invoke'],
      claims: {
        aaguid: facts.aaguid,
        uv: String(facts.userVerified),
        be: String(facts.backupEligible),
        bs: String(facts.backupState),
        attestation: facts.attestationFormat,
        attestation_trusted: String(facts.attestationTrusted),
      },
    }
  }

  /** A person as they would be after signing in at `now`: for explanations only. */
  ofPersonAt(person: Person, now: Instant): Principal {
    return {
      ...this.#ofPerson(person),
      session: undefined,
      clientId: undefined,
      acr: 'phr',
      amr: ['pop', 'user', 'swk', 'mfa'],
      authTime: now,
      credential: undefined,
      tokenId: undefined,
      issuedAt: now,
      expiresAt: undefined,
      scopes: ['invoke'],
      claims: { uv: 'true' },
    }
  }

  /** Somebody an external issuer vouches for: groups come from its claim, policies from those groups. */
  ofExternal(token: VerifiedToken): Principal {
    const principal: Principal = {
      kind: 'external',
      key: `${token.issuer}|${token.subject}`,
      issuer: token.issuer,
      subject: token.subject,
      username: token.username,
      groups: token.groups,
      session: token.session,
      clientId: token.clientId,
      acr: token.acr,
      amr: token.amr,
      authTime: token.authTime,
      credential: undefined,
      tokenId: token.tokenId,
      issuedAt: token.issuedAt,
      expiresAt: token.expiresAt,
      scopes: token.scopes,
      claims: token.claims,
      names: this.#namesOfExternal(token),
      authority: this.#policies.forGroups(token.groups),
    }
    this.#known.set(token, principal)
    return principal
  }

  /** The same principal with the groups and policies of now; `undefined` when it is gone or disabled. */
  async again(principal: Principal): Promise<Principal | undefined> {
    if (principal.kind === 'anonymous') return this.anonymous
    if (principal.kind === 'external') {
      return { ...principal, authority: this.#policies.forGroups(principal.groups) }
    }
    const person = await this.#people.load(principal.subject as PersonId)
    if (person === undefined || person.disabled) return undefined
    return { ...principal, ...this.#ofPerson(person) }
  }

  #ofPerson(
    person: Person,
  ): Pick<
    Principal,
    'kind' | 'key' | 'issuer' | 'subject' | 'username' | 'groups' | 'names' | 'authority'
  > {
    const { account } = this.#policies
    const groups = this.#directory.groupsOf(person)
    return {
      kind: 'person',
      key: person.id,
      issuer: this.#issuer,
      subject: person.id,
      username: person.username,
      groups,
      names: {
        arn: `arn:aws:iam::${account}:user/${person.username}`,
        role: undefined,
        account,
        federated: undefined,
      },
      authority: this.#policies.forPerson(person.username, groups),
    }
  }

  #namesOfExternal(token: VerifiedToken): PolicyPrincipal {
    const { account } = this.#policies
    return {
      arn: `arn:aws:sts::${account}:federated-user/${token.username ?? token.subject}`,
      role: undefined,
      account,
      federated: token.issuer,
    }
  }
}

function textClaim(token: VerifiedToken, name: string): string | undefined {
  const value = Object.hasOwn(token.claims, name) ? token.claims[name] : undefined
  return typeof value === 'string' ? value : undefined
}

const anonymous: Principal = Object.freeze({
  kind: 'anonymous',
  key: 'anonymous',
  issuer: '',
  subject: 'anonymous',
  username: undefined,
  groups: [],
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
  claims: {},
  names: nobody,
  authority: noAuthority,
})

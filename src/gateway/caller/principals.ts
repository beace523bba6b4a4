import { SlotKey } from '../../core/index.ts'
import type { Instant } from '../../core/index.ts'
import type { Directory, Person, PersonId, PersonStore } from '../../identity/index.ts'
import { noAuthority } from '../../policy/index.ts'
import type { Authority } from '../../policy/index.ts'
import { acrOf, amrOf } from '../../session/index.ts'
import type { Session } from '../../session/index.ts'
import type { VerifiedToken } from '../../token/index.ts'
import { Principal } from './principal.ts'
import type { Proof, Standing } from './principal.ts'

/** Finds the policies that count for somebody under one configuration. */
export interface PolicyDirectory {
  /** The account of everybody here. */
  readonly account: string
  forPerson(username: string, groups: readonly string[]): Authority
  forGroups(groups: readonly string[]): Authority
  /** By the tag's name in lower case. */
  tagsOf(username: string): ReadonlyMap<string, string>
}

const mostStandings = 1024
const noTags: ReadonlyMap<string, string> = new Map()

/** Turns verified tokens and sessions into principals; remembers the answer as long as the token. */
export class Principals {
  readonly #people: Pick<PersonStore, 'load'>
  readonly #directory: Pick<Directory, 'groupsOf'>
  readonly #policies: PolicyDirectory
  readonly #issuer: string
  readonly anonymous = anonymous()
  #known = new SlotKey<Principal>()
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
  }

  /** Groups or people changed: who may do what is worked out anew at the next request. */
  forget(): void {
    this.#known = new SlotKey()
  }

  known(token: VerifiedToken): Principal | undefined {
    return token.derived.read(this.#known)
  }

  /** `undefined` when the person is gone or disabled. */
  async ofToken(token: VerifiedToken): Promise<Principal | undefined> {
    const asOf = this.#known
    const person = await this.#people.load(token.subject as PersonId)
    if (person === undefined || person.disabled) return undefined
    // The token's own texts where they are the same: it is remembered anyway.
    const username = person.username === token.username ? token.username : person.username
    const principal = new Principal(
      this.#standingOf(person),
      { subject: token.subject, username },
      token,
    )
    token.derived.write(asOf, principal)
    return principal
  }

  async ofSession(session: Session): Promise<Principal | undefined> {
    const person = await this.#people.load(session.personId)
    if (person === undefined || person.disabled) return undefined
    const { facts } = session
    return this.#ofPerson(person, {
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
      openedAt: session.createdAt,
      registeredAt: facts.registeredAt,
      transports: facts.transports ?? [],
      claims: {
        aaguid: facts.aaguid,
        uv: String(facts.userVerified),
        be: String(facts.backupEligible),
        bs: String(facts.backupState),
        attestation: facts.attestationFormat,
        attestation_trusted: String(facts.attestationTrusted),
      },
    })
  }

  /** A person as they would be after signing in at `now`: for explanations only. */
  ofPersonAt(person: Person, now: Instant): Principal {
    return this.#ofPerson(person, {
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
      openedAt: now,
      registeredAt: undefined,
      transports: [],
      claims: { uv: 'true' },
    })
  }

  /** Somebody an external issuer vouches for: groups come from its claim, policies from those groups. */
  ofExternal(token: VerifiedToken, account: string): Principal {
    const principal = new Principal(this.#standingOfExternal(token, account), token, token)
    token.derived.write(this.#known, principal)
    return principal
  }

  /**
   * The same principal with the groups and policies of now; `undefined` when it is gone or disabled.
   *
   * @param account - that of the issuer that vouches for it, by now.
   */
  async again(principal: Principal, account: string | undefined): Promise<Principal | undefined> {
    if (principal.kind === 'anonymous') return this.anonymous
    if (principal.kind === 'external') {
      if (account === undefined) return undefined
      return new Principal(this.#standingOfExternal(principal, account), principal, principal.proof)
    }
    const person = await this.#people.load(principal.subject as PersonId)
    if (person === undefined || person.disabled) return undefined
    return this.#ofPerson(person, principal.proof)
  }

  #ofPerson(person: Person, proof: Proof): Principal {
    const { id, username } = person
    return new Principal(this.#standingOf(person), { subject: id, username }, proof)
  }

  #standingOf(person: Person): Standing {
    const groups = this.#directory.groupsOf(person)
    const authority = this.#policies.forPerson(person.username, groups)
    const tags = this.#policies.tagsOf(person.username)
    const { account } = this.#policies
    return this.#shared({ kind: 'person', issuer: this.#issuer, groups, authority, tags, account })
  }

  #standingOfExternal(
    { issuer, groups }: Pick<Standing, 'issuer' | 'groups'>,
    account: string,
  ): Standing {
    const authority = this.#policies.forGroups(groups)
    return this.#shared({ kind: 'external', issuer, groups, authority, tags: noTags, account })
  }

  /** Most have the same few. */
  #shared(standing: Standing): Standing {
    const { kind, issuer, account, groups, tags } = standing
    const key = JSON.stringify([kind, issuer, account, groups, ...tags])
    const known = this.#standings.get(key)
    if (known?.authority === standing.authority) return known
    if (this.#standings.size >= mostStandings) this.#standings.clear()
    this.#standings.set(key, Object.freeze(standing))
    return standing
  }
}

function anonymous(): Principal {
  return new Principal(
    {
      kind: 'anonymous',
      issuer: '',
      groups: [],
      authority: noAuthority,
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
      claims: {},
    },
  )
}

import type { AuditWho } from '../../audit/index.ts'
import { isMetOften } from '../../core/index.ts'
import type { Instant, JsonObject, Meetable } from '../../core/index.ts'
import type { PolicyPrincipal } from '../../policy/index.ts'
import { roleSessionArn } from '../../roles/index.ts'
import type { Mandate } from '../../roles/index.ts'
import type { AssertionSubject, Minted, VerifiedToken } from '../../token/index.ts'
import type { Trace } from '../decision-text.ts'

/** What somebody may do, and by whose word: the same object for all who have it in common. */
export interface Standing {
  readonly kind: 'person' | 'external' | 'anonymous'
  readonly issuer: string
  readonly groups: readonly string[]
  readonly mandate: Mandate
  /** What the configuration says of the person, by the tag's name in lower case. */
  readonly tags: ReadonlyMap<string, string>
  /** As policies name it; nobody known has none. */
  readonly account: string | undefined
  /** Before the names of callers of an external issuer; absent where it has the account to itself. */
  readonly namespace?: string | undefined
  /** The same without the role that was taken; absent where none was. */
  readonly untaken: Standing | undefined
}

/** What somebody was known by: a verified token is one. */
export interface Proof extends Pick<
  VerifiedToken,
  | 'session'
  | 'clientId'
  | 'acr'
  | 'amr'
  | 'authTime'
  | 'credential'
  | 'tokenId'
  | 'scopes'
  | 'openedAt'
  | 'registeredAt'
  | 'transports'
  | 'taken'
  | 'isPlain'
> {
  readonly issuedAt: Instant | undefined
  /** When a key was last touched for it; absent where that can only have been at `authTime`. */
  readonly provedAt?: Instant
  /** The credential of that touch; absent where it is the one that signed in. */
  readonly touchedBy?: string | undefined
  /** When it ends: the token, or the session at the latest. */
  readonly expiresAt: Instant | undefined
  /** Flat facts about the proof, by claim name. */
  readonly claims: JsonObject
}

/** The same proof with some of it changed. A token has members that a copy of it would not have. */
export function changedProof(proof: Proof, changes: Partial<Proof>): Proof {
  const { session, clientId, acr, amr, authTime, credential, tokenId, scopes, openedAt } = proof
  const { registeredAt, transports, taken, issuedAt, provedAt, touchedBy, expiresAt, claims } =
    proof
  const from = { session, clientId, acr, amr, authTime, credential, tokenId, scopes, openedAt }
  const moment = { issuedAt, expiresAt, touchedBy, ...(provedAt === undefined ? {} : { provedAt }) }
  return { ...from, ...moment, registeredAt, transports, taken, claims, ...changes }
}

/** What is known of a principal. */
export type PrincipalFacts = Pick<Standing, 'kind' | 'issuer' | 'groups' | 'tags'> &
  Omit<Proof, 'taken' | 'provedAt' | 'touchedBy' | 'isPlain'> & {
    /** When a key was last touched. */
    readonly provedAt: Instant | undefined
    /** By what name policies know it. */
    readonly names: PolicyPrincipal
    readonly subject: string
    readonly username: string | undefined
    /** Unique over all issuers: the throttle's key. */
    readonly key: string
  }

type Name = Pick<PrincipalFacts, 'subject' | 'username'>

/** What is made again and again for somebody who comes often. */
class Kept {
  who: AuditWho | undefined
  trace: Trace | undefined
  minted: Minted | undefined
}

/**
 * Who a request acts as. There is one for each remembered token, so it holds what is its own and refers to
 * the rest. None of the facts changes. A private method would be 8 bytes more of each.
 */
export class Principal implements PrincipalFacts, PolicyPrincipal, AssertionSubject, Meetable {
  readonly standing: Standing
  readonly proof: Proof
  readonly #name: Name
  #kept: Kept | undefined
  sealed = 0
  meeting = 0

  constructor(standing: Standing, name: Name | Principal, proof: Proof) {
    this.standing = standing
    this.#name = name instanceof Principal ? name.#name : name
    this.proof = proof
    this.#kept = undefined
  }

  get subject(): string {
    return this.#name.subject
  }

  get username(): string | undefined {
    return this.#name.username
  }

  /** As revocations know it, which are of our own people only. */
  get person(): string {
    return this.#name.subject
  }

  /** Only where the name is what was looked at. */
  get isPlain(): boolean {
    const name: object = this.#name
    return name === this.proof && this.proof.isPlain === true
  }

  get isFrequent(): boolean {
    return isMetOften(this)
  }

  letGo(): void {
    this.#kept = undefined
  }

  /** Frozen, so that it is encoded once; of those who come often only. */
  get who(): AuditWho | undefined {
    return this.#kept?.who
  }

  set who(who: AuditWho) {
    this.#kept ??= new Kept()
    this.#kept.who = who
  }

  /** Where that one comes from as well, as text. */
  get trace(): Trace | undefined {
    return this.#kept?.trace
  }

  set trace(trace: Trace) {
    this.#kept ??= new Kept()
    this.#kept.trace = trace
  }

  get minted(): Minted | undefined {
    return this.#kept?.minted
  }

  set minted(minted: Minted) {
    this.#kept ??= new Kept()
    this.#kept.minted = minted
  }

  get kind(): Standing['kind'] {
    return this.standing.kind
  }

  get issuer(): string {
    return this.standing.issuer
  }

  get key(): string {
    return this.standing.kind === 'external' ? `${this.issuer}|${this.subject}` : this.subject
  }

  get groups(): readonly string[] {
    return this.standing.groups
  }

  get mandate(): Mandate {
    return this.standing.mandate
  }

  /** As whom they signed in, whatever role they took. */
  get untaken(): Principal {
    const { untaken } = this.standing
    return untaken === undefined ? this : new Principal(untaken, this, this.proof)
  }

  get names(): PolicyPrincipal {
    return this
  }

  get tags(): ReadonlyMap<string, string> {
    return this.standing.tags
  }

  get account(): string | undefined {
    return this.standing.account
  }

  get arn(): string | undefined {
    const { kind, account, namespace, mandate } = this.standing
    if (mandate.role !== undefined) {
      return roleSessionArn(`${account}`, mandate.role.name, `${this.username}`)
    }
    if (kind === 'person') return `arn:aws:iam::${account}:user/${this.username}`
    if (kind === 'anonymous') return undefined
    const name = this.username ?? this.subject
    const path = namespace === undefined ? name : `${namespace}/${name}`
    return `arn:aws:sts::${account}:federated-user/${path}`
  }

  /** Of the role that was taken. */
  get role(): string | undefined {
    return this.standing.mandate.role?.arn
  }

  get federated(): string | undefined {
    return this.standing.kind === 'external' ? this.standing.issuer : undefined
  }

  get session(): string | undefined {
    return this.proof.session
  }

  get clientId(): string | undefined {
    return this.proof.clientId
  }

  get acr(): string | undefined {
    return this.proof.acr
  }

  get amr(): readonly string[] {
    return this.proof.amr
  }

  get authTime(): Instant | undefined {
    return this.proof.authTime
  }

  get provedAt(): Instant | undefined {
    return this.proof.provedAt ?? this.proof.authTime
  }

  get credential(): string | undefined {
    return this.proof.credential
  }

  get tokenId(): string | undefined {
    return this.proof.tokenId
  }

  get scopes(): readonly string[] {
    return this.proof.scopes
  }

  get issuedAt(): Instant | undefined {
    return this.proof.issuedAt
  }

  get expiresAt(): Instant | undefined {
    const { until } = this.standing.mandate
    const { expiresAt } = this.proof
    return until === undefined ? expiresAt : Math.min(until, expiresAt ?? until)
  }

  get openedAt(): Instant | undefined {
    return this.proof.openedAt
  }

  get registeredAt(): Instant | undefined {
    return this.proof.registeredAt
  }

  get transports(): readonly string[] {
    return this.proof.transports
  }

  get claims(): JsonObject {
    return this.proof.claims
  }
}

/** By cookie: tokens of our own issuer always have an id. */
export function isBrowserSession(principal: Principal): boolean {
  return principal.kind === 'person' && principal.tokenId === undefined
}

import type { Instant } from '../core/index.ts'
import { noAuthority } from '../policy/index.ts'
import type { Authority, Grant } from '../policy/index.ts'
import { holds } from './holding.ts'
import type { Candidate } from './holding.ts'
import { refusingAll } from './refusing.ts'
import type { Role } from './role.ts'

/** By what somebody acts. Those for whom everything is the same share one. */
export interface Mandate {
  /** Unique among those that are shared; `undefined` where it is of one token alone. */
  readonly key: string | undefined
  /** What counts for every request; without what `pending` adds. */
  readonly authority: Authority
  /** Has to be asked for each request. Nearly nobody has one. */
  readonly pending: Pending | undefined
  /** Of the role that was taken. */
  readonly roleName: string | undefined
  /** The role itself; absent when it is gone. */
  readonly role: Role | undefined
  /** When all of it ends. */
  readonly until: Instant | undefined
}

/** The part of a mandate that depends on the request. */
export interface Pending {
  /** What counts for this request; `undefined` when the role that was taken is not held. */
  authorityFor(candidate: Candidate, now: Instant): Authority | undefined
}

/** By which nobody does anything. */
export const noMandate: Mandate = Object.freeze({
  key: '',
  authority: noAuthority,
  pending: undefined,
  roleName: undefined,
  role: undefined,
  until: undefined,
})

/** More combinations of roles than anybody comes by with in turn. */
const mostCombinations = 64

/** Roles that are held whenever their trust policy allows it at the time. */
export class EarnedRoles implements Pending {
  readonly #base: Authority
  readonly #roles: readonly Role[]
  readonly #grantOf: (role: Role) => Grant
  readonly #known = new Map<string, Authority>()

  constructor(base: Authority, roles: readonly Role[], grantOf: (role: Role) => Grant) {
    this.#base = base
    this.#roles = roles
    this.#grantOf = grantOf
  }

  authorityFor(candidate: Candidate): Authority {
    let combination = ''
    for (const role of this.#roles) combination += holds(role, candidate) ? '+' : '-'
    const known = this.#known.get(combination)
    if (known !== undefined) return known
    if (this.#known.size >= mostCombinations) this.#known.clear()
    const held = this.#roles.filter((_, index) => combination[index] === '+')
    const grants = [...this.#base.grants, ...held.map(this.#grantOf)]
    const authority = Object.freeze({ ...this.#base, grants })
    this.#known.set(combination, authority)
    return authority
  }
}

/** A role that was taken, and has to be earned again by each request. */
export class TakenRole implements Pending {
  readonly #role: Role
  readonly #authority: Authority

  constructor(role: Role, authority: Authority) {
    this.#role = role
    this.#authority = authority
  }

  authorityFor(candidate: Candidate): Authority | undefined {
    return holds(this.#role, candidate) ? this.#authority : undefined
  }
}

/** A role that was taken and cannot be held: it is gone, or its trust policy does not let it be had any more. */
export const lostRole: Pending = { authorityFor: () => undefined }

const expired: Authority = {
  grants: [],
  denies: [refusingAll('credentialRoles', 'Expired')],
  grantsOnly: false,
  narrowing: undefined,
}

/** What a credential may do until a time. */
export class Ending implements Pending {
  readonly #until: Instant
  readonly #mandate: Pick<Mandate, 'authority' | 'pending'>

  constructor(until: Instant, mandate: Pick<Mandate, 'authority' | 'pending'>) {
    this.#until = until
    this.#mandate = mandate
  }

  authorityFor(candidate: Candidate, now: Instant): Authority | undefined {
    if (now >= this.#until) return expired
    const { pending, authority } = this.#mandate
    return pending === undefined ? authority : pending.authorityFor(candidate, now)
  }
}

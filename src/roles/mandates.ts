import type { Instant } from '../core/index.ts'
import type { Authority, CompiledPolicies, Grant } from '../policy/index.ts'
import { holdsEver } from './holding.ts'
import type { Candidate } from './holding.ts'
import { EarnedRoles, Ending, lostRole, TakenRole } from './mandate.ts'
import type { Mandate, Pending } from './mandate.ts'
import { refusingAll } from './refusing.ts'
import type { Role } from './role.ts'
import { readSessionPolicy } from './session-policy.ts'

/** What is attached to somebody without any role: the same object for all who have the same. */
export interface Attached {
  /** Unique in its configuration. */
  readonly key: string
  readonly identity: CompiledPolicies
  readonly boundary: CompiledPolicies | undefined
}

/** What one credential is for, and nothing else. */
export interface Restriction {
  readonly roles: ReadonlySet<string>
  readonly until: Instant | undefined
}

/** What a token says beyond who somebody is. */
export interface Taken {
  /** Name of the role it is for. */
  readonly role: string | undefined
  /** A document as JSON text, to which it was narrowed. */
  readonly sessionPolicy: string | undefined
}

/** Somebody whose mandate is looked for. */
export interface Holder {
  readonly attached: Attached
  /** With the facts that do not change between requests; see `holdsEver`. */
  readonly known: Candidate
  /** The credential that signed in. */
  readonly credential: string | undefined
  readonly taken: Taken | undefined
}

const mostRemembered = 4096

/**
 * Finds by what somebody acts under one configuration. What the facts of a token decide for good is decided
 * here, once for each token; the rest becomes the `pending` part.
 */
export class Mandates {
  readonly roles: ReadonlyMap<string, Role>
  readonly #automatic: readonly Role[]
  /** By credential id. */
  readonly restrictions: ReadonlyMap<string, Restriction>
  readonly #remembered = new Map<string, Mandate>()

  /** @param parts.restrictions - by credential id. */
  constructor(parts: {
    readonly roles: readonly Role[]
    readonly restrictions: ReadonlyMap<string, Restriction>
  }) {
    this.roles = new Map(parts.roles.map((role) => [role.name, role]))
    this.#automatic = parts.roles.filter(({ automatic }) => automatic)
    this.restrictions = parts.restrictions
  }

  of(holder: Holder): Mandate {
    const chosen = this.#choose(holder)
    const { sessionPolicy } = holder.taken ?? { sessionPolicy: undefined }
    if (sessionPolicy !== undefined) return narrowed(holder, chosen, sessionPolicy)
    const key = keyOf(holder, chosen)
    const known = this.#remembered.get(key)
    if (known !== undefined) return known
    const made = Object.freeze(build(holder, chosen, { key, session: undefined }))
    if (this.#remembered.size >= mostRemembered) this.#remembered.clear()
    this.#remembered.set(key, made)
    return made
  }

  /** Whether a mandate may be another one for what is known of the sign-in; it is the person's alone otherwise. */
  dependsOn({ credential, taken }: Pick<Holder, 'credential' | 'taken'>): boolean {
    return (
      taken !== undefined ||
      this.#automatic.length > 0 ||
      this.restrictionOf(credential) !== undefined
    )
  }

  restrictionOf(credential: string | undefined): Restriction | undefined {
    return credential === undefined ? undefined : this.restrictions.get(credential)
  }

  /**
   * Every way in which somebody may act, at any time: without taking a role, with each role that a request may
   * earn, and in each role that they may take.
   */
  ways(holder: Holder): readonly Way[] {
    const untaken = this.#choose({ ...holder, taken: undefined })
    const plain = build(holder, { ...untaken, open: [] }, unshared)
    const earned = untaken.open.map((role) =>
      build(holder, { ...untaken, held: [...untaken.held, role], open: [] }, unshared),
    )
    const taken = [...this.roles.keys()].flatMap((name) => {
      const chosen = this.#choose({ ...holder, taken: { role: name, sessionPolicy: undefined } })
      const had = [...chosen.held, ...chosen.open]
      if (had.length === 0) return []
      const mandate = build(holder, { ...chosen, held: had, open: [] }, unshared)
      return [{ mandate, isSure: chosen.open.length === 0 }]
    })
    const isSure = untaken.open.length === 0
    return [
      { mandate: plain, isSure },
      ...earned.map((mandate) => ({ mandate, isSure: false })),
      ...taken,
    ]
  }

  #choose({ known, credential, taken }: Holder): Chosen {
    const restriction = this.restrictionOf(credential)
    const mayHave = ({ name }: Role): boolean => restriction?.roles.has(name) ?? true
    const name = taken?.role
    const role = name === undefined ? undefined : this.roles.get(name)
    const wanted = name === undefined ? this.#automatic : role === undefined ? [] : [role]
    const judged = wanted.filter(mayHave).map((one) => ({ role: one, ever: holdsEver(one, known) }))
    const withAnswer = (answer: string): readonly Role[] =>
      judged.filter(({ ever }) => ever === answer).map((one) => one.role)
    return { restriction, name, role, held: withAnswer('yes'), open: withAnswer('maybe') }
  }
}

/** A mandate that somebody has, or may have. */
export interface Way {
  readonly mandate: Mandate
  /** Whether they have it whatever the facts are. */
  readonly isSure: boolean
}

const unshared = { key: undefined, session: undefined }

/** The roles that count for a holder. */
interface Chosen {
  readonly restriction: Restriction | undefined
  /** Of the role that was taken. */
  readonly name: string | undefined
  readonly role: Role | undefined
  /** Held whatever the request is. */
  readonly held: readonly Role[]
  /** Held if the request earns them. */
  readonly open: readonly Role[]
}

function keyOf({ attached, known }: Holder, { restriction, name, held, open }: Chosen): string {
  const limit = restriction === undefined ? [] : [restriction.until]
  const roles = [held, open].map((list) => list.map((role) => role.name))
  return JSON.stringify([attached.key, known.action, limit, name, ...roles])
}

/** Invariant: a narrowing that cannot be read allows nothing, whatever else would. */
function narrowed(holder: Holder, chosen: Chosen, text: string): Mandate {
  const session = readSessionPolicy(text)
  if (session !== undefined) return build(holder, chosen, { key: undefined, session })
  const authority = { grants: [], denies: [unreadable], grantsOnly: true, narrowing: undefined }
  const { name: roleName, role } = chosen
  return { key: undefined, authority, pending: undefined, roleName, role, until: undefined }
}

const unreadable = refusingAll('session_policy', 'Unreadable')

function build(
  { attached }: Holder,
  chosen: Chosen,
  { key, session }: { key: string | undefined; session: CompiledPolicies | undefined },
): Mandate {
  const { restriction, name: roleName, role } = chosen
  const grantOf = ({ identity, boundary }: Role): Grant => {
    return { identity, boundary, session, ceiling: attached.boundary }
  }
  const own = { ...attached, session, ceiling: undefined }
  const inner =
    chosen.name === undefined
      ? withoutTaking(own, chosen, grantOf)
      : inTakenRole(own, chosen, grantOf)
  const until = restriction?.until
  const pending = until === undefined ? inner.pending : new Ending(until, inner)
  return { key, authority: inner.authority, pending, roleName, role, until }
}

interface Inner {
  readonly authority: Authority
  readonly pending: Pending | undefined
}

function withoutTaking(
  { identity, boundary, session, ceiling }: Grant,
  { restriction, held, open }: Chosen,
  grantOf: (role: Role) => Grant,
): Inner {
  const own = { identity, boundary, session, ceiling }
  const roles = held.map(grantOf)
  // Invariant: what is attached to the owner of a restricted credential denies, and does not allow.
  const authority: Authority =
    restriction === undefined
      ? { grants: [own, ...roles], denies: [], grantsOnly: false, narrowing: session }
      : { grants: roles, denies: [identity], grantsOnly: true, narrowing: session }
  return {
    authority,
    pending: open.length === 0 ? undefined : new EarnedRoles(authority, open, grantOf),
  }
}

/** Invariant: who acts in a role does nothing else; only what denies comes along. */
function inTakenRole(
  { identity, session }: Grant,
  { role, held, open }: Chosen,
  grantOf: (role: Role) => Grant,
): Inner {
  const denies = [identity]
  if (role === undefined || held.length + open.length === 0) {
    const authority = { grants: [], denies, grantsOnly: true, narrowing: session }
    return { authority, pending: lostRole }
  }
  const authority = { grants: [grantOf(role)], denies, grantsOnly: false, narrowing: session }
  return { authority, pending: held.length > 0 ? undefined : new TakenRole(role, authority) }
}

import type { Authority, Grant } from '../authority.ts'
import type { CompiledCondition, CompiledPolicies, CompiledStatement } from '../compile.ts'
import type { ContextLookup } from '../context.ts'
import { namingOf } from '../document/principal.ts'
import type { Naming, PolicyPrincipal } from '../document/principal.ts'
import { holds, selects } from '../match.ts'
import { selectsTemplate } from './resource.ts'
import type { Possibility } from './resource.ts'
import type { Template } from './template.ts'

/** A request of which only some things are known. */
export interface PartialRequest {
  readonly action: string
  readonly resource: Template
  readonly resourcePolicy: CompiledPolicies | undefined
  readonly sameAccount: boolean
  readonly principal: PolicyPrincipal
  /** Throws `UnknownFactError` for what is not known. */
  readonly context: ContextLookup
}

/** What a statement can do to such a request. */
export interface StatementOutlook {
  readonly statement: CompiledStatement
  readonly applies: 'yes' | 'maybe'
  /** The conditions that the answer depends on; none when it is a matter of the resource. */
  readonly depends: readonly CompiledCondition[]
}

export interface Outlook {
  /** `yes`: every such request is allowed; `no`: none is; `maybe`: it depends. */
  readonly allowed: Possibility
  /** The statements that allow, or may. */
  readonly allows: readonly StatementOutlook[]
  /** The statements that deny, or may. */
  readonly denies: readonly StatementOutlook[]
}

/**
 * What `decide` can answer, where only part of the request is known.
 *
 * Invariant: what `decide` allows for any request that fits is never said to be `no`. What is said to be
 * `yes` it allows, unless a fact turns out to be of a type that a statement cannot compare.
 */
export function outlook(authority: Authority, request: PartialRequest): Outlook {
  const look = new Look(request)
  const { grants } = authority
  const { resourcePolicy, sameAccount } = request
  const denies = policiesOf(authority, request).flatMap(({ denies }) => look.at(denies.all))
  const named = look
    .at(resourcePolicy?.allows.all ?? [])
    .filter((one) => namingBy(one, request) !== undefined)
  const shared = sameAccount && authority.grantsOnly !== true ? named : []
  const granted = grants.map((grant) => look.atGrant(grant, shared))
  const own = best(granted.map(({ allowed }) => allowed))
  const needsNaming = !sameAccount && resourcePolicy !== undefined
  const reached = needsNaming
    ? worst([possibilityOf(named), own])
    : best([own, directly(shared, request, grants.length === 0)])
  const allowing = needsNaming ? named : shared
  const allows = reached === 'no' ? [] : [...allowing, ...granted.flatMap(({ allows }) => allows)]
  return { allowed: worst([reached, denied(denies)]), allows: [...new Set(allows)], denies }
}

/** What a Deny that may apply leaves of an Allow. */
function denied(denies: readonly StatementOutlook[]): Possibility {
  if (denies.length === 0) return 'yes'
  return denies.some(({ applies }) => applies === 'yes') ? 'no' : 'maybe'
}

/** How a statement of the resource's policy names the principal; one without `Principal` names nobody. */
function namingBy(
  { statement }: StatementOutlook,
  { principal }: PartialRequest,
): Naming | undefined {
  return statement.principal === undefined ? undefined : namingOf(statement.principal, principal)
}

/** What the resource's policy allows by itself: to who is named, and to nobody known. */
function directly(
  named: readonly StatementOutlook[],
  request: PartialRequest,
  isNobody: boolean,
): Possibility {
  return possibilityOf(
    named.filter((one) => {
      const naming = namingBy(one, request)
      return naming === 'self' || (isNobody && naming !== 'account')
    }),
  )
}

function policiesOf(
  { grants, denies }: Authority,
  { resourcePolicy }: PartialRequest,
): readonly CompiledPolicies[] {
  const granted = grants.flatMap(({ identity, boundary, session, ceiling }) => [
    identity,
    boundary,
    session,
    ceiling,
  ])
  return [resourcePolicy, ...denies, ...granted].filter((policies) => policies !== undefined)
}

class Look {
  readonly #request: PartialRequest
  readonly #action: string

  constructor(request: PartialRequest) {
    this.#request = request
    this.#action = request.action.toLowerCase()
  }

  /** Those that apply, or may. */
  at(statements: readonly CompiledStatement[]): readonly StatementOutlook[] {
    return statements.flatMap((statement) => this.#one(statement) ?? [])
  }

  atGrant(
    { identity, boundary, session, ceiling }: Grant,
    named: readonly StatementOutlook[],
  ): { readonly allowed: Possibility; readonly allows: readonly StatementOutlook[] } {
    const shared = named.filter((one) => namingBy(one, this.#request) !== 'account')
    const own = [...this.at(identity.allows.all), ...shared]
    const limits = [boundary, session, ceiling]
      .filter((policies) => policies !== undefined)
      .map((policies) => possibilityOf(this.at(policies.allows.all)))
    const allowed = worst([possibilityOf(own), ...limits])
    return { allowed, allows: allowed === 'no' ? [] : own }
  }

  #one(statement: CompiledStatement): StatementOutlook | undefined {
    const { principal, action, resource } = statement
    const { context } = this.#request
    if (principal !== undefined && namingOf(principal, this.#request.principal) === undefined) {
      return undefined
    }
    if (!selects(action, this.#action, context)) return undefined
    const selected = attempt(() => selectsTemplate(resource, this.#request.resource, context))
    if (selected === 'no') return undefined
    const judged = statement.conditions.map((condition) => ({
      condition,
      met: attempt(() => (holds(condition, context) ? 'yes' : 'no')),
    }))
    // A condition that is not met saves a statement from what comes behind it, not from what fails before.
    const unmet = judged.findIndex(({ met }) => met === 'no')
    if (unmet !== -1 && judged.slice(0, unmet).every(({ met }) => met === 'yes')) return undefined
    if (unmet !== -1 && statement.effect === 'Allow') return undefined
    const depends = judged.filter(({ met }) => met === 'maybe').map(({ condition }) => condition)
    const applies = selected === 'yes' && depends.length === 0 && unmet === -1 ? 'yes' : 'maybe'
    return { statement, applies, depends }
  }
}

/** What cannot be evaluated, for want of a fact or because it is of the wrong type, is left open. */
function attempt(judge: () => Possibility): Possibility {
  try {
    return judge()
  } catch {
    return 'maybe'
  }
}

function possibilityOf(found: readonly StatementOutlook[]): Possibility {
  return best(found.map(({ applies }) => applies))
}

function best(all: readonly Possibility[]): Possibility {
  if (all.includes('yes')) return 'yes'
  return all.includes('maybe') ? 'maybe' : 'no'
}

function worst(all: readonly Possibility[]): Possibility {
  if (all.includes('no')) return 'no'
  return all.includes('maybe') ? 'maybe' : 'yes'
}

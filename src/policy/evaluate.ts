import type { Authority, Grant } from './authority.ts'
import type { CompiledPolicies, CompiledStatement } from './compile.ts'
import { evaluationFailed, undecided } from './decision.ts'
import type { Decision, DecisionReason } from './decision.ts'
import { firstMiss } from './match.ts'
import type { PolicyRequest } from './match.ts'
import { namingOf } from './document/principal.ts'
import type { Naming } from './document/principal.ts'

/**
 * Decides one request by everything that has a say in it. Never throws.
 *
 * Invariant: deny by default; a Deny that applies wins over every Allow, whatever the order and wherever
 * it stands; a statement that cannot be evaluated denies.
 */
export function decide(authority: Authority, request: PolicyRequest): Decision {
  let evaluation: Evaluation | undefined
  try {
    evaluation = new Evaluation(request)
    return evaluation.deniedBy(authority)?.decision ?? evaluation.allowedBy(authority)
  } catch {
    return evaluationFailed(evaluation?.current)
  }
}

/** The same where one set of policies is all there is, such as the trust policy of a role. */
export function evaluate(policies: CompiledPolicies, request: PolicyRequest): Decision {
  let evaluation: Evaluation | undefined
  try {
    evaluation = new Evaluation(request)
    const deciding = evaluation.denyIn(policies) ?? evaluation.allowIn(policies)
    return deciding?.decision ?? unallowed.nothing
  } catch {
    return evaluationFailed(evaluation?.current)
  }
}

const unallowed = {
  nothing: undecided('policy.no_statement_allows'),
  resource: undecided('policy.resource_policy_does_not_allow'),
  boundary: undecided('policy.boundary_does_not_allow'),
  session: undecided('policy.session_policy_does_not_allow'),
} satisfies Record<string, Decision & { readonly reason: DecisionReason }>

/** The closest first: what names a user or a role session is not limited by what limits them. */
const distances: Readonly<Record<Naming, number>> = {
  self: 0,
  role: 1,
  provider: 2,
  everybody: 3,
  account: 4,
}

interface Named {
  readonly statement: CompiledStatement
  readonly naming: Naming
}

class Evaluation {
  readonly #request: PolicyRequest
  readonly #action: string
  /** The statement that is looked at, for when that fails. */
  current: CompiledStatement | undefined

  constructor(request: PolicyRequest) {
    this.#request = request
    this.#action = request.action.toLowerCase()
  }

  deniedBy({ grants, denies }: Authority): CompiledStatement | undefined {
    const { resourcePolicy } = this.#request
    if (resourcePolicy !== undefined) {
      const found = this.denyIn(resourcePolicy)
      if (found !== undefined) return found
    }
    for (const policies of denies) {
      const found = this.denyIn(policies)
      if (found !== undefined) return found
    }
    for (const grant of grants) {
      const found = this.#deniedWithin(grant)
      if (found !== undefined) return found
    }
    return undefined
  }

  #deniedWithin({ identity, boundary, session, ceiling }: Grant): CompiledStatement | undefined {
    return (
      this.denyIn(identity) ??
      (boundary === undefined ? undefined : this.denyIn(boundary)) ??
      (session === undefined ? undefined : this.denyIn(session)) ??
      (ceiling === undefined ? undefined : this.denyIn(ceiling))
    )
  }

  /** IAM user guide, policy evaluation logic, from the point where no Deny was found. */
  allowedBy({ grants, grantsOnly, narrowing }: Authority): Decision {
    const { resourcePolicy, sameAccount } = this.#request
    if (resourcePolicy === undefined) return this.#granted(grants, undefined)
    const named = this.#closestAllow(resourcePolicy)
    if (!sameAccount) {
      return named === undefined ? unallowed.resource : this.#granted(grants, undefined)
    }
    if (grantsOnly) return this.#granted(grants, undefined)
    if (named?.naming === 'self') return this.#within(narrowing, named.statement)
    return this.#granted(grants, asGrant(named))
  }

  #within(narrowing: CompiledPolicies | undefined, { decision }: CompiledStatement): Decision {
    const isInside = narrowing === undefined || this.allowIn(narrowing) !== undefined
    return isInside ? decision : unallowed.session
  }

  #granted(grants: readonly Grant[], fromResource: CompiledStatement | undefined): Decision {
    if (grants.length === 0) return fromResource?.decision ?? unallowed.nothing
    let refused = unallowed.nothing
    for (const grant of grants) {
      const found = this.allowIn(grant.identity) ?? fromResource
      if (found === undefined) continue
      const limit = this.#limitOf(grant)
      if (limit === undefined) return found.decision
      refused = limit
    }
    return refused
  }

  denyIn(policies: CompiledPolicies): CompiledStatement | undefined {
    return this.#firstHit(policies.denies.candidates(this.#action, this.#request.resource))
  }

  allowIn(policies: CompiledPolicies): CompiledStatement | undefined {
    return this.#firstHit(policies.allows.candidates(this.#action, this.#request.resource))
  }

  #firstHit(statements: readonly CompiledStatement[]): CompiledStatement | undefined {
    for (const statement of statements) {
      this.current = statement
      if (firstMiss(statement, this.#request, this.#action) === undefined) return statement
    }
    return undefined
  }

  #limitOf({ boundary, session, ceiling }: Grant): Decision | undefined {
    if (boundary !== undefined && this.allowIn(boundary) === undefined) return unallowed.boundary
    if (ceiling !== undefined && this.allowIn(ceiling) === undefined) return unallowed.boundary
    if (session !== undefined && this.allowIn(session) === undefined) return unallowed.session
    return undefined
  }

  /** Of those equally close the first. A statement without `Principal` names nobody. */
  #closestAllow(policies: CompiledPolicies): Named | undefined {
    let closest: Named | undefined
    let least = Infinity
    for (const statement of policies.allows.candidates(this.#action, this.#request.resource)) {
      this.current = statement
      if (firstMiss(statement, this.#request, this.#action) !== undefined) continue
      const naming = this.#namingBy(statement)
      if (naming === undefined || distances[naming] >= least) continue
      closest = { statement, naming }
      least = distances[naming]
    }
    return closest
  }

  #namingBy({ principal }: CompiledStatement): Naming | undefined {
    return principal === undefined ? undefined : namingOf(principal, this.#request.principal)
  }
}

/**
 * What an Allow of the API's own policy is worth inside the account: as much as one attached to the
 * principal. One that names the whole account leaves it to the account's policies.
 */
function asGrant(named: Named | undefined): CompiledStatement | undefined {
  return named === undefined || named.naming === 'account' ? undefined : named.statement
}

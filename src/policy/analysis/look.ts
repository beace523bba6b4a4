import type { Authority, Grant } from '../authority.ts'
import type { CompiledCondition, CompiledPolicies, CompiledStatement } from '../compile.ts'
import type { ContextLookup } from '../context.ts'
import { namingOf } from '../document/principal.ts'
import type { PolicyPrincipal } from '../document/principal.ts'
import type { StatementList } from '../lookup/statement-list.ts'
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

/** Every statement that applies to a request, or may, by where it counts. */
export interface Survey {
  /** Of all policies. */
  readonly denies: readonly StatementOutlook[]
  /** What the policy of the resource allows; `undefined` where there is none. */
  readonly named: readonly StatementOutlook[] | undefined
  readonly grants: readonly SurveyedGrant[]
  readonly sameAccount: boolean
  readonly grantsOnly: boolean
  readonly principal: PolicyPrincipal
}

/** What a grant allows by itself, and what each of its limits does. */
export interface SurveyedGrant {
  readonly own: readonly StatementOutlook[]
  readonly limits: Readonly<Partial<Record<Limit, readonly StatementOutlook[]>>>
}

/** `trust`: that its role is held, where that is not sure. */
export type Limit = 'boundary' | 'session' | 'ceiling' | 'trust'

/** What each statement can do to a request, of which only part is known. */
export function survey(authority: Authority, request: PartialRequest): Survey {
  const look = new Look(request)
  const { resourcePolicy, sameAccount, principal } = request
  return {
    denies: policiesOf(authority, request).flatMap(({ denies }) => look.at(denies)),
    named: resourcePolicy === undefined ? undefined : look.at(resourcePolicy.allows),
    grants: authority.grants.map((grant) => look.atGrant(grant)),
    sameAccount,
    grantsOnly: authority.grantsOnly,
    principal,
  }
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

  /** Those that apply, or may. Of a resource that is known not all have to be looked at. */
  at(list: StatementList): readonly StatementOutlook[] {
    const [part, ...more] = this.#request.resource
    const isKnown = typeof part === 'object' && more.length === 0
    const statements = isKnown ? list.candidates(this.#action, part.text) : list.all
    return statements.flatMap((statement) => this.#one(statement) ?? [])
  }

  atGrant({ identity, boundary, session, ceiling }: Grant): SurveyedGrant {
    return {
      own: this.at(identity.allows),
      limits: {
        ...(boundary === undefined ? {} : { boundary: this.at(boundary.allows) }),
        ...(session === undefined ? {} : { session: this.at(session.allows) }),
        ...(ceiling === undefined ? {} : { ceiling: this.at(ceiling.allows) }),
      },
    }
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

import type { Authority } from '../authority.ts'
import { namingOf } from '../document/principal.ts'
import type { Naming, PolicyPrincipal } from '../document/principal.ts'
import { survey } from './look.ts'
import type { PartialRequest, StatementOutlook, Survey, SurveyedGrant } from './look.ts'
import type { Possibility } from './resource.ts'

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
  return outlookOf(survey(authority, request))
}

/** The same of what was already looked at. */
export function outlookOf(seen: Survey): Outlook {
  const { denies, grants, sameAccount, principal } = seen
  const named = (seen.named ?? []).filter((one) => namingBy(one, principal) !== undefined)
  const shared = sameAccount && !seen.grantsOnly ? named : []
  const granted = grants.map((grant) => granting(grant, shared, principal))
  const own = best(granted.map(({ allowed }) => allowed))
  const needsNaming = !sameAccount && seen.named !== undefined
  const reached = needsNaming
    ? worst([possibilityOf(named), own])
    : best([own, directly(shared, principal, grants.length === 0)])
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
function namingBy({ statement }: StatementOutlook, principal: PolicyPrincipal): Naming | undefined {
  return statement.principal === undefined ? undefined : namingOf(statement.principal, principal)
}

/** What the resource's policy allows by itself: to who is named, and to nobody known. */
function directly(
  named: readonly StatementOutlook[],
  principal: PolicyPrincipal,
  isNobody: boolean,
): Possibility {
  return possibilityOf(
    named.filter((one) => {
      const naming = namingBy(one, principal)
      return naming === 'self' || (isNobody && naming !== 'account')
    }),
  )
}

function granting(
  grant: SurveyedGrant,
  named: readonly StatementOutlook[],
  principal: PolicyPrincipal,
): { readonly allowed: Possibility; readonly allows: readonly StatementOutlook[] } {
  const shared = named.filter((one) => namingBy(one, principal) !== 'account')
  const own = [...grant.own, ...shared]
  const limits = Object.values(grant.limits).map(possibilityOf)
  const allowed = worst([possibilityOf(own), ...limits])
  return { allowed, allows: allowed === 'no' ? [] : own }
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

import type { PolicyExplanation, StatementExplanation } from '../explain.ts'
import type { PolicyKind } from '../document/kind.ts'

/** Sentences are not made of more statements than this. */
const mostNamed = 5

/**
 * What would have to be different for a denied request to be allowed, in sentences for whoever writes
 * policies; none for one that is allowed.
 */
export function remediesOf({ decision, statements }: PolicyExplanation): readonly string[] {
  const { reason } = decision
  if (reason === 'policy.allowed') return []
  if (reason === 'policy.explicit_deny') return statements.filter(isDenyThatHit).map(withoutDeny)
  if (reason === 'policy.evaluation_failed') {
    const failed = statements.filter(({ detail }) => detail.startsWith('could not be evaluated'))
    if (failed.length > 0) {
      return failed.map((one) => `${nameOf(one)} has to be mended: it ${one.detail}`)
    }
  }
  const kind = limits[reason]
  const allows = statements.filter(
    (one) => one.effect === 'Allow' && (kind === undefined ? !isLimit(one) : one.kind === kind),
  )
  const near = allows.filter(({ failedElement, result }) => {
    return result === 'may' || failedElement?.startsWith('Condition') === true
  })
  if (near.length === 0) return [missing(kind)]
  return near.slice(0, mostNamed).map(ifConditions)
}

const limits: Partial<Record<PolicyExplanation['decision']['reason'], PolicyKind>> = {
  'policy.boundary_does_not_allow': 'boundary',
  'policy.session_policy_does_not_allow': 'session',
  'policy.resource_policy_does_not_allow': 'resource',
}

const places: Readonly<Record<PolicyKind, string>> = {
  identity: 'a policy of the person, of a group or of a role',
  resource: 'the policy of the API',
  boundary: 'the permission boundary',
  session: 'the session policy of the token',
  trust: 'the trust policy',
}

function missing(kind: PolicyKind | undefined): string {
  return `no Allow names this action and resource: one is needed in ${places[kind ?? 'identity']}`
}

function isLimit({ kind }: StatementExplanation): boolean {
  return kind === 'boundary' || kind === 'session'
}

function isDenyThatHit({ effect, result }: StatementExplanation): boolean {
  return effect === 'Deny' && result === 'hit'
}

function withoutDeny(statement: StatementExplanation): string {
  return `the Deny of ${nameOf(statement)} has to be removed, or not to apply`
}

function ifConditions(statement: StatementExplanation): string {
  const reasons = [statement.detail, ...statement.further]
  const verb = statement.result === 'may' ? 'may allow it' : 'would allow it if this were different'
  return `${nameOf(statement)} ${verb}: ${reasons.join('; and ')}`
}

function nameOf({ policy, statement, place }: StatementExplanation): string {
  return `${policy}/${statement}${place === undefined ? '' : ` (${place})`}`
}

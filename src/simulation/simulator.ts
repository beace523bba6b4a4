import { decide, noAuthority, noPolicies } from '../policy/index.ts'
import type { Authority, CompiledPolicies, Decision, PolicyRequest } from '../policy/index.ts'
import { invalidInput, SimulationError } from './answer.ts'
import type {
  EvalDecision,
  EvaluationResult,
  SimulationAnswer,
  SimulationErrorCode,
} from './answer.ts'
import { readJson } from './json-text.ts'
import { hitsIn, matchedStatement, missingKeys, verdictOf } from './matching.ts'
import type { Hit, PolicySet } from './matching.ts'
import { PolicyCache } from './policy-cache.ts'
import { parseRequest } from './request.ts'
import type { SimulationRequest } from './request.ts'

/** Longest request, in UTF-16 units. */
export const longestSimulation = 4 * 1024 * 1024

const deepestNesting = 32

/**
 * What one request may ask for: the text of its policies times what that is matched with. It bounds the time,
 * to about half a minute for policies made to be slow.
 */
const mostWork = 1e11

/**
 * Answers requests in the shape of AWS IAM's `SimulateCustomPolicy`, with the evaluator that decides live
 * requests. It knows nothing but its input: no clock, no configuration, no fact that is not given.
 *
 * Keeps what it compiled, so let one answer many.
 */
export class Simulator {
  readonly #cache = new PolicyCache()

  /** Answers one request given as JSON. Never throws. */
  answer(text: string): SimulationAnswer {
    try {
      const json = readJson(text, { length: longestSimulation, depth: deepestNesting })
      if ('fault' in json) throw invalidInput(`The request is not sound JSON: ${json.fault}`)
      const request = parseRequest(json.value)
      refuseTooMuch(request)
      const policies = this.#policiesOf(request)
      const EvaluationResults = request.actions.flatMap((action) =>
        request.resources.map((resource) => resultFor(request, policies, { action, resource })),
      )
      return { IsTruncated: false, EvaluationResults }
    } catch (error) {
      if (error instanceof SimulationError) return refusal(error.code, error.message)
      return refusal('PolicyEvaluation', 'The policies could not be evaluated.')
    }
  }

  #policiesOf(request: SimulationRequest): Policies {
    const { identity, boundaries, session, resource } = request
    return {
      identity: { type: 'IAM Policy', list: this.#cache.of('identity', identity) },
      boundaries: boundaries.map((one) => ({
        type: 'Permissions Boundary Policy',
        list: this.#cache.of('boundary', [one]),
      })),
      session:
        session.length === 0
          ? undefined
          : { type: 'Session Policy', list: this.#cache.of('session', session) },
      resource:
        resource === undefined
          ? undefined
          : { type: 'Resource Policy', list: this.#cache.of('resource', [resource]) },
    }
  }
}

/** The answer to a request that is not one. */
export function refusal(code: SimulationErrorCode, message: string): SimulationAnswer {
  return { Error: { Code: code, Message: message } }
}

interface Policies {
  readonly identity: PolicySet
  /** Each limits by itself. */
  readonly boundaries: readonly PolicySet[]
  readonly session: PolicySet | undefined
  readonly resource: PolicySet | undefined
}

function setsOf({ identity, boundaries, session, resource }: Policies): readonly PolicySet[] {
  return [resource, identity, ...boundaries, session].filter((set) => set !== undefined)
}

function refuseTooMuch(request: SimulationRequest): void {
  const { identity, boundaries, session, resource, actions, resources, given } = request
  const texts = [...identity, ...boundaries, ...session, resource]
  const matched = resources.join('').length + resources.length * given.length
  const length = texts.reduce((sum, policy) => sum + (policy?.text.length ?? 0), 0)
  if (length * actions.length * matched <= mostWork) return
  throw invalidInput('too much to evaluate at once: ask for fewer actions or resources')
}

function resultFor(
  { principal, sameAccount, given }: SimulationRequest,
  policies: Policies,
  subject: { readonly action: string; readonly resource: string },
): EvaluationResult {
  const request: PolicyRequest = {
    ...subject,
    // Between accounts the resource's owner has to allow; without a policy nobody did.
    resourcePolicy: policies.resource?.list.compiled ?? (sameAccount ? undefined : noPolicies),
    sameAccount,
    principal,
    context: (key) => given.facts.get(key),
  }
  const decision = evalDecision(decideAll(policies, request))
  const hits = new Map(setsOf(policies).map((set) => [set, hitsIn(set, request)]))
  const isGiven = (key: string): boolean => given.facts.has(key)
  return {
    EvalActionName: subject.action,
    EvalResourceName: subject.resource,
    EvalDecision: decision,
    MatchedStatements: deciding(decision, [...hits.values()].flat(), sameAccount).map(
      matchedStatement,
    ),
    MissingContextValues: missingKeys(setsOf(policies), request, isGiven),
    EvalDecisionDetails: sameAccount ? {} : detailsOf(hits),
    ...boundaryDetail(policies, hits),
  }
}

/** Every boundary has to allow, and the denials of all of them count. */
function decideAll({ identity, boundaries, session }: Policies, request: PolicyRequest): Decision {
  const compiled = boundaries.map(({ list }) => list.compiled)
  const limits: readonly (CompiledPolicies | undefined)[] =
    compiled.length === 0 ? [undefined] : compiled
  let last: Decision | undefined
  for (const boundary of limits) {
    const grant = {
      identity: identity.list.compiled,
      boundary,
      session: session?.list.compiled,
      ceiling: undefined,
    }
    const authority: Authority = { ...noAuthority, grants: [grant], denies: compiled }
    last = decide(authority, request)
    if (last.effect === 'deny') break
  }
  return last ?? decide(noAuthority, request)
}

function evalDecision({ effect, reason }: Decision): EvalDecision {
  if (effect === 'allow') return 'allowed'
  return reason === 'policy.explicit_deny' ? 'explicitDeny' : 'implicitDeny'
}

/** Among the statements that apply, those that led to the decision. */
function deciding(
  decision: EvalDecision,
  hits: readonly Hit[],
  sameAccount: boolean,
): readonly Hit[] {
  if (decision === 'implicitDeny') return []
  const effect = decision === 'allowed' ? 'Allow' : 'Deny'
  // Within the account, a resource's policy that names the account leaves the answer to others.
  return hits.filter(
    ({ statement, naming }) =>
      statement.effect === effect && !(effect === 'Allow' && sameAccount && naming === 'account'),
  )
}

function detailsOf(
  hits: ReadonlyMap<PolicySet, readonly Hit[]>,
): Readonly<Record<string, EvalDecision>> {
  return Object.fromEntries([...hits].map(([{ type }, found]) => [type, verdictOf(found)]))
}

function boundaryDetail(
  { boundaries }: Policies,
  hits: ReadonlyMap<PolicySet, readonly Hit[]>,
): Pick<EvaluationResult, 'PermissionsBoundaryDecisionDetail'> {
  if (boundaries.length === 0) return {}
  const AllowedByPermissionsBoundary = boundaries.every(
    (boundary) => verdictOf(hits.get(boundary) ?? []) === 'allowed',
  )
  return { PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary } }
}

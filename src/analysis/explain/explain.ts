import type { Instant } from '../../core/index.ts'
import { isRefusal } from '../../core/index.ts'
import type { Person } from '../../identity/index.ts'
import { decide, explain, outlook, remediesOf, statementsOf } from '../../policy/index.ts'
import type {
  Authority,
  Decision,
  PolicyExplanation,
  PolicyRequest,
  StatementExplanation,
} from '../../policy/index.ts'
import type { Candidate } from '../../roles/index.ts'
import type { ProofDemand } from '../../proof/index.ts'
import type { Limit } from '../../throttle/index.ts'
import { locate, supposedPrincipal } from './access-view.ts'
import type { AccessView, Located, ViewedApi, ViewedRoute } from './access-view.ts'
import {
  authorityFor,
  candidateOf,
  contextOf,
  policyRequestOf,
  usualDemand,
} from '../../gateway/index.ts'
import type { GatewayTable, Principal, SupposedSignIn } from '../../gateway/index.ts'
import { explainRoles } from './explain-roles.ts'
import type { RoleExplanation } from './explain-roles.ts'
import { prospectOf } from './prospect.ts'
import type { Prospect } from './prospect.ts'
import { supposedContext } from './supposition.ts'
import type { Supposition } from './supposition.ts'

/** A request that nobody sent, to be explained. */
export interface SupposedRequest {
  readonly method: string
  /** Absolute, as somebody would type it: its path is judged as it stands, not as a URL parser mends it. */
  readonly url: string
  readonly person: Person | undefined
  readonly address: string
  readonly now: Instant
  readonly supposition?: Supposition | undefined
  readonly signIn?: SupposedSignIn | undefined
}

/** Whether a request would be let through, and why, step by step. */
export interface Judgement {
  readonly method: string
  readonly url: string
  readonly principal: string
  readonly groups: readonly string[]
  /** The role that is taken. */
  readonly role: string | undefined
  /** Every role, with whether the caller has it; none for those who cannot be known. */
  readonly roles: readonly RoleExplanation[]
  readonly api: string | undefined
  readonly route: string | undefined
  readonly authorizer: string | undefined
  readonly resource: string | undefined
  readonly statements: readonly StatementExplanation[]
  /** `depends` where facts are open that the answer depends on. */
  readonly answer: 'allow' | 'deny' | 'depends'
  readonly reason: string
  /** The statement that decided. */
  readonly decidedBy: DecidedBy | undefined
  /** What would have to be different for the request to be let through. */
  readonly remedies: readonly string[]
}

/** The same, and what would be done with the request. */
export interface Explanation extends Judgement {
  readonly throttle: { readonly principal: Limit; readonly route: Limit | undefined } | undefined
  /** What would be done; absent when the request would not be let through. */
  readonly prospect: Prospect | undefined
  /** The proof of the request that it takes, or would be let through with; absent where none helps. */
  readonly proof: ExplainedProof | undefined
}

/** Who asks for a proof of the request, and who would have to give it. */
export type ExplainedProof = Pick<ProofDemand, 'approvers'> & { readonly by: 'route' | 'policy' }

/** Whether a request would be let through, and by what. */
export type SupposedAnswer = Pick<Judgement, 'answer' | 'reason' | 'decidedBy' | 'route'>

/** The statement that decided, by name and place. */
export type DecidedBy = Pick<
  StatementExplanation,
  'policy' | 'kind' | 'role' | 'statement' | 'place'
>

/** Judges a request that nobody sent, and says what would be done with it. */
export function explainRequest(table: GatewayTable, supposed: SupposedRequest): Explanation {
  const { judgement, principal } = judgeSupposed(table, supposed)
  const place = locate(table, supposed.method, supposed.url)
  const nothing = { throttle: undefined, prospect: undefined, proof: undefined }
  if ('reason' in place) return { ...judgement, ...nothing }
  const { throttle, boundProof } = place.route
  const proof = explainProof(table, supposed, { judgement, boundProof })
  const explained = { ...judgement, throttle, prospect: undefined, proof }
  if (judgement.answer !== 'allow') return explained
  const prospect = prospectOf(
    { ...place, incoming: { ...supposed, requestId: supposedId } },
    principal,
  )
  if (isRefusal(prospect)) return { ...explained, answer: 'deny', reason: prospect.code }
  return { ...explained, prospect }
}

/** As the gateway asks for it: where the answer is no without a proof, and may be yes with one. */
function explainProof(
  table: GatewayTable,
  supposed: SupposedRequest,
  { judgement, boundProof }: { judgement: Judgement; boundProof: ProofDemand | undefined },
): ExplainedProof | undefined {
  if (judgement.answer === 'allow' && boundProof === undefined) return undefined
  const { facts, open } = supposed.supposition ?? {}
  const proved = { 'proofgate:ProofBoundToRequest': 'true', 'proofgate:ProofAge': '0', ...facts }
  const supposition = { facts: proved, open }
  const { answer } = judgeSupposed(table, { ...supposed, supposition }).judgement
  const { approvers } = boundProof ?? usualDemand
  const mayDepend = boundProof !== undefined && approvers.others > 0
  const helps = answer === 'allow' || (mayDepend && judgement.reason.startsWith('policy.'))
  return helps ? { by: boundProof === undefined ? 'policy' : 'route', approvers } : undefined
}

/**
 * Goes the way of a real request (same route tree, same normal form, same evaluator) without sending
 * it. The person is taken to have signed in just now with a passkey and user verification.
 */
export function judgeRequest(view: AccessView, supposed: SupposedRequest): Judgement {
  return judgeSupposed(view, supposed).judgement
}

/**
 * The answer alone, by the function that requests are decided by: for whoever asks often. No fact may be
 * open.
 */
export function answerRequest(view: AccessView, supposed: SupposedRequest): SupposedAnswer {
  const { judgement } = judgeSupposed(view, supposed, answeredOn)
  const { answer, reason, decidedBy, route } = judgement
  return { answer, reason, decidedBy, route }
}

function judgeSupposed(
  view: AccessView,
  supposed: SupposedRequest,
  judgeBy = decidedOn,
): { judgement: Judgement; principal: Principal } {
  const { method, url, person } = supposed
  const signedIn = supposedPrincipal(view, person, supposed.now, supposed.signIn)
  const begun = {
    method,
    url,
    principal: person?.username ?? 'anonymous',
    groups: signedIn.groups,
    role: signedIn.mandate.roleName,
    roles: [],
    api: undefined,
    route: undefined,
    authorizer: undefined,
    resource: undefined,
    statements: [],
    answer: 'deny' as const,
    decidedBy: undefined,
    remedies: [],
  }
  const place = locate(view, method, url)
  if ('reason' in place) return { judgement: { ...begun, ...place }, principal: signedIn }
  const { api, route, target } = place
  const found = { ...begun, ...placeOf(api, route, `${method}${target.path}`) }
  const isOpen = route.authorizer.kind === 'open'
  // Where nobody has to be known, nobody is, whoever it is.
  const caller = isOpen ? view.principals.anonymous : signedIn
  if (isOpen && api.resourcePolicy === undefined) {
    const judgement = { ...found, answer: 'allow', reason: 'gateway.open_route' } as const
    return { judgement, principal: caller }
  }
  const turnedAway = isOpen ? undefined : withoutSession(person)
  if (turnedAway !== undefined) {
    return { judgement: { ...found, reason: turnedAway }, principal: signedIn }
  }
  const { principal, ...decided } = judgeBy(view, caller, { place, supposed })
  return { judgement: { ...found, ...decided }, principal }
}

type Decided = Pick<Judgement, 'roles' | 'answer' | 'reason'> &
  Partial<Pick<Judgement, 'statements' | 'decidedBy' | 'remedies'>> & {
    /** With the roles that count. */
    readonly principal: Principal
  }

interface Asking {
  readonly place: Located<ViewedApi>
  readonly supposed: SupposedRequest
}

/** What the policies say and why, roles included. */
function decidedOn(view: AccessView, signedIn: Principal, asking: Asking): Decided {
  const { principal, candidate, authority, request } = askedOf(view, signedIn, asking)
  const roles = rolesOf(view, signedIn, candidate)
  const open = isOpenRole(roles, signedIn.mandate.roleName) ? dependsOnRole : {}
  const begun = { principal, roles, answer: 'deny' } as const
  if (authority === undefined) return { ...begun, reason: 'policy.role_not_held', ...open }
  const judged = judge(authority, request)
  if (judged.reason === 'policy.explicit_deny') return { ...begun, ...judged }
  return { ...begun, ...judged, ...open }
}

/** What the policies say. */
function answeredOn(view: AccessView, signedIn: Principal, asking: Asking): Decided {
  const { principal, authority, request } = askedOf(view, signedIn, asking)
  const begun = { principal, roles: [] }
  if (authority === undefined) return { ...begun, answer: 'deny', reason: 'policy.role_not_held' }
  const decision = decide(authority, request)
  const { effect: answer, reason } = decision
  const found = statementsOf(authority, request).find((one) => isNamed(decision, one, one.label))
  if (found === undefined) return { ...begun, answer, reason }
  const { policy, kind, role, label: statement, place } = found
  return { ...begun, answer, reason, decidedBy: { policy, kind, role, statement, place } }
}

/** Everything the policies are asked with, with what the supposed facts earn. */
function askedOf(
  view: AccessView,
  signedIn: Principal,
  { place, supposed }: Asking,
): {
  readonly principal: Principal
  readonly candidate: Candidate
  readonly authority: Authority | undefined
  readonly request: PolicyRequest
} {
  const { api, target } = place
  const { method, now, address, supposition = {} } = supposed
  const received = { headers: {}, rawHeaders: [] }
  const call = { ...place, incoming: { address, receivedAt: now, request: received, peer: {} } }
  const facts = contextOf(call, signedIn.untaken)
  const candidate = candidateOf(signedIn, supposedContext(facts, supposition))
  const principal =
    signedIn.kind === 'anonymous'
      ? signedIn
      : view.principals.reconsidered(signedIn, candidate.context)
  const asked = policyRequestOf(`${api.arnPrefix}${method}${target.path}`, call, principal)
  const request = { ...asked, context: supposedContext(asked.context, supposition) }
  return { principal, candidate, authority: authorityFor(principal, candidate, now), request }
}

const dependsOnRole = { answer: 'depends', reason: 'policy.depends', decidedBy: undefined } as const

/** Whether facts that are open decide on a role that would count. */
function isOpenRole(roles: readonly RoleExplanation[], taken: string | undefined): boolean {
  return roles.some(
    ({ held, role, automatic }) =>
      held === 'depends' && (taken === undefined ? automatic : role === taken),
  )
}

function rolesOf(
  { principals: { mandates } }: AccessView,
  signedIn: Principal,
  candidate: Candidate,
): readonly RoleExplanation[] {
  if (signedIn.kind === 'anonymous') return []
  return explainRoles(mandates, candidate, mandates.restrictionOf(signedIn.credential))
}

/** Why somebody has no session to call with. */
function withoutSession(person: Person | undefined): string | undefined {
  if (person === undefined) return 'gateway.unauthenticated'
  return person.disabled ? 'gateway.session_ended' : undefined
}

function judge(
  authority: Authority,
  request: PolicyRequest,
): Pick<Judgement, 'statements' | 'answer' | 'reason' | 'decidedBy' | 'remedies'> {
  const explained = explain(authority, request)
  const { decision, statements } = explained
  const resource = [{ text: request.resource }]
  const { allowed } = outlook(authority, { ...request, resource })
  const isOpen = allowed === 'maybe' && statements.some(({ result }) => result === 'may')
  return {
    statements,
    answer: isOpen ? 'depends' : decision.effect,
    reason: isOpen ? 'policy.depends' : decision.reason,
    decidedBy: isOpen ? undefined : decidedBy(explained),
    remedies: remediesOf(explained),
  }
}

function decidedBy({ decision, statements }: PolicyExplanation): DecidedBy | undefined {
  const found = statements.find((one) => isNamed(decision, one, one.statement))
  if (found === undefined) return undefined
  const { policy, kind, role, statement, place } = found
  return { policy, kind, role, statement, place }
}

/** Whether a decision names this statement. */
function isNamed(
  decision: Decision,
  { policy, kind, role }: Pick<DecidedBy, 'policy' | 'kind' | 'role'>,
  label: string,
): boolean {
  return (
    policy === decision.policy &&
    label === decision.statement &&
    kind === decision.kind &&
    role === decision.role
  )
}

/** Stands where a real request has its id. */
const supposedId = '00000000-0000-0000-0000-000000000000'

function placeOf(
  api: ViewedApi,
  route: ViewedRoute,
  methodAndPath: string,
): { api: string; route: string; authorizer: string; resource: string } {
  const { authorizer } = route
  return {
    api: api.name,
    route: route.id,
    authorizer: authorizer.kind === 'issuer' ? authorizer.name : authorizer.kind,
    resource: `${api.arnPrefix}${methodAndPath}`,
  }
}

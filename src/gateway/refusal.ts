import { isRefusal } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { problemOf, send } from '../http/index.ts'
import { contentSecurityPolicy, refusalPage, refusalStyleHash } from '../pages/index.ts'
import { policyErrors } from '../policy/index.ts'
import type { Decision, DecisionReason } from '../policy/index.ts'
import { challenges, stepUpChallenge } from '../token/index.ts'
import type { ChallengeContext } from '../token/index.ts'
import { corsHeaders } from './answer/cors.ts'
import { answerGrpcRefusal, isGrpcCall } from './answer/grpc.ts'
import { beginSignIn } from './caller/api-session-routes.ts'
import { gatewayErrors } from './errors.ts'
import type { GatewayParts, GatewayTable } from './gateway.ts'
import type { CallerRequest, Incoming } from './incoming/incoming.ts'
import { owesLongBody } from './incoming/screen.ts'
import { proofChallenge } from './proof/ask.ts'
import type { ProofDemand } from './proof/demand.ts'
import { isNavigation, sendDemand } from './proof/page.ts'
import type { Progress } from './stages.ts'
import { beginStepUp, unproved } from './step-up/begin.ts'
import type { Unproved, Way } from './step-up/begin.ts'

/** The refusal for a decision that denies. */
export function decisionRefusal({ reason }: Decision): Refusal {
  return policyErrors.refuse(denials[reason])
}

/** Invariant: a reason that does not deny has no business here, and denies all the same. */
const denials = {
  'policy.allowed': 'evaluation_failed',
  'policy.explicit_deny': 'explicit_deny',
  'policy.no_statement_allows': 'no_statement_allows',
  'policy.resource_policy_does_not_allow': 'resource_policy_does_not_allow',
  'policy.boundary_does_not_allow': 'boundary_does_not_allow',
  'policy.session_policy_does_not_allow': 'session_policy_does_not_allow',
  'policy.role_not_held': 'role_not_held',
  'policy.evaluation_failed': 'evaluation_failed',
} as const satisfies Readonly<Record<DecisionReason, string>>

const staleCode = 'gateway.fresh_proof_required'

/**
 * Answers a refusal: programs get a problem document and, at 401, challenges; people get sign-in where
 * that helps and otherwise a page that says what to do.
 */
export function answerRefusal(incoming: Incoming, refusal: Refusal, context: RefusalContext): void {
  const { response } = incoming
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  const stale = refusal.code === staleCode ? unproved(incoming, context.progress) : undefined
  if (stale !== undefined) {
    sendToTouch(stale, refusal, context)
    return
  }
  sayNo(incoming, refusal, context)
}

/** Begins a step-up; what cannot be begun is refused as whatever it is. */
function sendToTouch(stale: Unproved, refusal: Refusal, context: RefusalContext): void {
  const { incoming } = stale
  beginStepUp(stale, context)
    .catch((error: unknown) => {
      context.parts.onError(error, incoming.requestId)
      return gatewayErrors.refuse('evidence_unavailable')
    })
    .then((way) => {
      if (isRefusal(way)) sayNo(incoming, way, context)
      else if (stale.isNavigation) {
        const { location, cookie } = way
        const headers = { location, 'set-cookie': cookie, 'x-request-id': incoming.requestId }
        send(incoming.response, 303, '', headers)
      } else sayNo(incoming, refusal, context, way)
    })
    .catch((error: unknown) => {
      context.parts.onError(error, incoming.requestId)
      incoming.response.destroy()
    })
}

export interface RefusalContext {
  readonly parts: GatewayParts
  readonly table: GatewayTable
  readonly progress: Progress
}

/** @param way - where its person can touch a key, for the script that made the request. */
function sayNo(incoming: Incoming, refusal: Refusal, context: RefusalContext, way?: Way): void {
  const { response, request, requestId } = incoming
  if (isGrpcCall(incoming)) {
    answerGrpcRefusal(incoming, refusal, challengeHeaders(refusal, request, context.progress))
    return
  }
  const person = isNavigation(request)
  const { api, route } = context.progress
  if (person && helpsSigningIn(refusal, route) && api !== undefined) {
    beginSignIn(incoming, api, context.table)
    return
  }
  const common = {
    ...refusal.headers,
    ...challengeHeaders(refusal, request, context.progress),
    ...(closesConnection(refusal) || owesLongBody(request) ? { connection: 'close' } : {}),
    'x-request-id': requestId,
    vary: 'accept, sec-fetch-mode',
    ...corsFields(context.progress, request),
    ...(way === undefined ? {} : { 'set-cookie': way.cookie }),
  }
  if (person || isForm(refusal, request)) {
    answerPerson(incoming, refusal, context, common)
    return
  }
  const problem = {
    ...problemOf(refusal, requestId),
    ...describeNeed(refusal, context.progress, way),
  }
  send(response, refusal.status, JSON.stringify(problem), {
    ...common,
    'content-type': 'application/problem+json',
  })
}

type Headers = Readonly<Record<string, string | readonly string[]>>

function answerPerson(
  incoming: Incoming,
  refusal: Refusal,
  { table, progress: { api, asked } }: { table: GatewayTable; progress: Progress },
  headers: Headers,
): void {
  if (asked !== undefined && api !== undefined && refusal.code === 'proof.required') {
    sendDemand(incoming, refusal, { api, table, asked }, headers)
    return
  }
  const { response, requestId } = incoming
  send(response, refusal.status, pageOf(refusal, requestId, table), {
    ...headers,
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': contentSecurityPolicy({ inlineStyle: refusalStyleHash() }),
  })
}

/** Somebody who has to prove more than a sign-in that is still there would be sent round in circles. */
function helpsSigningIn({ status, code }: Refusal, route: Progress['route']): boolean {
  const isKnown = code === staleCode || code.startsWith('proof.')
  return status === 401 && !isKnown && route?.authorizer.kind === 'proofgate'
}

/** A form that a person sent, who looks at the answer; what asks for a proof of it is for its script. */
function isForm({ code }: Refusal, { method, headers }: CallerRequest): boolean {
  return method === 'POST' && headers['sec-fetch-mode'] === 'navigate' && code !== 'proof.required'
}

/** After these the rest of the connection cannot be read with one meaning, or is not worth reading. */
function closesConnection(refusal: Refusal): boolean {
  return [400, 408, 413, 417, 431].includes(refusal.status)
}

/** Pages of other origins read refusals as well: that is how they know that they have to sign in. */
function corsFields({ api, route }: Progress, request: CallerRequest): Record<string, string> {
  const cors = route === undefined ? api?.cors : route.cors
  if (cors === undefined) return {}
  const fields: Record<string, string> = {}
  const lines = corsHeaders(cors, request.headers.origin)
  for (let at = 0; at < lines.length; at += 2) fields[lines[at] ?? ''] = lines[at + 1] ?? ''
  return { ...fields, vary: 'accept, sec-fetch-mode, origin' }
}

function challengeHeaders(
  refusal: Refusal,
  request: CallerRequest,
  progress: Progress,
): Record<string, readonly string[]> {
  const { api } = progress
  if (api === undefined || (refusal.status !== 401 && refusal.status !== 403)) return {}
  const scheme = /^dpop /i.test(request.headers.authorization ?? '') ? 'DPoP' : 'Bearer'
  const context = {
    scheme: request.headers.authorization === undefined ? undefined : scheme,
    resourceMetadata: `${api.origin}/.well-known/oauth-protected-resource`,
    scopes: [],
  } as const
  const proving = provingLines(refusal, progress, context)
  if (proving.length > 0) return { 'www-authenticate': proving }
  const unknown = refusal.code.startsWith('gateway.') && refusal.status === 401
  const lines = challenges(unknown ? undefined : refusal, context)
  return lines.length === 0 ? {} : { 'www-authenticate': lines }
}

/** What to prove beside who one is. */
function provingLines(
  refusal: Refusal,
  { demand, asked }: Progress,
  context: ChallengeContext,
): readonly string[] {
  if (asked !== undefined && refusal.code === 'proof.required') {
    return [proofChallenge(asked), ...challenges(undefined, context)]
  }
  const isStale = demand !== undefined && refusal.code === staleCode
  return isStale ? [stepUpLine(refusal, demand, context)] : []
}

/** RFC 9470 3. */
function stepUpLine(
  { title }: Refusal,
  { maxAge, acr }: ProofDemand,
  context: ChallengeContext,
): string {
  const need = {
    acrValues: acr === undefined ? [] : [acr],
    maxAgeSeconds: maxAge === undefined ? undefined : Math.floor(maxAge / 1000),
    description: title,
  }
  return stepUpChallenge(need, context)
}

/** What the caller has to prove, as members of the problem document. */
function describeNeed(
  { code }: Refusal,
  { demand, asked }: Progress,
  way: Way | undefined,
): object {
  if (asked !== undefined && code === 'proof.required') return { proof: asked }
  if (demand === undefined || code !== staleCode) return {}
  const { maxAge, acr } = demand
  return {
    ...(maxAge === undefined ? {} : { max_age: Math.floor(maxAge / 1000) }),
    ...(acr === undefined ? {} : { acr_values: acr }),
    ...(way === undefined ? {} : { step_up: way.location }),
  }
}

function pageOf(refusal: Refusal, requestId: string, table: GatewayTable): string {
  return refusalPage({
    base: '',
    status: refusal.status,
    title: refusal.title,
    code: refusal.code,
    requestId,
    explanation: explanations[refusal.status] ?? '',
    nextSteps: nextSteps[refusal.status] ?? [],
    identityLinks: {
      account: `${table.identityBase}/account`,
      signOut: `${table.identityBase}/logout`,
    },
  })
}

const explanations: Readonly<Record<number, string>> = {
  400: 'The gateway could not take this request, so nothing was sent to the service.',
  401: 'You have to sign in, or to prove again that it is you. Nothing was sent to the service.',
  403: 'You are signed in, but your account may not do this. Nothing was sent to the service.',
  404: 'There is nothing at this address, or it is not open to the gateway.',
  429: 'This was called too often in a short time. Nothing was sent to the service.',
  502: 'The gateway let your request through, but the service behind it did not answer properly.',
  503: 'The gateway cannot answer right now, so nothing was sent to the service.',
  504: 'The gateway let your request through, but the service behind it took too long.',
}

const nextSteps: Readonly<Record<number, readonly string[]>> = {
  400: ['Begin again where you came from.'],
  401: ['Open the page again, sign in when you are asked to, then repeat it.'],
  403: [
    'Ask an administrator for access and give them the request id below.',
    'If you have another account, sign out first.',
  ],
  404: ['Check the address.'],
  429: ['Wait a moment, then try again.'],
  502: ['Try again in a moment. If it stays, tell an administrator the request id below.'],
  503: ['Try again in a moment. If it stays, tell an administrator the request id below.'],
  504: ['Try again in a moment. If it stays, tell an administrator the request id below.'],
}

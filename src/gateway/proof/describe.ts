import { isJsonObject, isRefusal, parseJson } from '../../core/index.ts'
import type { JsonObject, Refusal } from '../../core/index.ts'
import { sendJson } from '../../http/index.ts'
import { proofErrors, requestDigest } from '../../proof/index.ts'
import { isOwnPath } from '../caller/api-session-routes.ts'
import { decideCall } from '../caller/decide-call.ts'
import { resourceOf } from '../caller/policy-request.ts'
import type { Principal } from '../caller/principal.ts'
import { gatewayErrors } from '../errors.ts'
import type { GatewayParts } from '../gateway.ts'
import { limitCaller } from '../limits.ts'
import { isServedMethod } from '../incoming/screen.ts'
import { parseTarget } from '../incoming/target.ts'
import type { Target } from '../incoming/target.ts'
import { decisionRefusal } from '../refusal.ts'
import type { Route } from '../route.ts'
import { askForProof, recordAsked } from './ask.ts'
import { authorityOf, boundHeadersOf, holderOf, printTarget, sentenceFor } from './binding.ts'
import { readWhole } from './body.ts'
import { demandedOf } from './demanded.ts'
import { authenticateAnyhow } from './status.ts'
import type { OwnCall } from './status.ts'

/** A body of 1 MiB with every character escaped, and what stands around it. */
const longest = 7 * 1024 * 1024

/** A request that somebody is going to send. */
interface Described {
  readonly method: string
  readonly target: Target
  readonly rawHeaders: readonly string[]
  /** Or its SHA-256, base64url. */
  readonly content: Buffer | string
}

/**
 * Asks for a proof of a request that is described, not sent, so that the request can bring the proof along.
 * What is described is judged again, whole, when it comes.
 */
export async function askAhead(call: OwnCall, parts: GatewayParts): Promise<Refusal | 'served'> {
  const { incoming, api } = call
  const known = await authenticateAnyhow(call, parts)
  if (isRefusal(known)) return known
  const { principal } = known
  const described = await readDescription(call, parts)
  if (isRefusal(described)) return described
  const route = isOwnPath(described.target.path)
    ? undefined
    : api.routes.find(described.method, described.target.path)
  if (route === undefined) return gatewayErrors.refuse('no_route')
  if (route.authorizer.kind === 'open') return proofErrors.refuse('not_needed')
  // Invariant: who is known to one issuer is nobody to another.
  if (route.authorizer !== known.authorizer) return gatewayErrors.refuse('unauthenticated')
  // Invariant: asking ahead counts like sending, or people could be asked as often as somebody likes.
  const limited = limitCaller({ route, incoming }, principal, parts)
  if (limited !== undefined) return limited
  const asked = await askFor(described, { ...call, route, principal }, parts)
  if (isRefusal(asked)) return asked
  const { method, target } = described
  await recordAsked(asked, { api, route, method, target, principal, incoming }, parts)
  sendJson(incoming.response, 200, asked, { 'x-request-id': incoming.requestId })
  return 'served'
}

async function askFor(
  { method, target, rawHeaders, content }: Described,
  { incoming, api, table, route, principal }: OwnCall & { route: Route; principal: Principal },
  parts: GatewayParts,
): Promise<Awaited<ReturnType<typeof askForProof>>> {
  const request = {
    headers: parsed(rawHeaders, incoming.request.headers['user-agent']),
    rawHeaders,
  }
  const { address, receivedAt, peer } = incoming
  const sent = { method, address, receivedAt, peer, request }
  const call = { incoming: sent, api, route, target, boundProof: route.boundProof }
  const resource = resourceOf(call)
  const decision = decideCall(resource, call, principal)
  if (decision.effect === 'allow' && route.boundProof === undefined) {
    return proofErrors.refuse('not_needed')
  }
  const demanded = demandedOf(resource, call, principal)
  if (demanded === undefined) return decisionRefusal(decision)
  const { demand } = demanded
  const headers = boundHeadersOf(request, demand)
  if (isRefusal(headers)) return headers
  const body = typeof content === 'string' ? undefined : content
  if (body !== undefined && body.length > demand.maxBody)
    return proofErrors.refuse('body_too_large')
  const sentence = sentenceFor(demand, { api, route, target, incoming: sent, body })
  if (isRefusal(sentence)) return sentence
  const authority = authorityOf(api)
  const digest = requestDigest({ method, authority, target: printTarget(target), headers, content })
  const holder = holderOf(principal, incoming.request)
  const asking = { table, api, method, target, address, principal, holder, demanded, sentence }
  return askForProof({ ...asking, request: digest }, parts)
}

const members: ReadonlySet<string> = new Set([
  'method',
  'target',
  'headers',
  'body',
  'contentDigest',
])
const digestForm = /^[A-Za-z0-9_-]{43}$/

async function readDescription(
  { incoming, table }: OwnCall,
  parts: GatewayParts,
): Promise<Described | Refusal> {
  const type = incoming.request.headers['content-type'] ?? ''
  if (!/^application\/json\s*(?:;|$)/i.test(type)) return malformed('not JSON')
  const read = await readWhole(incoming, { maxBody: longest, room: parts.proofRooms.bodies })
  if (isRefusal(read)) return read
  const value = parseJson(read.toString('utf8'), { length: longest, depth: 4 })
  return isJsonObject(value)
    ? parseDescription(value, table.headerCount)
    : malformed('not a JSON object')
}

function parseDescription(value: JsonObject, mostHeaders: number): Described | Refusal {
  const unknown = Object.keys(value).find((name) => !members.has(name))
  if (unknown !== undefined) return malformed('an unknown member')
  const { method, target: written } = value
  if (typeof method !== 'string' || !isServedMethod(method)) return malformed('the method')
  const target = parseTarget(typeof written === 'string' ? written : '')
  if (isRefusal(target)) return target
  const rawHeaders = readHeaders(value['headers'] ?? {}, mostHeaders)
  if (rawHeaders === undefined) return malformed('the headers')
  const content = readContent(value)
  return content === undefined ? malformed('the body') : { method, target, rawHeaders, content }
}

function malformed(what: string): Refusal {
  return gatewayErrors.refuse('malformed', `the description: ${what}`)
}

const headerLine = /^[\t -~\u0080-\u00FF]*$/

/** Flat name, value pairs; `undefined` for what no request could have. */
function readHeaders(headers: unknown, most: number): readonly string[] | undefined {
  if (!isJsonObject(headers)) return undefined
  const flat: string[] = []
  for (const [name, value] of Object.entries(headers)) {
    const values: readonly unknown[] = Array.isArray(value) ? value : [value]
    for (const one of values) {
      const isLine = typeof one === 'string' && headerLine.test(one) && one === one.trim()
      if (!isLine || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return undefined
      flat.push(name, one)
    }
  }
  return flat.length / 2 <= most ? flat : undefined
}

/** None is an empty body. */
function readContent({ body = '', contentDigest }: JsonObject): Buffer | string | undefined {
  if (typeof body !== 'string' || !body.isWellFormed()) return undefined
  if (contentDigest === undefined) return Buffer.from(body)
  const isDigest = typeof contentDigest === 'string' && digestForm.test(contentDigest)
  return isDigest && body === '' ? contentDigest : undefined
}

/** As conditions and sentences read them. */
function parsed(rawHeaders: readonly string[], userAgent: string | undefined): Headers {
  const headers: Record<string, string> = userAgent === undefined ? {} : { 'user-agent': userAgent }
  for (let at = 0; at < rawHeaders.length; at += 2) {
    headers[(rawHeaders[at] ?? '').toLowerCase()] = rawHeaders[at + 1] ?? ''
  }
  return headers
}

type Headers = Readonly<Record<string, string>>

import { encodePlain, encodeWho, isPlain, recordBounds } from '../audit/index.ts'
import type { EncodedEntry } from '../audit/index.ts'
import { Interned, invariant } from '../core/index.ts'
import type { GatewayTable } from './gateway.ts'
import { longestPlain } from '../token/index.ts'
import { isFrequent } from './caller/frequent-callers.ts'
import type { Incoming } from './incoming/incoming.ts'
import type { Principal } from './caller/principal.ts'
import { reasonOf, roleOf, whoOf } from './record.ts'
import type { Api, Route } from './route.ts'
import type { Progress } from './stages.ts'

/** What the record of a request that is let through says besides who, where from and which path. */
interface Facts {
  readonly api: Api
  readonly version: string
  readonly reason: string
  readonly policy: string | undefined
  readonly statement: string | undefined
  readonly role: string | undefined
  readonly taken: string | undefined
  readonly host: string
  readonly method: string
}

interface Frame {
  readonly facts: Facts
  readonly texts: FrameTexts
}

interface FrameTexts {
  readonly beforeNumber: string
  readonly beforePath: string
  readonly beforeResource: string
  readonly afterResource: string
  /** The longest path with which the resource is not cut. */
  readonly longestPath: number
}

/** The rest of the records of one caller, while he comes from one place with one program. */
export interface Trace {
  readonly address: string
  readonly userAgent: string | undefined
  readonly text: string
}

invariant(longestPlain <= recordBounds.usual, 'what is plain is not cut in a record')

const beforeTime = '{"action":"request","at":"'
/** Of one route, for callers who are let through by different statements. */
const mostFrames = 4
/** Where more of them take turns, one in so many is remembered in place of another. */
const missesForOne = 16

/** What is remembered of a route. */
interface RouteFrames {
  readonly known: Frame[]
  misses: number
}

/** As many as a configuration has routes, which they go with. */
const frames = new WeakMap<Route, RouteFrames>()
/** What the frames of many routes have in common. */
const interned = new Interned()

/**
 * The same bytes as `encodeEntry(decisionEntry(...))` for a request that is let through and forwarded as it is,
 * put together from texts that are remembered. `undefined` for any other, and where a text is cut or escaped.
 */
export function encodeUsual(
  incoming: Incoming,
  progress: Progress,
  table: GatewayTable,
): EncodedEntry | undefined {
  const { path, principal, route } = progress
  if (path === undefined || route === undefined || principal === undefined) return undefined
  if (!isUsual(incoming, progress)) return undefined
  const texts = findFrame(incoming, progress, { table, route, principal })
  if (texts === undefined) return undefined
  const trace = traceOf(incoming, principal)
  if (trace === undefined) return undefined
  const id = incoming.requestId
  if (!isPlain(id, recordBounds.id) || !isPlain(path, texts.longestPath)) return undefined
  // An enrolment ticket may stand in it.
  if (path.includes('enrol')) return undefined
  return [
    beforeTime,
    `","id":"${id}${texts.beforeNumber}`,
    `${texts.beforePath}${path}${texts.beforeResource}${path}${texts.afterResource}${trace}`,
  ]
}

function isUsual({ peer }: Incoming, { plan, preflight, proof }: Progress): boolean {
  return (
    plan === undefined &&
    preflight === undefined &&
    proof === undefined &&
    peer.certificate === undefined
  )
}

function findFrame(
  { authority, method }: Incoming,
  progress: Progress,
  found: { table: GatewayTable; route: Route; principal: Principal },
): FrameTexts | undefined {
  const { api, decision } = progress
  if (api === undefined) return undefined
  const facts: Facts = {
    api,
    version: found.table.version,
    reason: reasonOf(progress),
    policy: decision?.policy,
    statement: decision?.statement,
    role: roleOf(progress),
    taken: found.principal.mandate.roleName,
    host: authority,
    method,
  }
  const of = framesOf(found.route)
  for (const frame of of.known) {
    if (areSame(frame.facts, facts)) return frame.texts
  }
  return isWorthKeeping(of) ? remember(of.known, facts, found.route) : undefined
}

/** Texts that are not met again cost more to make than they spare. */
function isWorthKeeping(of: RouteFrames): boolean {
  of.misses++
  return of.known.length < mostFrames ? of.misses > 1 : of.misses % missesForOne === 0
}

function remember(known: Frame[], facts: Facts, route: Route): FrameTexts | undefined {
  const texts = makeTexts(facts, route)
  if (texts === undefined) return undefined
  if (known.length === mostFrames) known.shift()
  known.push({ facts, texts })
  return texts
}

function areSame(one: Facts, other: Facts): boolean {
  return (
    one.host === other.host &&
    one.method === other.method &&
    one.policy === other.policy &&
    one.statement === other.statement &&
    one.role === other.role &&
    one.taken === other.taken &&
    one.reason === other.reason &&
    one.version === other.version &&
    one.api === other.api
  )
}

function framesOf(route: Route): RouteFrames {
  const known = frames.get(route)
  if (known !== undefined) return known
  const fresh: RouteFrames = { known: [], misses: 0 }
  frames.set(route, fresh)
  return fresh
}

function makeTexts(facts: Facts, route: Route): FrameTexts | undefined {
  const { api, host, method, version } = facts
  const before = plainMembers({
    api: api.name,
    assumedRole: facts.taken,
    configuration: version,
    host,
    method,
  })
  const policy = plainMembers({ policy: facts.policy })
  const after = plainMembers({ role: facts.role, route: route.id, statement: facts.statement })
  const resource = `${api.arnPrefix}${method}`
  const reason = encodePlain(facts.reason, recordBounds.reason)
  if (before === undefined || policy === undefined || after === undefined) return undefined
  if (reason === undefined || !isPlain(resource, recordBounds.usual)) return undefined
  return {
    beforeNumber: shared(`","kind":"decision","outcome":"allow","reason":${reason},"seq":`),
    beforePath: shared(`,"v":1,"what":{${before.slice(1)},"path":"`),
    beforeResource: shared(`"${policy},"resource":"${resource}`),
    afterResource: flat(`"${after}},`),
    longestPath: recordBounds.usual - resource.length,
  }
}

/** Each behind a comma, in the order of `what`; `undefined` when one cannot stand there as it is. */
function plainMembers(values: Readonly<Record<string, string | undefined>>): string | undefined {
  let text = ''
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue
    const encoded = encodePlain(value, recordBounds.usual)
    if (encoded === undefined) return undefined
    text += `,"${name}":${encoded}`
  }
  return text
}

/** Where from, and who. */
function traceOf({ address, request }: Incoming, principal: Principal): string | undefined {
  const userAgent = request.headers['user-agent']
  const { trace } = principal
  if (trace?.address === address && trace.userAgent === userAgent) return trace.text
  const who = whoText(principal)
  const from = encodePlain(address, recordBounds.usual)
  if (who === undefined || from === undefined) return undefined
  let where = `"address":${from}`
  if (userAgent !== undefined) {
    const encoded = encodePlain(userAgent, recordBounds.userAgent)
    if (encoded === undefined) return undefined
    where += `,"userAgent":${encoded}`
  }
  const text = `"where":{${where}},"who":${who}}`
  // As with `who`: of those who come often.
  if (principal.who !== undefined) principal.trace = { address, userAgent, text: flat(text) }
  return text
}

/** Of somebody who comes once in a while it is not worth more than this. */
function whoText(principal: Principal): string | undefined {
  const isRare = principal.who === undefined && principal.isPlain && !isFrequent(principal)
  return isRare ? plainWho(principal) : encodeWho(whoOf(principal))
}

/** As `encodeWho` writes them, of texts that stand in a record as they are. */
function plainWho(principal: Principal): string {
  const { clientId, credential, session, tokenId, username } = principal
  let text = clientId === undefined ? '{' : `{"client":"${clientId}",`
  if (credential !== undefined) text += `"credential":"${credential}",`
  if (principal.kind === 'external') text += `"issuer":"${principal.issuer}",`
  if (session !== undefined) text += `"session":"${session}",`
  text += `"subject":"${principal.subject}"`
  if (tokenId !== undefined) text += `,"token":"${tokenId}"`
  return username === undefined ? `${text}}` : `${text},"username":"${username}"}`
}

function shared(text: string): string {
  return interned.text(flat(text))
}

/** One piece of memory, which is what a text put together is not until it is read. */
function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}

import { createHash } from 'node:crypto'
import { parseJson, toBase64url } from '../../core/index.ts'
import type { Json, Refusal } from '../../core/index.ts'
import {
  asksForBody,
  boundHeaders,
  boundNames,
  proofErrors,
  visible,
  writeSentence,
} from '../../proof/index.ts'
import type { BoundHeader, Holder, ProofDemand } from '../../proof/index.ts'
import { gatewayErrors } from '../errors.ts'
import type { CallerRequest, Incoming } from '../incoming/incoming.ts'
import type { Target } from '../incoming/target.ts'
import type { Principal } from '../caller/principal.ts'
import { foldName } from '../rewrite/header-edits.ts'
import { partOfPath } from '../rewrite/values.ts'
import type { Api, Route } from '../route.ts'

/** Host and port as the API is known. */
export function authorityOf({ origin }: Pick<Api, 'origin'>): string {
  return origin.slice(origin.indexOf('//') + 2)
}

/** As it is forwarded: a question mark without a query is none. */
export function printTarget({ path, query }: Target): string {
  return query === '' ? path : `${path}?${query}`
}

/**
 * The headers that a proof binds.
 *
 * Invariant: what is bound has one spelling and stays in the request. Services fold `_` and `.` into `-`, so
 * a second spelling would be a header that nobody approved; and what `Connection` names is taken out.
 */
export function boundHeadersOf(
  { headers, rawHeaders }: Pick<CallerRequest, 'headers' | 'rawHeaders'>,
  demand: ProofDemand,
): readonly BoundHeader[] | Refusal {
  const names = boundNames(demand.headers)
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase()
    if (!names.includes(name) && names.includes(foldName(name))) {
      return gatewayErrors.refuse('malformed', `a second spelling of ${foldName(name)}`)
    }
  }
  const connection = (headers.connection ?? '').toLowerCase().split(',')
  const dropped = connection.map((name) => name.trim()).find((name) => names.includes(name))
  if (dropped !== undefined) return gatewayErrors.refuse('malformed', `Connection: ${dropped}`)
  return boundHeaders(names, rawHeaders)
}

/**
 * Who alone may use a proof: the principal with this session and this token. A token without an id is named
 * by its digest.
 */
export function holderOf(
  principal: Principal,
  { headers }: Pick<CallerRequest, 'headers'>,
): Holder {
  const { authorization } = headers
  const digest =
    authorization === undefined
      ? ''
      : toBase64url(createHash('sha256').update(authorization).digest())
  return {
    key: principal.key,
    session: principal.session ?? '',
    token: principal.tokenId ?? digest,
  }
}

/** What the sentence of a route is about. */
export interface Told {
  readonly api: Pick<Api, 'origin'>
  readonly route: Pick<Route, 'segments'>
  readonly target: Target
  readonly incoming: Pick<Incoming, 'method'> & { readonly request: Pick<CallerRequest, 'headers'> }
  /** Absent where only its digest is known. */
  readonly body: Buffer | undefined
}

/** What will happen, for whoever approves; a refusal where the request does not say what the route names. */
export function sentenceFor({ sentence, maxBody }: ProofDemand, told: Told): string | Refusal {
  if (sentence === undefined) {
    return `${told.incoming.method} ${visible(authorityOf(told.api) + printTarget(told.target))}`
  }
  const body = asksForBody(sentence) ? jsonOf(told, maxBody) : undefined
  const written = writeSentence(sentence, { path: pathValues(told), body })
  return written ?? proofErrors.refuse('body_unreadable', 'the sentence cannot be filled in')
}

function pathValues({ route, target }: Told): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  for (const [segment, part] of route.segments.entries()) {
    if (part.kind === 'literal') continue
    const text = partOfPath(target.path, { segment, rest: part.kind === 'rest' })
    values.set(part.name, decoded(text))
  }
  return values
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const jsonType = /^application\/(?:[a-z0-9!#$&^_.+-]+\+)?json(?:\s*;\s*charset="?utf-8"?)?\s*$/i
const depth = 32

/** The body as its reader will take it: JSON by its type, in UTF-8, no name twice. */
function jsonOf({ incoming, body }: Told, maxBody: number): Json | undefined {
  if (body === undefined || !jsonType.test(incoming.request.headers['content-type'] ?? '')) {
    return undefined
  }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch {
    return undefined
  }
  return parseJson(text, { length: maxBody, depth })
}

import type { Incoming } from '../incoming/incoming.ts'
import type { Principal } from '../caller/principal.ts'
import type { Target } from '../incoming/target.ts'

/** A fact that a configured value may hold. */
export type FactName = 'principal.username' | 'principal.subject' | 'requestId' | 'api' | 'route'

/** A piece of a configured value: its own text, a part of the path, or a fact about the request. */
export type ValuePart =
  | string
  | {
      /** Index of the path segment, from 0. */
      readonly segment: number
      /** Whether everything behind it belongs to it. */
      readonly rest: boolean
    }
  | { readonly fact: FactName }

export type Value = readonly ValuePart[]

/** What values are made from. The target is the one that was decided on. */
export interface ValueFacts {
  readonly incoming: Pick<Incoming, 'requestId'>
  readonly api: { readonly name: string }
  readonly route: { readonly id: string }
  readonly target: Pick<Target, 'path'>
  readonly principal: Pick<Principal, 'kind' | 'username' | 'subject'>
}

/** How the pieces are written where they will stand, so that none can end what it stands in. */
export interface Encoding {
  text(text: string): string
  /** @param segment - in the canonical form of paths. */
  segment(segment: string): string
  fact(fact: string): string
}

/** `undefined` when the request has no such fact: then there is no value, never one with a gap. */
export function fillIn(value: Value, facts: ValueFacts, encoding: Encoding): string | undefined {
  let filled = ''
  for (const part of value) {
    if (typeof part === 'string') filled += encoding.text(part)
    else if ('fact' in part) {
      const fact = readers[part.fact](facts)
      if (fact === undefined) return undefined
      filled += encoding.fact(fact)
    } else filled += encoding.segment(partOfPath(facts.target.path, part))
  }
  return filled
}

/** A segment of a path that has it, or that segment and everything behind it. */
export function partOfPath(
  path: string,
  { segment, rest }: { readonly segment: number; readonly rest: boolean },
): string {
  let start = 1
  for (let passed = 0; passed < segment; passed++) start = path.indexOf('/', start) + 1
  const end = rest ? -1 : path.indexOf('/', start)
  return end === -1 ? path.slice(start) : path.slice(start, end)
}

/** Nobody is a name on open routes, so none is told to services. */
const readers: Readonly<Record<FactName, (facts: ValueFacts) => string | undefined>> = {
  'principal.username': ({ principal }) => known(principal.username),
  'principal.subject': ({ principal }) =>
    principal.kind === 'anonymous' ? undefined : known(principal.subject),
  requestId: ({ incoming }) => incoming.requestId,
  api: ({ api }) => api.name,
  route: ({ route }) => route.id,
}

/** Text that is no Unicode cannot be written down without becoming somebody else's. */
function known(text: string | undefined): string | undefined {
  return text === undefined || text === '' || !text.isWellFormed() ? undefined : text
}

/**
 * For a header: the configured text as it was checked, path parts in their canonical form (visible ASCII) but
 * for the two signs that end a list item or a parameter, and facts with everything escaped that could end
 * one of these or a line, `%` among it.
 */
export const headerEncoding: Encoding = {
  text: (text) => text,
  segment: (segment) => segment.replace(/[,;]/g, escape),
  fact: (fact) => fact.replace(/[^A-Za-z0-9._~@+:=/|-]/gu, (found) => escape(found)),
}

/** For a value in a query: everything but unreserved characters is escaped; escapes of a path stay. */
export const queryEncoding: Encoding = {
  text: encodeQuery,
  segment: (segment) => segment.replace(/[^A-Za-z0-9._~%-]/g, (found) => escape(found)),
  fact: encodeQuery,
}

export function encodeQuery(text: string): string {
  return text.replace(/[^A-Za-z0-9._~-]/gu, (found) => escape(found))
}

/** The UTF-8 bytes of one character, as percent escapes in upper case. */
function escape(character: string): string {
  let escaped = ''
  for (const byte of Buffer.from(character)) {
    escaped += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return escaped
}

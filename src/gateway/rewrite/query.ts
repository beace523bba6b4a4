import type { Refusal } from '../../core/index.ts'
import { gatewayErrors } from '../errors.ts'
import { encodeQuery, fillIn, queryEncoding } from './values.ts'
import type { Value, ValueFacts } from './values.ts'

/** What becomes of a query, in this order. Names are in plain text. */
export interface QueryEdits {
  /** Everything else is dropped; `undefined` keeps all. */
  readonly keep: ReadonlySet<string> | undefined
  readonly remove: ReadonlySet<string>
  /** From the name a caller uses to the one the service knows. */
  readonly rename: ReadonlyMap<string, string>
  /** Replaces what the caller sent under the name. */
  readonly set: ReadonlyMap<string, Value>
  /** Comes behind what the caller sent under the name. */
  readonly add: ReadonlyMap<string, Value>
}

/**
 * Applies the edits. What they do not touch stays byte for byte as it was sent.
 *
 * Invariant: names are compared decoded, and a query that another program could divide differently is
 * refused, so that no spelling of a name gets past its removal.
 */
export function editQuery(query: string, edits: QueryEdits, facts: ValueFacts): string | Refusal {
  if (query.includes(';')) return ambiguous('a semicolon, which some programs divide queries at')
  const out: string[] = []
  for (const piece of query === '' ? [] : query.split('&')) {
    const kept = editPiece(piece, edits)
    if (kept === undefined) return ambiguous('a name whose escapes cannot be read')
    if (kept !== dropped) out.push(kept)
  }
  for (const values of [edits.set, edits.add]) {
    for (const [name, value] of values) {
      const filled = fillIn(value, facts, queryEncoding)
      if (filled !== undefined) out.push(`${encodeQuery(name)}=${filled}`)
    }
  }
  return out.join('&')
}

const dropped = Symbol('dropped')

/** @returns `undefined` when the name cannot be read. */
function editPiece(piece: string, edits: QueryEdits): string | typeof dropped | undefined {
  if (piece === '') return edits.keep === undefined ? piece : dropped
  const equals = piece.indexOf('=')
  const name = decodeName(equals === -1 ? piece : piece.slice(0, equals))
  if (name === undefined) return undefined
  if (edits.keep?.has(name) === false || edits.remove.has(name)) return dropped
  const renamed = edits.rename.get(name)
  if (renamed !== undefined) {
    return `${encodeQuery(renamed)}${equals === -1 ? '' : piece.slice(equals)}`
  }
  return edits.set.has(name) || isTarget(name, edits) ? dropped : piece
}

/** A caller's own copy of a name that another is renamed to would be taken for that one. */
function isTarget(name: string, { rename }: QueryEdits): boolean {
  for (const to of rename.values()) {
    if (to === name) return true
  }
  return false
}

/** As forms are decoded (WHATWG URL 5.1): `+` is a blank. */
function decodeName(raw: string): string | undefined {
  try {
    return decodeURIComponent(raw.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

function ambiguous(what: string): Refusal {
  return gatewayErrors.refuse('ambiguous_query', what)
}

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
  /** What a caller cannot say whatever else is in here: `reservedNames` of the others. */
  readonly reserved: ReadonlySet<string>
}

/** Longest name that is configured. */
const longestName = 100

/** The names that are removed, set, or given to others; folded. */
export function reservedNames({
  remove,
  rename,
  set,
}: Pick<QueryEdits, 'remove' | 'rename' | 'set'>): ReadonlySet<string> {
  return new Set([...remove, ...rename.values(), ...set.keys()].map(foldQueryName))
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
    if (edits.set.has(renamed)) return dropped
    return `${encodeQuery(renamed)}${equals === -1 ? '' : piece.slice(equals)}`
  }
  return isReserved(name, edits.reserved) ? dropped : piece
}

/**
 * Invariant: what a service could take for a reserved name is one: `role[]`, `role[0]` and `role[x]` are
 * `role` to those that read lists and maps out of names.
 */
function isReserved(name: string, reserved: ReadonlySet<string>): boolean {
  if (reserved.size === 0) return false
  const written = name.trimStart()
  const folded = foldQueryName(name)
  if (reserved.has(folded)) return true
  let at = written.indexOf('[')
  while (at > 0 && at <= longestName) {
    if (reserved.has(folded.slice(0, at))) return true
    at = written.indexOf('[', at + 1)
  }
  return false
}

/** Signs that cannot stand in a variable's name become one that can, where queries become variables. */
function foldQueryName(name: string): string {
  return name.trimStart().replace(/[ .[]/g, '_')
}

/**
 * Every value of a parameter, also under the names that a service could take for it, whatever their case. Throws when the query
 * can be read in several ways, because then nobody knows what the service will see.
 */
export function readParameter(query: string, name: string): readonly string[] {
  if (query === '') return []
  if (query.includes(';')) throw new TypeError('the query holds a semicolon')
  const names = new Set([foldQueryName(name).toLowerCase()])
  return query.split('&').flatMap((piece) => {
    const equals = piece.indexOf('=')
    const written = decodeName(equals === -1 ? piece : piece.slice(0, equals))
    if (written === undefined) throw new TypeError('the query holds a name that cannot be read')
    if (piece === '' || !isReserved(written.toLowerCase(), names)) return []
    const value = equals === -1 ? '' : decodeName(piece.slice(equals + 1))
    if (value === undefined) throw new TypeError('the query holds a value that cannot be read')
    return [value]
  })
}

/** As forms are decoded (WHATWG URL 5.1): `+` is a blank. A name ends at a zero byte for some, so none may. */
function decodeName(raw: string): string | undefined {
  try {
    const name = decodeURIComponent(raw.replaceAll('+', ' '))
    return name.includes('\0') ? undefined : name
  } catch {
    return undefined
  }
}

function ambiguous(what: string): Refusal {
  return gatewayErrors.refuse('ambiguous_query', what)
}

import type { FactName, Value, ValuePart } from '../../features.ts'
import type { PathSegment } from '../../model.ts'
import { quote } from '../../problems.ts'
import { literalFault } from '../paths.ts'

/** What was found, then what was expected; and what to do. */
export interface ValueFault {
  readonly message: string
  readonly hint: string
}

const facts: readonly FactName[] = [
  'principal.username',
  'principal.subject',
  'requestId',
  'api',
  'route',
]

/** Text, `{{`, `}}`, or something in braces. */
const pieces = /[^{}]+|\{\{|\}\}|\{([^{}]*)\}|[{}]/g

/** Reads a value: literal text, `{parameter}` of the route's path, and `{context:fact}`. */
export function parseValue(text: string, segments: readonly PathSegment[]): Value | ValueFault {
  const parts: ValuePart[] = []
  for (const [piece, inside] of text.matchAll(pieces)) {
    const part = inside === undefined ? readText(piece) : readReference(inside, segments)
    if (typeof part === 'object' && 'message' in part) return part
    const last = parts.at(-1)
    if (typeof part === 'string' && typeof last === 'string') parts[parts.length - 1] = last + part
    else parts.push(part)
  }
  return parts
}

/** Reads the template of a path: canonical literal segments, and parameters as whole segments. */
export function parsePathTemplate(
  text: string,
  segments: readonly PathSegment[],
): Value | ValueFault {
  if (!text.startsWith('/') || text.startsWith('//')) {
    return fault(text, 'a path that begins with one /', 'Segments are literal or {parameter}.')
  }
  if (text === '/') return ['/']
  const written = text.slice(1).split('/')
  const parts: ValuePart[] = []
  for (const [index, segment] of written.entries()) {
    parts.push('/')
    if (segment === '' && index === written.length - 1) continue
    const name = /^\{(.*)\}$/.exec(segment)?.[1]
    const part = name === undefined ? readLiteral(segment) : readParameter(name, segments)
    if (typeof part === 'object' && 'message' in part) return part
    parts.push(part)
  }
  return parts
}

function readText(piece: string): string | ValueFault {
  if (piece === '{{') return '{'
  if (piece === '}}') return '}'
  if (piece === '{' || piece === '}') {
    return fault(piece, '{parameter} or {context:fact}', 'Write {{ or }} for the brace itself.')
  }
  return piece
}

function readReference(
  inside: string,
  segments: readonly PathSegment[],
): Exclude<ValuePart, string> | ValueFault {
  if (!inside.startsWith('context:')) return readParameter(inside, segments)
  const name = inside.slice('context:'.length)
  const fact = facts.find((one) => one === name)
  return fact === undefined
    ? fault(name, `one of ${facts.join(', ')}`, 'Other facts are not offered to values.')
    : { fact }
}

function readParameter(
  inside: string,
  segments: readonly PathSegment[],
): { readonly segment: number; readonly rest: boolean } | ValueFault {
  const name = inside.replace(/\+$/, '')
  const segment = segments.findIndex((one) => one.kind !== 'literal' && one.name === name)
  if (segment !== -1) return { segment, rest: segments[segment]?.kind === 'rest' }
  const known = segments.flatMap((one) => (one.kind === 'literal' ? [] : [`{${one.name}}`]))
  const expected = known.length === 0 ? 'no parameter here' : `one of ${known.join(', ')}`
  return fault(`{${inside}}`, expected, 'Parameters are those of the path of the route.')
}

function readLiteral(segment: string): string | ValueFault {
  if (segment === '') return fault('//', 'no empty segment', 'Remove the doubled slash.')
  const reason = literalFault(segment)
  return reason === undefined
    ? segment
    : fault(segment, reason, 'Parameters stand as whole segments; literals in canonical form.')
}

function fault(found: string, expected: string, hint: string): ValueFault {
  return { message: `found ${quote(found)}, expected ${expected}`, hint }
}

export function isFault(value: Value | ValueFault): value is ValueFault {
  return 'message' in value
}

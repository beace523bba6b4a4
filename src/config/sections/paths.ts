import type { PathSegment } from '../model.ts'
import { quote } from '../problems.ts'

export interface PathFault {
  /** What was found, then what was expected. */
  readonly message: string
  readonly hint: string
}

const longestPath = 1024
const literalShape = /^[A-Za-z0-9._~!$&'()*+,;=:@%-]+$/
const parameterShape = /^\{([A-Za-z_][A-Za-z0-9_-]{0,63})(\+?)\}$/
const canonicalEscape = /%(?![0-9A-F]{2})/
const needlessEscape = /%(?:2D|2E|3\d|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])/
const forbiddenEscape = /%(?:[01][0-9A-F]|7F|2F|5C)/

/**
 * Parses a path pattern: literal segments, `{name}` for one whole segment, `{name+}` at the end for one
 * or more. Literals must be in the canonical form requests are decided in, or they could never match.
 */
export function parsePathPattern(text: string): readonly PathSegment[] | PathFault {
  if (!text.startsWith('/')) return fault(text, 'a path that begins with /', 'Add the slash.')
  if (text.length > longestPath) {
    return fault(text, `at most ${longestPath} characters`, 'Shorten it.')
  }
  if (text === '/') return []
  const parts = text.slice(1).split('/')
  const segments: PathSegment[] = []
  const names = new Set<string>()
  for (const [index, part] of parts.entries()) {
    const segment = parseSegment(part)
    if (!('kind' in segment)) return segment
    if (segment.kind === 'rest' && index < parts.length - 1) {
      return fault(part, 'it as the last segment only', 'What follows could never be told apart.')
    }
    if (segment.kind !== 'literal') {
      if (names.has(segment.name)) return fault(part, 'each name once', 'Rename one of them.')
      names.add(segment.name)
    }
    segments.push(segment)
  }
  return segments
}

function parseSegment(part: string): PathSegment | PathFault {
  if (part === '') {
    return fault('//', 'no empty segment', 'Remove the doubled slash, or the one at the end.')
  }
  if (part.includes('{') || part.includes('}')) {
    const match = parameterShape.exec(part)
    if (match === null) return fault(part, '{name} or {name+} as a whole segment', 'Split it.')
    const name = match[1] ?? ''
    return match[2] === '+' ? { kind: 'rest', name } : { kind: 'parameter', name }
  }
  const reason = literalFault(part)
  return reason === undefined ? { kind: 'literal', text: part } : fault(part, reason, canonicalHint)
}

const canonicalHint =
  'Requests are brought into one canonical form before they are matched; write the pattern in it.'

/** Why a segment is not literal text in canonical form. */
export function literalFault(part: string): string | undefined {
  if (!literalShape.test(part)) return 'only characters a path can hold'
  if (/^\.{1,2}(?:;|$)/.test(part)) return 'no dot segment'
  if (canonicalEscape.test(part)) return '% followed by two upper-case hexadecimal digits'
  if (forbiddenEscape.test(part)) return 'no escaped slash, backslash or control character'
  if (needlessEscape.test(part)) return 'letters, digits, `-`, `.`, `_` and `~` unescaped'
  return undefined
}

/** Equal for two patterns that match the same paths. */
export function pathShape(segments: readonly PathSegment[]): string {
  const parts = segments.map((segment) => {
    if (segment.kind === 'literal') return segment.text
    return segment.kind === 'rest' ? '{+}' : '{}'
  })
  return `/${parts.join('/')}`
}

function fault(found: string, expected: string, hint: string): PathFault {
  return { message: `found ${quote(found)}, expected ${expected}`, hint }
}

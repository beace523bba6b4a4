import type { Refusal } from '../../core/index.ts'
import { gatewayErrors } from '../errors.ts'

/** A request target in its one normal form: what is decided on, forwarded, and written down. */
export interface Target {
  /** Begins with `/`; no dot segments, no empty segments, unreserved characters never encoded. */
  readonly path: string
  /** Without the question mark; empty when there is none. Never takes part in matching. */
  readonly query: string
}

const longest = 8192
/** Paths with nothing to normalize: no `%`, no `;`, no segment that begins with a dot or is empty. */
const plain = /^\/(?:[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*(?:\/|$))*$/
const visible = /^[!-~]*$/
const unreserved = /^[A-Za-z0-9._~-]$/
/** Bytes that are UTF-8 to a careless decoder only: it may read a dot or a slash (RFC 3629 3). */
const overlong = /%C[01]%[89AB]|%E0%[89]|%F0%8/
const pathCharacter = /^[A-Za-z0-9._~!$&'()*+,;=:@/-]$/

/**
 * Parses an origin-form target (RFC 9112 3.2.1). Anything that two programs could read differently is
 * refused: never repaired, never passed on. The URL parser of the runtime is not used, because it turns
 * `//evil/x` into a host.
 */
export function parseTarget(raw: string): Target | Refusal {
  if (raw.length > longest) return gatewayErrors.refuse('target_too_long')
  const mark = raw.indexOf('?')
  const rawPath = mark === -1 ? raw : raw.slice(0, mark)
  const query = mark === -1 ? '' : raw.slice(mark + 1)
  if (query !== '' && (!visible.test(query) || query.includes('#'))) {
    return gatewayErrors.refuse('malformed', 'the query holds a character that may not stand there')
  }
  if (plain.test(rawPath)) return { path: rawPath, query }
  const path = normalizePath(rawPath)
  return typeof path === 'string' ? { path, query } : path
}

const absolute = /^(https?):\/\/([^/?#]+)(?=[/?]|$)(.*)$/is

/**
 * The origin form of a target in absolute form, which every server has to take (RFC 9112 3.2.2). One that
 * names another scheme or host than the request came for stays as it is, and is refused as such.
 */
export function originForm(raw: string, scheme: 'http' | 'https', host: string): string {
  const [, itsScheme = '', itsHost = '', rest = ''] = absolute.exec(raw) ?? []
  const same = itsScheme.toLowerCase() === scheme && itsHost.toLowerCase() === host.toLowerCase()
  if (!same) return raw
  return rest.startsWith('/') ? rest : `/${rest}`
}

function normalizePath(raw: string): string | Refusal {
  if (!raw.startsWith('/')) {
    return gatewayErrors.refuse('malformed', 'the target is not in origin form')
  }
  const decoded = decodeOnce(raw)
  if (decoded === undefined) {
    return gatewayErrors.refuse(
      'ambiguous_path',
      'a character or escape that may not stand in a path',
    )
  }
  if (overlong.test(decoded)) {
    return gatewayErrors.refuse('ambiguous_path', 'a character in more bytes than it needs')
  }
  const segments = decoded.slice(1).split('/')
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1
    if (isAmbiguous(segment, isLast)) {
      return gatewayErrors.refuse('ambiguous_path', 'a dot, empty or parameter-only segment')
    }
  }
  return decoded
}

/** `..;x` and `;x` are `..` and an empty segment to servers that strip parameters. */
function isAmbiguous(segment: string, isLast: boolean): boolean {
  const semicolon = segment.indexOf(';')
  const name = semicolon === -1 ? segment : segment.slice(0, semicolon)
  if (name === '.' || name === '..') return true
  return name === '' && !(isLast && segment === '')
}

/** Decodes what never needs an escape, keeps other escapes in upper case; `undefined` = refused. */
function decodeOnce(raw: string): string | undefined {
  let path = ''
  for (let at = 0; at < raw.length; at++) {
    const character = raw[at] ?? ''
    if (character !== '%') {
      if (!pathCharacter.test(character)) return undefined
      path += character
      continue
    }
    const hex = raw.slice(at + 1, at + 3)
    if (!/^[0-9A-Fa-f]{2}$/.test(hex)) return undefined
    const kept = decodeEscape(hex)
    if (kept === undefined) return undefined
    path += kept
    at += 2
  }
  return path
}

function decodeEscape(hex: string): string | undefined {
  const code = Number.parseInt(hex, 16)
  if (code < 0x20 || code === 0x7f) return undefined
  const character = String.fromCharCode(code)
  if (character === '/' || character === '\\') return undefined
  return unreserved.test(character) ? character : `%${hex.toUpperCase()}`
}

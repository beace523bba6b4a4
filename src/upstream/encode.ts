import { invariant, unreachable } from '../core/index.ts'
import { isFieldValue, isToken, NameMemory } from '../http1/index.ts'
import type { OutgoingRequest, RequestFraming } from './contract.ts'

/** Methods whose requests are expected to say how long they are (RFC 9110 8.6). */
const expectsLength: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

/**
 * Writes a request head with its empty line, for the wire as latin1.
 *
 * Invariant: nothing a caller of ours passes can add a line or a second framing; the stages before
 * have filtered already, so a violation is a bug and stops the request.
 *
 * @param protocol - the protocol to ask for, for an upgrade.
 */
export function encodeHead(request: OutgoingRequest, protocol?: string): string {
  const { method, target, headers, framing } = request
  methods.of(method)
  invariant(/^[\x21-\x7e]+$/.test(target), 'request target holds a blank or control byte')
  let text = `${method} ${target} HTTP/1.1`
  let hosts = 0
  for (let at = 0; at < headers.length; at += 2) {
    const { kind, opening } = names.of(headers[at] ?? '')
    const value = headers[at + 1]
    invariant(
      value !== undefined && isSound(value, kind),
      'request header value holds a control byte',
    )
    if (kind === 'host') hosts += 1
    text += opening
    text += value
  }
  invariant(hosts === 1, 'a request has exactly one host')
  return `${text}${framingLine(method, framing)}${upgradeLines(protocol)}\r\n\r\n`
}

const methods = new NameMemory<true>((method) => {
  invariant(isToken(method), 'request method is not a token')
  return true
})

type NameKind = 'host' | 'vouching' | 'other'

/** How a line begins whose name may be written. The names that only this file writes may not. */
const names = new NameMemory<{ readonly kind: NameKind; readonly opening: string }>((name) => {
  invariant(isToken(name), 'request header name is not a token')
  invariant(!ownNames.has(name.toLowerCase()), 'a request header about framing or connection')
  return { kind: kindOf(name.toLowerCase()), opening: `\r\n${name}: ` }
})

function kindOf(name: string): NameKind {
  if (name === 'host') return name
  return name === 'x-proofgate-assertion' ? 'vouching' : 'other'
}

const longestJudged = 2048
/** A power of two. */
const mostJudged = 1024
/**
 * Values that were sound, each at a place of its own: what vouches for a caller is long, and the same for many
 * of its requests. It is compared and never hashed, which a text of somebody who comes once would be for nothing.
 */
const judged: (string | undefined)[] = Array.from({ length: mostJudged }, () => undefined)
/** What came last at each place. Only what comes twice in a row is remembered: others would live on for nothing. */
const cameLast = new Int32Array(mostJudged)

function isSound(value: string, kind: NameKind): boolean {
  if (kind !== 'vouching' || value.length > longestJudged) return isFieldValue(value)
  const place = placeOf(value)
  if (judged[place] === value) return true
  if (!isFieldValue(value)) return false
  const mark = markOf(value)
  if (cameLast[place] === mark) judged[place] = value
  cameLast[place] = mark
  return true
}

function markOf(value: string): number {
  const middle = value.length - 40
  let mark = 0
  for (let at = middle; at < middle + 5; at += 1) mark = (mark << 6) ^ value.charCodeAt(at)
  return mark
}

/** By its end, which is that of a signature; the very last character says little. */
function placeOf(value: string): number {
  const end = value.length
  return (value.charCodeAt(end - 2) * 61 + value.charCodeAt(end - 3)) & (mostJudged - 1)
}

const ownNames: ReadonlySet<string> = new Set([
  'te',
  'upgrade',
  'connection',
  'keep-alive',
  'content-length',
  'proxy-connection',
  'transfer-encoding',
])

// Each line begins with the end of the one before.

function framingLine(method: string, framing: RequestFraming): string {
  switch (framing.kind) {
    case 'length':
      invariant(Number.isSafeInteger(framing.length) && framing.length >= 0, 'not a body length')
      return `\r\ncontent-length: ${framing.length}`
    case 'chunked':
      return '\r\ntransfer-encoding: chunked'
    case 'none':
      return expectsLength.has(method) ? '\r\ncontent-length: 0' : ''
    default:
      return unreachable(framing)
  }
}

function upgradeLines(protocol: string | undefined): string {
  if (protocol === undefined) return ''
  invariant(isToken(protocol), 'upgrade protocol is not a token')
  return `\r\nconnection: upgrade\r\nupgrade: ${protocol}`
}

import { invariant, unreachable } from '../core/index.ts'
import { isFieldValue, isToken } from '../http1/index.ts'
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
  invariant(isToken(method), 'request method is not a token')
  invariant(/^[\x21-\x7e]+$/.test(target), 'request target holds a blank or control byte')
  let text = `${method} ${target} HTTP/1.1\r\n`
  let hosts = 0
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? ''
    const value = headers[at + 1]
    invariant(isToken(name) && value !== undefined, 'request header name is not a token')
    invariant(isFieldValue(value), 'request header value holds a control byte')
    if (isHost(name)) hosts += 1
    text += `${name}: ${value}\r\n`
  }
  invariant(hosts === 1, 'a request has exactly one host')
  return `${text}${framingLines(method, framing)}${upgradeLines(protocol)}\r\n`
}

/** Whether a name is `host`; stops at the names that only this file writes. */
function isHost(name: string): boolean {
  // Lower-cased only at the lengths such names have: this runs for every header of every request.
  switch (name.length) {
    case 4:
      return name.toLowerCase() === 'host'
    case 2:
    case 7:
    case 10:
    case 14:
    case 16:
    case 17:
      invariant(!ownNames.has(name.toLowerCase()), 'a request header about framing or connection')
      return false
    default:
      return false
  }
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

function framingLines(method: string, framing: RequestFraming): string {
  switch (framing.kind) {
    case 'length':
      invariant(Number.isSafeInteger(framing.length) && framing.length >= 0, 'not a body length')
      return `content-length: ${framing.length}\r\n`
    case 'chunked':
      return 'transfer-encoding: chunked\r\n'
    case 'none':
      return expectsLength.has(method) ? 'content-length: 0\r\n' : ''
    default:
      return unreachable(framing)
  }
}

function upgradeLines(protocol: string | undefined): string {
  if (protocol === undefined) return ''
  invariant(isToken(protocol), 'upgrade protocol is not a token')
  return `connection: upgrade\r\nupgrade: ${protocol}\r\n`
}

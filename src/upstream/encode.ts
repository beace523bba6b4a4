import { invariant, unreachable } from '../core/index.ts'
import { isToken, NameMemory } from '../http1/index.ts'
import type { OutgoingRequest, RequestFraming } from './contract.ts'
import { writeLines } from './header-lines.ts'

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
  const own = writeLines(headers)
  const common = request.common?.written
  invariant(own.hosts + (common?.hosts ?? 0) === 1, 'a request has exactly one host')
  const lines = common === undefined ? own.text : common.text + own.text
  return `${method} ${target} HTTP/1.1${lines}${framingLine(method, framing)}${upgradeLines(protocol)}\r\n\r\n`
}

const methods = new NameMemory<true>((method) => {
  invariant(isToken(method), 'request method is not a token')
  return true
})

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

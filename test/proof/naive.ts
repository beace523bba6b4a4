import { createHash } from 'node:crypto'

/*
 * docs/proof-format.md written down a second time, as plainly as it goes and without a line of ours, so that
 * what the document says and what the gateway does are held to each other.
 */

export interface NaiveRequest {
  readonly method: string
  readonly authority: string
  readonly target: string
  /** Names in lower case, sorted; each with its values in their order. */
  readonly headers: readonly (readonly [string, readonly string[]])[]
  /** Hex. */
  readonly content: string
}

export function naiveCanonical(request: NaiveRequest): string {
  const headers = request.headers.map(
    ([name, values]) => `[${quote(name)},[${values.map(quote).join(',')}]]`,
  )
  return (
    '["proofgate-request/1",' +
    `${quote(request.method)},${quote(request.authority)},${quote(request.target)},` +
    `[${headers.join(',')}],` +
    `"${base64url(sha256(Buffer.from(request.content, 'hex')))}"]`
  )
}

export function naiveDigest(request: NaiveRequest): string {
  return base64url(sha256(Buffer.from(naiveCanonical(request), 'utf8')))
}

const order = [
  'type',
  'scope',
  'id',
  'request',
  'method',
  'authority',
  'target',
  'sentence',
  'audience',
  'subject',
  'name',
  'session',
  'token',
  'client',
  'address',
  'configuration',
  'decision',
  'approvers',
  'issuedAt',
  'expiresAt',
]
const approversOrder = ['self', 'others', 'groups', 'attested', 'separate']

export function naiveStatement(members: Readonly<Record<string, unknown>>): string {
  const all: Record<string, unknown> = {
    ...members,
    type: 'proofgate-statement/1',
    scope: 'once',
  }
  return objectText(all, order)
}

function objectText(members: Readonly<Record<string, unknown>>, names: readonly string[]): string {
  return `{${names.map((name) => `${quote(name)}:${valueText(members[name])}`).join(',')}}`
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return quote(value)
  if (Array.isArray(value)) return `[${value.map(valueText).join(',')}]`
  if (typeof value === 'object') {
    return objectText(value as Record<string, unknown>, approversOrder)
  }
  return typeof value === 'number' ? value.toString() : value === true ? 'true' : 'false'
}

const short: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

/** Everything as it is, but for what JSON cannot hold: by its short escape, or by its number in lower case. */
function quote(text: string): string {
  let quoted = ''
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    const pair = isHigh(unit) && isLow(text.charCodeAt(at + 1))
    if (pair) quoted += text.slice(at, at + 2)
    else if (short[text.charAt(at)] !== undefined) quoted += short[text.charAt(at)]
    else if (unit < 0x20 || isHigh(unit) || isLow(unit)) {
      quoted += `\\u${unit.toString(16).padStart(4, '0')}`
    } else quoted += text.charAt(at)
    if (pair) at++
  }
  return `"${quoted}"`
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff
}

/** @param nonce - 32 bytes in hex. */
export function naiveChallenge(nonce: string, statement: string): string {
  const tag = Buffer.from('70726f6f66676174652d726571756573742d70726f6f662f3100', 'hex')
  const digest = sha256(Buffer.from(statement, 'utf8'))
  return base64url(sha256(Buffer.concat([tag, Buffer.from(nonce, 'hex'), digest])))
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

function base64url(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

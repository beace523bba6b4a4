import type { Random } from './random.ts'

/** Bytes an upstream might send, and what they would be an answer to. */
export interface FuzzCase {
  readonly bytes: Buffer
  readonly headRequest: boolean
  readonly upgrade: string | undefined
  /** The upstream closes its side behind them. */
  readonly closed: boolean
  readonly maxHeaderBytes: number
}

/** A response that is nearly right: made by the grammar, bent at a few places, sometimes more than one. */
export function makeCase(random: Random): FuzzCase {
  let text = ''
  for (let hints = random.chance(15) ? random.below(11) : 0; hints > 0; hints--) {
    text += `HTTP/1.1 ${random.pick(['100', '102', '103', '199'])} Hint\r\n${headers(random, 2)}\r\n`
  }
  text += response(random)
  if (random.chance(12)) text += response(random)
  const upgrade = random.chance(10) ? 'websocket' : undefined
  if (upgrade !== undefined && random.chance(50)) {
    text = `HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${headers(random, 2)}\r\n${text}`
  }
  const bytes = bend(Buffer.from(text, 'latin1'), random)
  return {
    bytes,
    headRequest: random.chance(10),
    upgrade,
    closed: random.chance(50),
    maxHeaderBytes: random.pick([200, 1024, 4096]),
  }
}

function response(random: Random): string {
  const chunked = random.chance(40)
  const body = text(random, random.below(40))
  const lines = [statusLine(random), ...(chunked ? [transferEncoding(random)] : [])]
  if (!chunked && random.chance(75)) lines.push(`Content-Length: ${lengthOf(random, body)}`)
  const framed = chunked ? chunks(random, body) : body
  return `${lines.join(lineEnd(random))}\r\n${headers(random, random.chance(1) ? 300 : 6)}\r\n${framed}`
}

function statusLine(random: Random): string {
  if (random.chance(93)) return `HTTP/1.1 ${status(random)} OK`
  const version = random.pick([
    'HTTP/1.0',
    'HTTP/1.1',
    'HTTP/1.2',
    'HTTP/2.0',
    'HTTP/1',
    'http/1.1',
    'HTTP/1.10',
    'ICY',
  ])
  const gap = random.pick([' ', '  ', '\t', ''])
  return `${version}${gap}${status(random)}${random.pick(['', ' ', ' OK', ' O\tK', ' \xe9', '  OK ', 'OK'])}`
}

function status(random: Random): string {
  if (random.chance(80)) return '200'
  if (random.chance(70)) return random.pick(['204', '304', '404', '500', '599'])
  return random.pick([
    '101',
    '204',
    '304',
    '404',
    '500',
    '599',
    '600',
    '999',
    '000',
    '99',
    '0200',
    '1000',
    '2 0',
    '-20',
    '20x',
  ])
}

export function transferEncoding(random: Random): string {
  if (random.chance(85)) return 'Transfer-Encoding: chunked'
  const name = random.pick([
    'Transfer-Encoding',
    'transfer-encoding',
    'Transfer_Encoding',
    'Transfer-Encoding ',
    ' Transfer-Encoding',
  ])
  return `${name}:${random.pick(['chunked', ' Chunked', ' chunked ', '\tchunked', ' gzip, chunked', ' chunked, chunked', ' chunked;x', ' identity', ' x', '', ' "chunked"', '\x0bchunked'])}`
}

export function lengthOf(random: Random, body: string): string {
  if (random.chance(85)) return String(body.length)
  const { length } = body
  return random.pick([
    String(length + 1),
    String(Math.max(0, length - 1)),
    `0${length}`,
    `+${length}`,
    `-${length}`,
    `${length}, ${length}`,
    `${length} ${length}`,
    `0x${length.toString(16)}`,
    `${length}.0`,
    '',
    '9007199254740993',
    '18446744073709551617',
    `${length}\t`,
    `\x0c${length}`,
  ])
}

const fields: readonly [string, ...string[]] = [
  'A: b',
  'A:b',
  'Connection: close',
  'Connection: keep-alive',
  'Connection: Upgrade',
  'Connection: X, a',
  'Connection:',
  'Upgrade: websocket',
  'Upgrade: h2c',
  'Keep-Alive: timeout=5',
  'Keep-Alive: timeout=1',
  'Set-Cookie: a=b',
  'Trailer: T',
  'Proxy-Connection: close',
  'TE: trailers',
  'X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  'Odd: \xff\x80',
]
const oddFields: readonly [string, ...string[]] = [
  'A : b',
  ' A: b',
  'A: b\r\n c',
  'A: b\n',
  'A',
  ': b',
  'A: b\rc',
  'A: b\0c',
  'A\0: b',
  'Content-Length: 3\r\nContent-Length: 3',
  'Content-Length: 3',
  'Content-Length: 0',
  'Transfer-Encoding: chunked',
  'A: b\x7f',
  'A\xe9: b',
  '',
]

export function headers(random: Random, most: number): string {
  let lines = ''
  for (let count = random.below(most + 1); count > 0; count--) {
    lines += `${random.chance(99) ? random.pick(fields) : random.pick(oddFields)}${lineEnd(random)}`
  }
  return lines
}

export function lineEnd(random: Random): string {
  return random.chance(995, 1000) ? '\r\n' : random.pick(['\n', '\r', '\r\r\n', ' \r\n', '\n\r'])
}

export function chunks(random: Random, body: string): string {
  let coded = ''
  for (let at = 0; at < body.length;) {
    const piece = body.slice(at, at + 1 + random.below(12))
    at += piece.length
    coded += `${chunkSize(random, piece.length)}${lineEnd(random)}${piece}${lineEnd(random)}`
  }
  const last = random.chance(95) ? '0' : random.pick(['00', '0;x', '', '-0', '0 ', '0x0'])
  const trailers = random.chance(25) ? headers(random, 3) : ''
  return `${coded}${last}${lineEnd(random)}${trailers}${random.chance(95) ? '\r\n' : ''}`
}

function chunkSize(random: Random, length: number): string {
  const hex = length.toString(16)
  if (random.chance(90)) return random.chance(50) ? hex : hex.toUpperCase()
  return random.pick([
    `0${hex}`,
    `${hex};a=b`,
    `${hex};a="b\r\nc"`,
    `${hex} `,
    ` ${hex}`,
    `${hex} ;a`,
    `+${hex}`,
    `0x${hex}`,
    `${hex}\t`,
    (length + 1).toString(16),
    `${'0'.repeat(15)}${hex}`,
    `${'0'.repeat(20)}${hex}`,
    'ffffffffffffffff',
    'fffffffffffffffff',
    `${hex};\x01`,
    'g',
  ])
}

export function text(random: Random, length: number): string {
  if (random.chance(70)) return 'b'.repeat(length)
  const bytes = Array.from({ length }, () => random.pick([13, 10, 48, 72, 0, 255, 97, 58, 32]))
  return Buffer.from(bytes).toString('latin1')
}

const special: readonly [number, ...number[]] = [
  0, 9, 10, 11, 13, 32, 44, 48, 58, 59, 97, 127, 128, 255,
]

/** Up to three changes of a byte or a stretch. */
export function bend(bytes: Buffer, random: Random): Buffer {
  let bent = bytes
  for (let count = random.chance(65) ? 0 : 1 + random.below(3); count > 0; count--) {
    const at = random.below(bent.length + 1)
    const length = random.below(6)
    const [before, after] = [bent.subarray(0, at), bent.subarray(at)]
    switch (random.below(6)) {
      case 0:
        if (at < bent.length) bent[at] = random.pick(special)
        break
      case 1:
        if (at < bent.length) bent[at] = random.below(256)
        break
      case 2:
        bent = Buffer.concat([before, Buffer.from([random.pick(special)]), after])
        break
      case 3:
        bent = Buffer.concat([before, after.subarray(length)])
        break
      case 4:
        bent = Buffer.concat([before, after.subarray(0, length), after])
        break
      default:
        if (random.chance(30)) bent = before
        break
    }
  }
  return bent.length === 0 ? Buffer.from('H') : bent
}

import {
  ConnectionProblem,
  ErrorCode,
  FrameReader,
  HeaderDecoder,
  headersFrame,
  pingFrame,
  settingsFrame,
  windowUpdateFrame,
} from '../../src/http2/index.ts'
import { frame } from '../http2/read.ts'
import { Random } from './random.ts'

const limits = { bytes: 400, count: 8 }
const bounds = { maxFrameSize: 16_384, maxBlockBytes: 8192, expectPreface: false }
const codes: ReadonlySet<number> = new Set(Object.values(ErrorCode))

/** How connections ended, to see that the generator reaches all of it. */
export type Http2Tally = Record<'sound' | 'wrong' | 'fields' | 'tooLarge' | 'malformed', number>

/**
 * Makes the bytes of one connection at random, nearly right, and reads them whole and in pieces: always the
 * same, never more than the limits, never an exception. Throws with what is wrong.
 */
export function checkConnection(seed: number, index: number, tally: Http2Tally): void {
  const random = new Random(seed, index)
  const bytes = makeConnection(random)
  try {
    const whole = read(bytes, [bytes.length], tally)
    for (const stride of [1, 2, 9, 40]) {
      const cuts: number[] = []
      for (let at = 1 + random.below(stride); at < bytes.length; at += 1 + random.below(stride)) {
        cuts.push(at)
      }
      const found = read(bytes, [...cuts, bytes.length])
      if (found !== whole) throw new Error(`cut at ${cuts.join()}: ${found}\nwhole: ${whole}`)
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const made = bytes.toString('hex')
    throw new Error(`seed ${seed} connection ${index}: ${reason}\n${made}`, { cause: error })
  }
}

function read(bytes: Buffer, ends: readonly number[], tally?: Http2Tally): string {
  const found: unknown[] = []
  const decoder = new HeaderDecoder(4096)
  const note = (...what: unknown[]): void => {
    found.push(what)
  }
  const reader = new FrameReader(
    {
      data: (stream, { octets, flowed, ends }) => {
        // Pieces of a frame are put together again.
        const last = found.at(-1)
        const goesOn =
          Array.isArray(last) && last[0] === 'data' && last[1] === stream && last[4] === false
        const [, , hex, sum] = goesOn ? (last as [string, number, string, number]) : ['', 0, '', 0]
        if (goesOn) found.pop()
        note('data', stream, hex + octets.toString('hex'), sum + flowed, ends)
      },
      headers: (stream, block, end) => {
        const list = decoder.decode(block, limits)
        note('headers', stream, end, list instanceof ConnectionProblem ? list.detail : list)
        if (list instanceof ConnectionProblem) reader.stop()
        else count(list, tally)
      },
      reset: (stream, code) => note('reset', stream, code),
      settings: (payload) => note('settings', payload.toString('hex')),
      settingsAck: () => note('settingsAck'),
      ping: (opaque) => note('ping', opaque),
      pingAck: (opaque) => note('pingAck', opaque),
      goaway: (last, code) => note('goaway', last, code),
      windowUpdate: (stream, increment) => note('windowUpdate', stream, increment),
      ignored: (type, stream) => note('ignored', type, stream),
    },
    bounds,
  )
  let from = 0
  let problem: ConnectionProblem | undefined
  for (const end of ends) {
    problem = reader.feed(Buffer.from(bytes.subarray(from, end)))
    from = end
  }
  if (problem !== undefined && !codes.has(problem.code)) throw new Error('a code of no error')
  if (tally !== undefined) tally[problem === undefined ? 'sound' : 'wrong'] += 1
  return JSON.stringify([found, problem])
}

function count(
  list: { fields: readonly string[]; tooLarge: boolean; malformed: string | undefined },
  tally: Http2Tally | undefined,
): void {
  let size = 0
  for (let at = 0; at < list.fields.length; at += 2) {
    const [name = '', value = ''] = list.fields.slice(at)
    size += name.length + value.length + 32
    const isSound = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name) && !/[\0\r\n]/.test(value)
    if (!isSound && list.malformed === undefined) throw new Error('an unsound field')
  }
  if (size > limits.bytes || list.fields.length > limits.count * 2)
    throw new Error('over the limit')
  if (tally === undefined) return
  const kind = list.tooLarge ? 'tooLarge' : list.malformed === undefined ? 'fields' : 'malformed'
  tally[kind] += 1
}

function makeConnection(random: Random): Buffer {
  let text = random.chance(98) ? settingsFrame([[random.below(9), random.below(70_000)]]) : ''
  for (let frames = random.below(12); frames > 0; frames--) text += makeFrame(random)
  const bytes = Buffer.from(text, 'latin1')
  for (let bends = random.chance(75) ? 0 : 1 + random.below(3); bends > 0; bends--) {
    if (bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256)
  }
  return random.chance(10) ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes
}

function makeFrame(random: Random): string {
  const stream = 1 + 2 * random.below(4)
  switch (random.below(8)) {
    case 0:
      return pingFrame('12345678')
    case 1:
      return windowUpdateFrame(random.chance(50) ? 0 : stream, 1 + random.below(2 ** 31 - 1))
    case 2:
      return frame(0, random.pick([0, 1, 8, 9]), stream, octets(random, random.below(30)))
    case 3:
      return frame(random.below(12), random.below(256), random.pick([0, stream]), octets(random, 8))
    default: {
      const maxFrameSize = random.chance(80) ? 16_384 : 1 + random.below(20)
      return headersFrame(stream, makeBlock(random), { endStream: random.chance(50), maxFrameSize })
    }
  }
}

/** A field block, nearly right. */
function makeBlock(random: Random): string {
  let block = random.chance(10) ? String.fromCharCode(0x20 + random.below(32)) : ''
  for (let lines = random.below(12); lines > 0; lines--) block += makeLine(random)
  return block
}

function makeLine(random: Random): string {
  if (random.chance(55))
    return String.fromCharCode(0x80 + 1 + random.below(random.chance(95) ? 64 : 126))
  const first = random.pick([0x00, 0x10, 0x40])
  const named = random.chance(50)
  const name = named ? '' : string(random, random.pick(['a', 'x-b', 'te', 'A', 'b c', '']))
  const index = named ? 1 + random.below(14) : 0
  const value = random.chance(2) ? 'v'.repeat(120) : random.pick(['', 'v', 'a value', ' v', 'v\n'])
  return String.fromCharCode(first + index) + name + string(random, value)
}

/** Sometimes said to be Huffman code, which it is by chance only. */
function string(random: Random, text: string): string {
  return String.fromCharCode((random.chance(3) ? 0x80 : 0) + text.length) + text
}

function octets(random: Random, length: number): string {
  return String.fromCharCode(...Array.from({ length }, () => random.below(256)))
}

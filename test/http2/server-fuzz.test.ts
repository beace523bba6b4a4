import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { FrameReader, ServerConnection } from '../../src/http2/index.ts'
import type { DataPiece, FrameSink, Stream, StreamUser } from '../../src/http2/index.ts'
import { Random } from '../fuzz/random.ts'
import {
  block,
  continuation,
  data,
  frame,
  headers,
  ping,
  preface,
  rstStream,
  settings,
  windowUpdate,
} from '../kit/h2-frames.ts'
import type { Fields } from '../kit/h2-frames.ts'

/*
 * Frames in an order that nobody would choose, at a server that answers in ways that nobody would. What it
 * sends has to be HTTP/2 all the same, within the windows it was given, and nothing may be left behind.
 */

const cases = 1500
const seed = 20_261_123
const usual: Fields = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'gw'],
]

/** What a client may conclude from the frames of a server; fails where it concludes nonsense. */
class Witness implements FrameSink {
  readonly reader = new FrameReader(this, {
    maxFrameSize: 16_384,
    maxBlockBytes: 65_536,
    expectPreface: false,
  })
  /** Octets that may come on the connection, and on each stream beyond the largest initial window. */
  room = 65_535
  initial = 65_535
  readonly granted = new Map<number, number>()
  readonly #received = new Map<number, number>()
  readonly #ended = new Set<number>()
  readonly #begun = new Set<number>()
  #left = Infinity

  data(stream: number, { flowed, ends: endStream }: DataPiece): void {
    assert.ok(this.#begun.has(stream), 'a body behind its head')
    this.#live(stream, endStream)
    this.room -= flowed
    assert.ok(this.room >= 0, 'within the window of the connection')
    const received = (this.#received.get(stream) ?? 0) + flowed
    this.#received.set(stream, received)
    const most = this.initial + (this.granted.get(stream) ?? 0)
    assert.ok(flowed === 0 || received <= most, 'within the window of the stream')
  }

  headers(stream: number, _block: Buffer, endStream: boolean): void {
    this.#begun.add(stream)
    this.#live(stream, endStream)
  }

  reset(stream: number): void {
    this.#ended.add(-stream)
    this.#ended.add(stream)
  }

  goaway(last: number): void {
    assert.ok(last <= this.#left, 'the last stream only goes down')
    this.#left = last
  }

  windowUpdate(_stream: number, increment: number): void {
    assert.ok(increment > 0)
  }

  settings(): void {
    // Nothing depends on it.
  }

  settingsAck(): void {
    // The same.
  }

  ping(): void {
    // The same.
  }

  pingAck(): void {
    // The same.
  }

  ignored(type: number): void {
    assert.fail(`a frame of type ${type}`)
  }

  #live(stream: number, endStream: boolean): void {
    assert.ok(stream % 2 === 1 && !this.#ended.has(stream), 'nothing behind an end')
    if (endStream) this.#ended.add(stream)
  }
}

/** Serves as the random numbers say, and counts what it hears of the end. */
class User implements StreamUser {
  closes = 0
  #begun = false
  readonly #random: Random
  readonly #stream: Stream

  constructor(stream: Stream, random: Random) {
    this.#stream = stream
    this.#random = random
  }

  act(): void {
    const stream = this.#stream
    const random = this.#random
    if (random.chance(60)) stream.resume()
    if (!this.#begun && random.chance(10)) stream.inform([':status', '103'])
    if (random.chance(80)) this.answer()
    if (random.chance(10)) stream.reset(8)
    if (random.chance(10)) stream.pause()
  }

  answer(): void {
    const stream = this.#stream
    const random = this.#random
    if (this.#begun) return
    this.#begun = true
    stream.begin([':status', '200'])
    for (let n = random.below(4); n > 0; n--) {
      stream.write(
        random.chance(50) ? 'x'.repeat(random.below(300)) : Buffer.alloc(random.below(60_000)),
      )
    }
    if (random.chance(70)) stream.end(random.chance(20) ? ['x-t', '1'] : undefined)
  }

  onData(): void {
    if (this.#random.chance(20)) this.#stream.pause()
    if (this.#random.chance(5)) this.#stream.reset(2)
  }

  onEnd(): void {
    if (this.#begun && this.#random.chance(30)) this.#stream.end()
  }

  onDrain(): void {
    if (this.#random.chance(50)) this.#stream.write('more')
  }

  onClose(): void {
    this.closes += 1
  }
}

/** A client that keeps to the rules, but for `wildness` times in a hundred. */
class Client {
  readonly #random: Random
  readonly #witness: Witness
  readonly #wildness: number
  readonly #open: number[] = []
  #last = -1

  constructor(random: Random, witness: Witness) {
    this.#random = random
    this.#witness = witness
    this.#wildness = random.pick([0, 0, 1, 5, 30])
  }

  frame(): Buffer {
    const random = this.#random
    if (random.chance(this.#wildness)) return this.#wild()
    const index = random.below(this.#open.length)
    const stream = this.#open[index]
    const choice = random.below(10)
    if (stream === undefined || choice < 3) return this.#begin()
    const ends = random.chance(40)
    if (ends && choice < 8) this.#open.splice(index, 1)
    if (choice < 6) return data(stream, Buffer.alloc(random.below(5000)), ends)
    if (choice < 8) return ends ? rstStream(stream, 8) : this.#settings()
    return this.#window(random.chance(40) ? 0 : stream, 1 + random.below(40_000))
  }

  #begin(): Buffer {
    this.#last += 2
    const end = this.#random.chance(50)
    if (!end) this.#open.push(this.#last)
    if (this.#random.chance(80)) return headers(this.#last, usual, { end })
    const first = headers(this.#last, usual, { end, endHeaders: false })
    return Buffer.concat([first, continuation(this.#last, block([['x', 'y']]), true)])
  }

  #settings(): Buffer {
    const initial = this.#random.pick([0, 1, 500, 65_535, 200_000])
    this.#witness.initial = Math.max(this.#witness.initial, initial)
    return settings({ 1: this.#random.below(5000), 4: initial, 99: 1 })
  }

  #window(stream: number, increment: number): Buffer {
    const witness = this.#witness
    if (stream === 0) witness.room += increment
    else witness.granted.set(stream, (witness.granted.get(stream) ?? 0) + increment)
    return windowUpdate(stream, increment)
  }

  #wild(): Buffer {
    const random = this.#random
    const stream = random.below(this.#last + 3)
    switch (random.below(6)) {
      case 0:
        return headers(stream, [['x', 'y']], { end: random.chance(90) })
      case 1:
        return data(stream, Buffer.alloc(random.below(9000)), random.chance(40))
      case 2:
        return this.#window(stream, random.pick([0, 1, 0x7fffffff]))
      case 3:
        return rstStream(stream, random.below(14))
      case 4:
        return random.chance(50) ? ping(random.chance(50)) : headers(stream, usual)
      default:
        return frame(
          random.pick([0, 1, 2, 3, 4, 5, 6, 7, 9, 10]),
          random.below(256),
          stream,
          Buffer.alloc(random.below(20), random.below(256)),
        )
    }
  }
}

async function runCase(random: Random): Promise<'served' | 'failed'> {
  const [client, side] = duplexPair()
  const witness = new Witness()
  const users: User[] = []
  const served: Stream[] = []
  let failures = 0
  let closed = 0
  const connection = new ServerConnection(
    side,
    { headerBytes: 16_384, streams: 5 },
    {
      onFields: (stream) => {
        const user = new User(stream, random)
        users.push(user)
        stream.user = user
        return undefined
      },
      onRequest: (stream) => {
        served.push(stream)
        ;(stream.user as User).act()
      },
      onRejected: () => undefined,
      onFailed: () => {
        failures += 1
      },
      onClosed: () => {
        closed += 1
      },
    },
  )
  client.on('data', (chunk: Buffer) => {
    assert.equal(witness.reader.feed(chunk), undefined)
  })
  client.on('error', () => undefined)
  const peer = new Client(random, witness)
  client.write(Buffer.concat([preface, settings()]))
  for (let n = 5 + random.below(40); n > 0; n--) {
    const bytes = peer.frame()
    const cut = random.chance(30) ? random.below(bytes.length) : bytes.length
    client.write(bytes.subarray(0, cut))
    if (random.chance(30)) await turn()
    client.write(bytes.subarray(cut))
    const one = served[random.below(served.length)]
    if (random.chance(15)) (one?.user as User | undefined)?.act()
  }
  for (let n = 0; n < 6; n++) await turn()
  if (random.chance(30)) connection.announceEnd()
  if (random.chance(30)) connection.leave()
  await turn()
  connection.destroy()
  for (let n = 0; n < 3; n++) await turn()
  assert.equal(connection.streams.size, 0)
  assert.deepEqual([closed, failures <= 1], [1, true])
  assert.ok(users.every(({ closes }) => closes === 1))
  return failures > 0 ? 'failed' : 'served'
}

test('whatever frames come, what is said in return is HTTP/2, and nothing is left behind', async () => {
  const ends = { served: 0, failed: 0 }
  for (let index = 0; index < cases; index++) {
    try {
      ends[await runCase(new Random(seed, index))] += 1
    } catch (cause) {
      throw new Error(`seed ${seed}, case ${index}`, { cause })
    }
  }
  assert.ok(ends.served > cases / 10 && ends.failed > cases / 10, JSON.stringify(ends))
})

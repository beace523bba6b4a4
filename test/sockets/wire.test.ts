import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { acceptWires, StreamWire } from '../../src/sockets/index.ts'
import type { Wire, WireUser } from '../../src/sockets/index.ts'

const limit = { timeout: 60_000 }

/** Waits for a condition, for half a minute at most. */
async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 30_000
  while (!condition()) {
    assert.ok(performance.now() < end, what)
    await delay(5)
  }
}

/** What is told of a wire, and the wire that it is by now. */
class Told implements WireUser {
  wire: Wire
  readonly pieces: Buffer[] = []
  readonly events: string[] = []
  length = 0
  onRead: ((piece: Buffer) => void) | undefined

  constructor(wire: Wire) {
    this.wire = wire
    wire.begin(this)
  }

  read(memory: Buffer, length: number, lent: boolean): boolean {
    const view = memory.subarray(0, length)
    this.take(lent ? Buffer.from(view) : view)
    return true
  }

  take(chunk: Buffer): void {
    this.pieces.push(chunk)
    this.length += chunk.length
    this.onRead?.(chunk)
  }

  ended(): void {
    this.events.push('ended')
  }

  drained(): void {
    this.events.push('drained')
  }

  closed(): void {
    this.events.push('closed')
  }

  became(wire: Wire): void {
    this.wire = wire
    this.events.push('became')
  }

  get text(): string {
    return Buffer.concat(this.pieces).toString('latin1')
  }
}

interface Pair {
  readonly caller: Socket
  readonly told: Told
  /** How many have gone by what the server was told. */
  readonly gone: () => number
}

/** Both ends of a connection, of which ours has no socket, or has one. */
async function pair(context: TestContext, isPlain = true): Promise<Pair> {
  let gone = 0
  const server = createServer({ allowHalfOpen: true, noDelay: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = new Promise<Wire>((resolve) => {
    server.once('connection', (socket) => resolve(new StreamWire(socket, { encrypted: false })))
    if (isPlain)
      assert.ok(
        acceptWires(server, resolve, () => (gone += 1)),
        'not this runtime',
      )
  })
  const caller = connect({ port: (server.address() as AddressInfo).port, allowHalfOpen: true })
  caller.on('error', () => undefined)
  const told = new Told(await accepted)
  context.after(() => {
    caller.destroy()
    told.wire.destroy()
    server.close()
  })
  return { caller, told, gone: () => gone }
}

/** All that a caller reads until its connection ends. */
async function readAll(caller: Socket): Promise<Buffer> {
  const pieces: Buffer[] = []
  caller.on('data', (piece: Buffer) => pieces.push(piece))
  await once(caller, 'end')
  return Buffer.concat(pieces)
}

/** More than the system holds for who does not read. */
const much = 24 * 1024 * 1024

function counted(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(at, at)
  return bytes
}

test('a connection is read and answered without a socket, and says so', limit, async (context) => {
  const { caller, told, gone } = await pair(context)
  caller.write('question')
  await until(() => told.text === 'question', 'nothing was read')
  assert.equal(told.wire.write('text, '), true)
  assert.equal(told.wire.write(Buffer.from('bytes, ')), true)
  assert.equal(told.wire.writeAll(['and ', Buffer.from('pieces'), '\xff']), true)
  assert.equal(told.wire.pending, 0)
  assert.deepEqual([told.wire.bytesRead, told.wire.bytesSent], [8, 24])
  told.wire.finish()
  assert.equal((await readAll(caller)).toString('latin1'), 'text, bytes, and pieces\xff')
  await until(() => told.events.includes('closed'), 'its end was not told')
  assert.deepEqual(told.events, ['closed'])
  assert.equal(gone(), 1)
})

test(
  'the end of the other side is told, and an answer can still be sent',
  limit,
  async (context) => {
    const { caller, told } = await pair(context)
    caller.end('last words')
    await until(() => told.events.includes('ended'), 'the end was not told')
    assert.equal(told.text, 'last words')
    assert.equal(told.wire.write('answer'), true)
    told.wire.finish()
    assert.equal((await readAll(caller)).toString(), 'answer')
    assert.deepEqual(told.events.slice(0, 1), ['ended'])
  },
)

test('nothing is read while it is paused, and all of it afterwards', limit, async (context) => {
  const { caller, told } = await pair(context)
  const sent = counted(8 * 1024 * 1024)
  told.onRead = () => {
    assert.ok(!told.wire.isPaused, 'read while paused')
    told.wire.pause()
    told.wire.ease()
    setImmediate(() => told.wire.resume())
  }
  caller.end(sent)
  await until(() => told.events.includes('ended'), 'the end was not told')
  assert.ok(Buffer.concat(told.pieces).equals(sent))
  assert.deepEqual(told.events, ['ended'])
})

test('a reset by the other side closes it once', limit, async (context) => {
  const { caller, told, gone } = await pair(context)
  caller.resetAndDestroy()
  await until(() => told.events.includes('closed'), 'its end was not told')
  await delay(20)
  assert.deepEqual([told.events, told.wire.isGone, gone()], [['closed'], true, 1])
})

test('what is written to who has gone closes it once, and goes nowhere', limit, async (context) => {
  const { caller, told, gone } = await pair(context)
  told.wire.pause()
  caller.resetAndDestroy()
  await until(() => !told.wire.write('to nobody'), 'a write did not fail')
  assert.equal(told.wire.isGone, true)
  assert.equal(told.wire.write('again'), false)
  assert.equal(told.wire.write(Buffer.from('again')), false)
  assert.equal(told.wire.writeAll(['again', 'and again']), false)
  await until(() => told.events.includes('closed'), 'its end was not told')
  told.wire.destroy()
  told.wire.finish()
  told.wire.end()
  told.wire.reset()
  await delay(20)
  assert.deepEqual([told.events, gone()], [['closed'], 1])
  assert.equal(told.wire.socket().destroyed, true)
  assert.equal(told.wire.giveAway(undefined).destroyed, true)
})

test(
  'what has become a socket is gone once, whichever of the two is destroyed',
  limit,
  async (context) => {
    const { told, gone } = await pair(context)
    const before = told.wire
    before.socket()
    assert.notEqual(told.wire, before)
    before.destroy()
    await until(() => told.events.includes('closed'), 'its end was not told')
    await delay(20)
    assert.deepEqual([told.events, told.wire.isGone, gone()], [['became', 'closed'], true, 1])
  },
)

test('a reset of ours is none that could be taken for an end', limit, async (context) => {
  const { caller, told } = await pair(context)
  told.wire.write('cut')
  const failed = once(caller, 'error')
  told.wire.reset()
  const [error] = (await failed) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNRESET')
  await until(() => told.events.includes('closed'), 'its end was not told')
})

for (const [what, write] of [
  ['text', (wire: Wire, piece: Buffer) => wire.write(piece.toString('latin1'))],
  ['bytes', (wire: Wire, piece: Buffer) => wire.write(piece)],
  [
    'pieces',
    (wire: Wire, piece: Buffer) => {
      const text = piece.toString('latin1', 0, 1000)
      return wire.writeAll([text, piece.subarray(1000, 2000), piece.subarray(2000)])
    },
  ],
] as const) {
  test(
    `${what} that the other side is slow to read wait, and arrive whole`,
    limit,
    async (context) => {
      const { caller, told, gone } = await pair(context)
      const bytes = counted(much)
      assert.equal(write(told.wire, bytes), false)
      assert.deepEqual(told.events, ['became'])
      assert.ok(told.wire.pending > 0)
      assert.equal(told.wire.write('behind it'), false)
      assert.ok(told.wire.bytesSent < much)
      let hasLeft = false
      told.wire.whenLeft((error) => (hasLeft = error == null))
      const all = readAll(caller)
      await until(() => hasLeft, 'it did not leave')
      assert.ok(told.events.includes('drained'))
      assert.equal(told.wire.pending, 0)
      told.wire.finish()
      const read = await all
      assert.ok(read.subarray(0, much).equals(bytes))
      assert.equal(read.subarray(much).toString(), 'behind it')
      await until(() => told.events.includes('closed'), 'its end was not told')
      assert.equal(gone(), 1)
    },
  )
}

test('what waits for who resets the connection never leaves', limit, async (context) => {
  const { caller, told, gone } = await pair(context)
  let outcome: unknown
  told.wire.write(counted(much), (error) => (outcome = error))
  caller.resetAndDestroy()
  await until(() => told.events.includes('closed'), 'its end was not told')
  assert.ok(outcome instanceof Error)
  assert.equal(gone(), 1)
})

test('what is closed while something waits sends it first', limit, async (context) => {
  const { caller, told } = await pair(context)
  told.wire.write(counted(much))
  told.wire.finish()
  assert.equal((await readAll(caller)).length, much)
})

test('a side that has ended reads on', limit, async (context) => {
  const { caller, told } = await pair(context)
  told.wire.write('answer')
  told.wire.end()
  assert.equal((await readAll(caller)).toString(), 'answer')
  caller.end('still talking')
  await until(() => told.events.includes('ended'), 'the end was not told')
  assert.equal(told.text, 'still talking')
})

for (const isPlain of [true, false]) {
  const how = isPlain ? 'made later' : 'there before'
  test(`a socket ${how} writes, and what comes is read as ever`, limit, async (context) => {
    const { caller, told, gone } = await pair(context, isPlain)
    const bytes = counted(2 * 1024 * 1024)
    let socket: Socket | undefined
    // From within a read.
    told.onRead = () => (socket ??= told.wire.socket())
    caller.write(bytes)
    await until(() => told.length === bytes.length, 'not all was read')
    assert.ok(Buffer.concat(told.pieces).equals(bytes))
    assert.equal(socket, told.wire.socket())
    socket?.write('by the socket, ')
    told.wire.write('and by the wire')
    caller.end()
    await until(() => told.events.includes('ended'), 'the end was not told')
    told.wire.finish()
    assert.equal((await readAll(caller)).toString(), 'by the socket, and by the wire')
    await until(() => told.events.includes('closed'), 'its end was not told')
    assert.equal(gone(), isPlain ? 1 : 0)
  })

  test(`a socket ${how} that is given away has all that was not taken`, limit, async (context) => {
    const { caller, told } = await pair(context, isPlain)
    let given: Socket | undefined
    told.onRead = () => (given = told.wire.giveAway(Buffer.from('kept, ')))
    caller.write('taken')
    await until(() => given !== undefined, 'nothing was read')
    assert.equal(given?.isPaused(), true)
    const bytes = counted(much)
    caller.end(bytes)
    assert.ok(given !== undefined)
    const reading = readAll(given)
    given.resume()
    const all = await reading
    assert.equal(all.subarray(0, 6).toString(), 'kept, ')
    assert.ok(all.subarray(6).equals(bytes))
    assert.deepEqual([told.text, told.events.includes('ended')], ['taken', false])
    given.end('answer')
    assert.equal((await readAll(caller)).toString(), 'answer')
  })
}

test('one that becomes a socket while it is paused stays so', limit, async (context) => {
  const { caller, told } = await pair(context)
  told.wire.pause()
  told.wire.socket()
  assert.equal(told.wire.isPaused, true)
  caller.write('hello')
  await delay(50)
  assert.equal(told.text, '')
  told.wire.resume()
  await until(() => told.text === 'hello', 'nothing was read')
})

test(
  'a server that hands over wires makes no sockets, and tells who is at the other end',
  limit,
  async (context) => {
    const server = createServer({ allowHalfOpen: true })
    server.on('connection', () => assert.fail('a socket was made'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const addresses: string[] = []
    const accept = (wire: Wire, address: string): void => {
      addresses.push(address)
      wire.destroy()
    }
    let gone = 0
    assert.equal(
      acceptWires(server, accept, () => (gone += 1)),
      true,
    )
    context.after(() => server.close())
    for (let count = 0; count < 3; count += 1) {
      const caller = connect((server.address() as AddressInfo).port, '127.0.0.1')
      caller.resume()
      await once(caller, 'close')
    }
    assert.deepEqual(addresses, ['127.0.0.1', '127.0.0.1', '127.0.0.1'])
    assert.equal(gone, 3)
  },
)

test('a server that does not listen keeps its sockets', () => {
  assert.equal(
    acceptWires(
      createServer(),
      () => assert.fail(),
      () => assert.fail(),
    ),
    false,
  )
})

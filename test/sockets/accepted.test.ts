import { test } from 'node:test'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { readAccepted } from '../../src/sockets/index.ts'
import type { SocketReader } from '../../src/sockets/index.ts'

const limit = { timeout: 120_000 }

interface Pair {
  readonly caller: Socket
  readonly accepted: Socket
  readonly reader: SocketReader
  readonly end: () => Promise<void>
}

async function pair(): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true, noDelay: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepting = new Promise<readonly [Socket, SocketReader | undefined]>((resolve) => {
    server.once('connection', (socket) => resolve([socket, readAccepted(socket)]))
  })
  const caller = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [accepted, reader] = await accepting
  assert.ok(reader !== undefined, 'this runtime takes no reader for sockets that it accepts')
  const end = async (): Promise<void> => {
    caller.destroy()
    accepted.destroy()
    server.close()
    await once(server, 'close')
  }
  return { caller, accepted, reader, end }
}

test('an accepted socket is read by its reader and not by its events', limit, async () => {
  const { caller, accepted, reader, end } = await pair()
  let events = 0
  const read = Promise.withResolvers<string>()
  accepted.push = () => {
    events += 1
    return true
  }
  reader.consumer = (memory, length, lent) => {
    read.resolve(`${memory.toString('latin1', 0, length)} ${lent}`)
    return false
  }
  accepted.resume()
  caller.write('hello')
  assert.equal(await read.promise, 'hello true')
  assert.equal(events, 0)
  await end()
})

test('its end, and the end of its connection, are told as ever', limit, async () => {
  const { caller, accepted, reader, end } = await pair()
  const read: string[] = []
  reader.consumer = (memory, length) => {
    read.push(memory.toString('latin1', 0, length))
    return false
  }
  accepted.resume()
  caller.end('last words')
  await once(accepted, 'end')
  assert.deepEqual(read, ['last words'])
  const heard: Buffer[] = []
  caller.on('data', (chunk: Buffer) => heard.push(chunk))
  accepted.end('answer')
  await once(caller, 'end')
  assert.equal(Buffer.concat(heard).toString(), 'answer')
  await end()
})

test('nothing is read while it is paused, and all of it afterwards', limit, async () => {
  const { caller, accepted, reader, end } = await pair()
  let total = 0
  const all = Promise.withResolvers<void>()
  const sent = 8 * 1024 * 1024
  reader.consumer = (_memory, length) => {
    assert.ok(!accepted.isPaused(), 'read while paused')
    total += length
    if (total === sent) all.resolve()
    accepted.pause()
    setImmediate(() => accepted.resume())
    return true
  }
  accepted.resume()
  caller.write(Buffer.alloc(sent, 'x'))
  await all.promise
  await end()
})

test('memory that is not lent is never read into again', limit, async () => {
  const { caller, accepted, reader, end } = await pair()
  const kept: Buffer[] = []
  let total = 0
  const all = Promise.withResolvers<void>()
  const body = Buffer.alloc(4 * 1024 * 1024)
  for (let at = 0; at < body.length; at += 4) body.writeUInt32LE(at, at)
  reader.consumer = (memory, length, lent) => {
    const view = memory.subarray(0, length)
    kept.push(lent ? Buffer.from(view) : view)
    total += length
    if (total === body.length) all.resolve()
    return true
  }
  accepted.resume()
  caller.write(body)
  await all.promise
  assert.ok(Buffer.concat(kept).equals(body))
  assert.ok(new Set(kept.map((view) => view.buffer)).size > 1)
  await end()
})

test(
  'a socket that is given back comes out of its stream, as fast as it is wanted',
  limit,
  async () => {
    const { caller, accepted, reader, end } = await pair()
    const before = Promise.withResolvers<void>()
    reader.consumer = () => {
      before.resolve()
      return true
    }
    accepted.resume()
    caller.write('taken by the reader')
    await before.promise
    accepted.pause()
    reader.giveBack(accepted)
    const sent = 16 * 1024 * 1024
    caller.write(Buffer.alloc(sent, 'y'))
    accepted.read(0)
    // Nobody reads: what is held stays within what a stream may hold.
    const deadline = performance.now() + 10_000
    while (accepted.readableLength === 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    assert.ok(accepted.readableLength <= 2 * accepted.readableHighWaterMark + 128 * 1024)
    let total = 0
    for await (const chunk of accepted) {
      assert.ok((chunk as Buffer).every((byte) => byte === 0x79))
      total += (chunk as Buffer).length
      if (total === sent) break
    }
    assert.equal(total, sent)
    await end()
  },
)

test('a socket of which something was read already is left as it is', limit, async () => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const caller = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [accepted] = (await once(server, 'connection')) as [Socket]
  caller.write('first')
  const [first] = (await once(accepted, 'data')) as [Buffer]
  assert.equal(first.toString(), 'first')
  assert.equal(readAccepted(accepted), undefined)
  caller.write('second')
  const [second] = (await once(accepted, 'data')) as [Buffer]
  assert.equal(second.toString(), 'second')
  caller.destroy()
  accepted.destroy()
  server.close()
})

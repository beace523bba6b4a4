import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Doors } from '../../src/listener/doors.ts'
import type { Visited } from '../../src/listener/doors.ts'
import { canShare, WaitingRoom } from '../../src/listener/index.ts'
import { StreamWire } from '../../src/sockets/index.ts'
import type { Wire } from '../../src/sockets/index.ts'

const limit = { timeout: 60_000 }
const anywhere = { address: '127.0.0.1', port: 0, reusePort: false }

async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 30_000
  while (!condition()) {
    assert.ok(performance.now() < end, what)
    await delay(5)
  }
}

/** Those who have come, by either way. */
class Guests implements Visited {
  readonly here: Wire[] = []
  readonly addresses: string[] = []

  accept(socket: Socket): void {
    this.#keep(new StreamWire(socket, { encrypted: false }))
  }

  admit(wire: Wire, { address }: { address: string }): void {
    this.addresses.push(address)
    this.#keep(wire)
  }

  #keep(wire: Wire): void {
    this.here.push(wire)
    wire.begin({
      read: () => false,
      take: () => undefined,
      ended: () => undefined,
      drained: () => undefined,
      closed: () => this.here.splice(this.here.indexOf(wire), 1),
      became: () => undefined,
    })
  }

  endAll(): void {
    for (const wire of this.here) wire.destroy()
  }
}

/** The same without the way that needs no sockets. */
function onlySockets(guests: Guests): Visited {
  return { accept: (socket) => guests.accept(socket) }
}

function call(port: number): Socket {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  return socket.resume()
}

for (const [how, visitedBy] of [
  ['without sockets', (guests: Guests) => guests],
  ['with sockets', onlySockets],
] as const) {
  test(
    `${how}, connections beyond the limit are closed until others have gone`,
    limit,
    async () => {
      const guests = new Guests()
      const doors = new Doors(2, visitedBy(guests))
      const port = await doors.open(anywhere)
      const callers = [call(port), call(port)]
      await until(() => guests.here.length === 2, 'two did not get in')
      for (let count = 0; count < 3; count += 1) await once(call(port), 'close')
      assert.equal(guests.here.length, 2)
      guests.here[0]?.destroy()
      await until(() => guests.here.length === 1, 'one did not leave')
      callers.push(call(port))
      await until(() => guests.here.length === 2, 'a place was not given again')
      guests.endAll()
      await doors.close()
      for (const caller of callers) caller.destroy()
    },
  )

  test(`${how}, a close waits for the last, and takes nobody any more`, limit, async () => {
    const guests = new Guests()
    const doors = new Doors(10, visitedBy(guests))
    const port = await doors.open(anywhere)
    const callers = [call(port), call(port)]
    await until(() => guests.here.length === 2, 'two did not get in')
    let isClosed = false
    const closed = doors.close().then(() => (isClosed = true))
    for (let count = 0; count < 20; count += 1) await new Promise(setImmediate)
    const [refused] = (await once(connect(port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException]
    assert.equal(refused.code, 'ECONNREFUSED')
    guests.here[0]?.destroy()
    await until(() => guests.here.length === 1, 'one did not leave')
    await delay(20)
    assert.equal(isClosed, false)
    guests.endAll()
    await closed
    for (const caller of callers) caller.destroy()
  })

  test(`${how}, whoever the system has connected before a close gets in`, limit, async () => {
    const guests = new Guests()
    const doors = new Doors(100, visitedBy(guests))
    const port = await doors.open(anywhere)
    const callers = Array.from({ length: 40 }, () => connect(port, '127.0.0.1').resume())
    const resets: unknown[] = []
    for (const caller of callers) caller.on('error', (error) => resets.push(error))
    await new Promise((resolve) => {
      process.nextTick(resolve)
    })
    // The system connects them in the meantime; nobody has a chance to accept them.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
    const closed = doors.close()
    await until(() => guests.here.length === 40, 'not all got in')
    guests.endAll()
    await closed
    assert.deepEqual(resets, [])
    for (const caller of callers) caller.destroy()
  })
}

test('who needs no sockets is told the address', limit, async () => {
  const guests = new Guests()
  const doors = new Doors(10, guests)
  const port = await doors.open(anywhere)
  const caller = call(port)
  await until(() => guests.here.length === 1, 'nobody got in')
  assert.deepEqual(guests.addresses, ['127.0.0.1'])
  guests.endAll()
  await doors.close()
  caller.destroy()
})

test(
  'those in a waiting room come in, and a close waits for them',
  { skip: !canShare },
  async () => {
    const guests = new Guests()
    const doors = new Doors(10, guests)
    const room = await WaitingRoom.open('127.0.0.1', 0, 10)
    const { port } = room.server.address() as { port: number }
    const callers = [call(port)]
    await once(room.server, 'connection')
    doors.adopt(room)
    callers.push(call(port))
    await until(() => guests.here.length === 2, 'two did not get in')
    assert.deepEqual(guests.addresses, [])
    let isClosed = false
    const closed = doors.close().then(() => (isClosed = true))
    await delay(20)
    assert.equal(isClosed, false)
    guests.endAll()
    await closed
    for (const caller of callers) caller.destroy()
  },
)

import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import type { Incoming } from '../../src/gateway/incoming.ts'
import { Connections } from '../../src/gateway/listen/connections.ts'
import { Life } from '../../src/gateway/listen/life.ts'

interface Shape {
  method?: string
  headers?: Record<string, string>
}

function incomingOn({ method = 'GET', headers = {} }: Shape = {}): Incoming {
  const life = new Life()
  return { method, request: { headers }, response: new EventEmitter(), life } as unknown as Incoming
}

/** Begins these on one connection; what is begun is admitted at once, unless `refuses` its number. */
function pipeline(shapes: readonly Shape[], refuses: (index: number) => boolean = () => false) {
  const connections = new Connections()
  const socket = new PassThrough()
  connections.watch(socket)
  const begun: number[] = []
  const all = shapes.map((shape) => incomingOn(shape))
  for (const [index, incoming] of all.entries()) {
    connections.begin(socket, incoming, () => {
      begun.push(index)
      if (!refuses(index)) incoming.life.admit()
    })
  }
  return { connections, socket, begun, all }
}

const hundred = Array.from({ length: 100 }, () => ({}))

test('of many safe requests in one read only so many are begun, the rest in order as those end', () => {
  const { connections, begun, all } = pipeline(hundred)
  assert.equal(begun.length, 32)
  assert.equal(connections.inFlight, 100)
  for (const incoming of all) incoming.life.end()
  assert.deepEqual(
    begun,
    all.map((_, index) => index),
  )
  assert.equal(connections.inFlight, 0)
})

test('what still waits when its connection goes is never begun', () => {
  const { connections, socket, begun } = pipeline(hundred)
  socket.emit('close')
  assert.equal(begun.length, 32)
  assert.equal(connections.inFlight, 0)
})

test('a request that changes something, or has a body, is alone', () => {
  const others: Shape[] = [
    { method: 'POST' },
    { method: 'DELETE' },
    { headers: { 'content-length': '0' } },
    { headers: { 'transfer-encoding': 'chunked' } },
  ]
  for (const other of others) {
    const { begun, all } = pipeline([{}, {}, other, {}, {}])
    assert.deepEqual(begun, [0, 1])
    all[1]?.life.end()
    assert.deepEqual(begun, [0, 1])
    all[0]?.life.end()
    assert.deepEqual(begun, [0, 1, 2])
    all[2]?.life.end()
    assert.deepEqual(begun, [0, 1, 2, 3, 4])
  }
})

test('behind a request that is not admitted nothing is begun until it is over', () => {
  const { begun, all } = pipeline(hundred.slice(0, 4), (index) => index === 1)
  assert.deepEqual(begun, [0, 1])
  all[0]?.life.end()
  assert.deepEqual(begun, [0, 1])
  all[1]?.life.end()
  assert.deepEqual(begun, [0, 1, 2, 3])
})

test('behind an answer that ends its connection nothing is begun', () => {
  const { connections, socket, begun, all } = pipeline(hundred.slice(0, 3), () => true)
  socket.end()
  all[0]?.life.end()
  connections.begin(socket, incomingOn(), () => begun.push(3))
  assert.deepEqual(begun, [0])
  socket.emit('close')
  assert.equal(connections.inFlight, 0)
})

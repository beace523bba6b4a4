import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import type { Incoming } from '../../src/gateway/incoming.ts'
import { Connections } from '../../src/gateway/listen/connections.ts'
import { Life } from '../../src/gateway/listen/life.ts'

function incomingOn(): Incoming {
  const life = new Life()
  return { response: new EventEmitter(), life } as unknown as Incoming
}

test('of many requests in one read one is begun, and each other when the one before is over', () => {
  const connections = new Connections()
  const socket = new PassThrough()
  connections.watch(socket)
  const begun: number[] = []
  const all = Array.from({ length: 100 }, () => incomingOn())
  for (const [index, incoming] of all.entries()) {
    connections.begin(socket, incoming, () => begun.push(index))
  }
  assert.equal(begun.length, 1)
  assert.equal(connections.inFlight, 100)
  for (const incoming of all) incoming.life.end()
  assert.deepEqual(
    begun,
    all.map((_, index) => index),
  )
  assert.equal(connections.inFlight, 0)
})

test('what still waits when its connection goes is never begun', () => {
  const connections = new Connections()
  const socket = new PassThrough()
  connections.watch(socket)
  let begun = 0
  for (let index = 0; index < 100; index++) connections.begin(socket, incomingOn(), () => begun++)
  socket.emit('close')
  assert.equal(begun, 1)
  assert.equal(connections.inFlight, 0)
})

test('behind an answer that ends its connection nothing is begun', () => {
  const connections = new Connections()
  const socket = new PassThrough()
  connections.watch(socket)
  const begun: number[] = []
  const all = Array.from({ length: 3 }, () => incomingOn())
  for (const [index, incoming] of all.entries()) {
    connections.begin(socket, incoming, () => begun.push(index))
  }
  socket.end()
  for (const incoming of all) incoming.life.end()
  assert.deepEqual(begun, [0])
  assert.equal(connections.inFlight, 0)
})

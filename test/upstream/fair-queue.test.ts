import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FairQueue } from '../../src/upstream/fair-queue.ts'
import { get, ok, rawServer, start, until, upstreamTo } from './kit.ts'

interface Item {
  readonly caller: string
  readonly name: string
}

const item = (caller: string, name: string): Item => ({ caller, name })

function takeAll(queue: FairQueue<Item>): string[] {
  const names: string[] = []
  for (let next = queue.take(); next !== undefined; next = queue.take()) names.push(next.name)
  return names
}

test('callers are served in turn, each in its own order', () => {
  const queue = new FairQueue<Item>(100)
  for (const name of ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2']) {
    assert.equal(queue.add(item(name.slice(0, 1), name)), undefined)
  }
  assert.equal(queue.peek()?.name, 'a1')
  assert.equal(queue.size, 7)
  assert.deepEqual(takeAll(queue), ['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4'])
  assert.equal(queue.size, 0)
})

test('a caller who comes back is behind those who wait already', () => {
  const queue = new FairQueue<Item>(100)
  for (const name of ['a1', 'b1']) queue.add(item(name.slice(0, 1), name))
  assert.equal(queue.take()?.name, 'a1')
  queue.add(item('a', 'a2'))
  assert.deepEqual(takeAll(queue), ['b1', 'a2'])
})

test('what is given up is not served, and what was never there changes nothing', () => {
  const queue = new FairQueue<Item>(100)
  const [first, second, other] = [item('a', 'a1'), item('a', 'a2'), item('b', 'b1')]
  for (const one of [first, second, other]) queue.add(one)
  queue.delete(first)
  queue.delete(first)
  queue.delete(item('a', 'a2'))
  queue.delete(item('z', 'z1'))
  assert.equal(queue.size, 2)
  assert.deepEqual([...queue], [second, other])
  queue.delete(other)
  assert.deepEqual(takeAll(queue), ['a2'])
})

test('a full queue has no place for more of the caller who filled it', () => {
  const queue = new FairQueue<Item>(3)
  for (const name of ['a1', 'a2', 'a3']) queue.add(item('a', name))
  const fourth = item('a', 'a4')
  assert.equal(queue.add(fourth), fourth)
  assert.deepEqual(takeAll(queue), ['a1', 'a2', 'a3'])
})

test('the longest line gives its last place to a caller with fewer, until lines are even', () => {
  const queue = new FairQueue<Item>(4)
  for (const name of ['a1', 'a2', 'a3', 'a4']) queue.add(item('a', name))
  assert.equal(queue.add(item('b', 'b1'))?.name, 'a4')
  assert.equal(queue.add(item('b', 'b2'))?.name, 'a3')
  const late = item('b', 'b3')
  assert.equal(queue.add(late), late, 'a longer line than the other is nobody’s right')
  assert.equal(queue.add(item('c', 'c1'))?.caller, 'a')
  assert.deepEqual(takeAll(queue), ['a1', 'b1', 'c1', 'b2'])
})

test('a queue without places takes nobody', () => {
  const queue = new FairQueue<Item>(0)
  const only = item('a', 'a1')
  assert.equal(queue.add(only), only)
  assert.equal(queue.take(), undefined)
})

test('one caller with a thousand waiting requests does not keep another waiting', async (t) => {
  const order: string[] = []
  const server = await rawServer(t, (socket, received) => {
    order.push(/.*GET \/(\S+)/s.exec(received)?.[1] ?? '')
    setImmediate(() => socket.write(ok('x')))
  })
  const upstream = upstreamTo(t, server.port, { maxConnections: 1 })
  const flood = Array.from({ length: 1000 }, () => start(upstream, get('/many', { caller: 'a' })))
  const modest = start(upstream, get('/one', { caller: 'b' }))
  await modest.recorder.settled
  assert.equal(modest.recorder.body, 'x')
  assert.ok(order.indexOf('one') <= 3, `served as number ${order.indexOf('one')}`)
  for (const { exchange } of flood) exchange.abort()
})

test('a caller gets in while another fills the queue; the one displaced is told, never from inside the call', async (t) => {
  const server = await rawServer(t, () => undefined)
  const upstream = upstreamTo(t, server.port, { maxConnections: 1, maxQueued: 3 })
  const flood = Array.from({ length: 4 }, () => start(upstream, get('/many', { caller: 'a' })))
  const modest = start(upstream, get('/one', { caller: 'b' }))
  const last = flood.at(-1)
  assert.deepEqual(last?.recorder.events, [])
  await last?.recorder.settled
  assert.equal(last?.recorder.failure?.kind, 'pool_exhausted')
  assert.equal(upstream.stats.queued, 3)
  assert.deepEqual(modest.recorder.events, [])
  flood[0]?.exchange.abort()
  await until(() => server.received.some((text) => text.includes('/many')))
})

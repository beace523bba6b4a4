import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import type { OutgoingRequest } from '../../../src/upstream/index.ts'
import {
  data,
  errorCodes,
  frameTypes,
  headers,
  rstStream,
  settings,
  windowUpdate,
} from '../../kit/h2-frames.ts'
import { fetchOver, get, Recorder, start, until } from '../kit.ts'
import { goaway, http2To, rawService, settingsAck } from './kit.ts'
import type { RawConnection, RawService } from './kit.ts'

type Say = (stream: number, connection: RawConnection, count: number) => void

const answer: Say = (stream, connection) => {
  connection.send(headers(stream, [[':status', '200']], { end: false }), data(stream, 'ok', true))
}

/** Says one thing to the first requests and answers the others. */
async function saying(t: TestContext, times: number, say: Say): Promise<RawService> {
  let count = 0
  return rawService(t, {
    request: (stream, connection) => {
      count += 1
      if (count <= times) say(stream, connection, count)
      else answer(stream, connection, count)
    },
  })
}

const refuse: Say = (stream, connection) =>
  connection.send(rstStream(stream, errorCodes.refusedStream))
const leave: Say = (stream, connection) => {
  connection.send(goaway(stream - 1, errorCodes.noError))
}
const leaveAngry: Say = (stream, connection) => {
  connection.send(goaway(stream - 1, errorCodes.enhanceYourCalm))
}

function requestsSeen({ connections }: RawService): number {
  return connections.reduce(
    (sum, { frames }) => sum + frames.filter(({ type }) => type === frameTypes.headers).length,
    0,
  )
}

const post = get('/', { method: 'POST' })

test('what the service has not begun with is sent again, whatever it is, and once', async (t) => {
  for (const [name, say] of Object.entries({ refuse, leave, leaveAngry })) {
    for (const request of [get(), post]) {
      const service = await saying(t, 1, say)
      const upstream = http2To(t, service.port)
      const recorder = await fetchOver(upstream, request)
      assert.equal(recorder.body, 'ok', `${name} ${request.method}`)
      assert.equal(requestsSeen(service), 2)
      assert.equal(upstream.stats.retried, 1)
    }
    const stubborn = await saying(t, 2, say)
    const twice = await fetchOver(http2To(t, stubborn.port), post)
    assert.equal(twice.failure?.kind, 'reset', name)
    assert.equal(requestsSeen(stubborn), 2, 'not a third time')
  }
})

test('a body that was sent goes with a refused request, up to 64 KiB', async (t) => {
  for (const [size, again] of [
    [1000, true],
    [64 * 1024, true],
    [64 * 1024 + 1, false],
  ] as const) {
    let refused = false
    const bodies: number[] = []
    const service = await rawService(t, {
      begin: (connection) =>
        connection.send(settings({ 4: 1_000_000 }), settingsAck, windowUpdate(0, 1_000_000)),
      on: (frame, connection) => {
        if (frame.type === frameTypes.headers) bodies.push(0)
        if (frame.type !== frameTypes.data) return
        bodies.push((bodies.pop() ?? 0) + frame.payload.length)
        const isWhole = (frame.flags & 1) !== 0
        if (isWhole && !refused) {
          refused = true
          refuse(frame.stream, connection, 1)
        } else if (isWhole) answer(frame.stream, connection, 2)
      },
    })
    const upstream = http2To(t, service.port)
    const request: OutgoingRequest = { ...post, framing: { kind: 'length', length: size } }
    const { recorder, exchange } = start(upstream, request)
    exchange.write(Buffer.alloc(size, 'b'))
    exchange.end()
    if (again) await until(() => bodies.length === 2 && bodies[1] === size)
    else await recorder.settled
    assert.equal(recorder.failure?.kind, again ? undefined : 'reset')
    assert.equal(bodies.length, again ? 2 : 1)
    if (size === 1000) {
      await recorder.settled
      assert.deepEqual([recorder.body, bodies], ['ok', [1000, 1000]])
    }
    exchange.abort()
  }
})

test('nothing is sent again once there was a word of answer', async (t) => {
  const interim: Say = (stream, connection) => {
    connection.send(
      headers(stream, [[':status', '103']], { end: false }),
      rstStream(stream, errorCodes.refusedStream),
    )
  }
  const begun: Say = (stream, connection) => {
    connection.send(
      headers(stream, [[':status', '200']], { end: false }),
      rstStream(stream, errorCodes.refusedStream),
    )
  }
  for (const say of [interim, begun]) {
    const service = await saying(t, 1, say)
    const recorder = await fetchOver(http2To(t, service.port), get())
    assert.equal(recorder.failure?.kind, 'reset')
    assert.equal(recorder.failure.answered, true)
    assert.equal(requestsSeen(service), 1)
  }
})

test('what a service may have begun with is sent again only if it is harmless and was unanswered', async (t) => {
  const die: Say = (_stream, { socket }) => socket.destroy()
  const leaveAfter: Say = (stream, connection) => {
    connection.send(goaway(stream, errorCodes.internalError))
  }
  for (const say of [die, leaveAfter]) {
    for (const [request, again] of [
      [get(), true],
      [get('/', { method: 'HEAD' }), true],
      [post, false],
      [get('/', { method: 'DELETE' }), false],
    ] as const) {
      let count = 0
      const service = await rawService(t, {
        request: (stream, connection) => {
          count += 1
          if (count === 2) say(stream, connection, count)
          else if (request.method === 'HEAD') connection.send(headers(stream, [[':status', '200']]))
          else answer(stream, connection, count)
        },
      })
      const upstream = http2To(t, service.port)
      assert.equal((await fetchOver(upstream, request)).failure, undefined)
      const recorder = await fetchOver(upstream, request)
      assert.equal(recorder.failure?.kind, again ? undefined : 'reset', request.method)
      assert.equal(requestsSeen(service), again ? 3 : 2)
    }
    const fresh = await saying(t, 1, say)
    const first = await fetchOver(http2To(t, fresh.port), get())
    assert.equal(first.failure?.kind, 'reset', 'a session that served nothing is no stale one')
    const service = await saying(t, 2, (stream, connection, nth) => {
      if (nth === 1) answer(stream, connection, nth)
      else say(stream, connection, nth)
    })
    const unwilling = http2To(t, service.port, { resends: false })
    await fetchOver(unwilling, get())
    assert.equal((await fetchOver(unwilling, get())).failure?.kind, 'reset')
  }
})

test('a service that leaves takes no new streams, and finishes those it has', async (t) => {
  const service = await rawService(t, {
    request: (stream, connection) => {
      if (stream > 1 || connection.index > 0) {
        answer(stream, connection, 0)
        return
      }
      connection.send(headers(stream, [[':status', '200']], { end: false }))
      connection.send(goaway(stream, errorCodes.noError))
      setTimeout(() => connection.send(data(stream, 'late', true)), 150)
    },
  })
  const upstream = http2To(t, service.port)
  const { recorder } = start(upstream, get())
  await until(() => recorder.head !== undefined)
  await new Promise((resolve) => setTimeout(resolve, 30))
  const other = await fetchOver(upstream, get())
  assert.equal(other.body, 'ok')
  assert.equal(service.connections.length, 2)
  await recorder.settled
  assert.equal(recorder.body, 'late')
})

test('of many streams under way, a leaving service’s own are finished and the others moved', async (t) => {
  const service = await rawService(t, {
    request: (stream, connection) => {
      if (connection.index > 0) {
        answer(stream, connection, 0)
        return
      }
      // Streams 1, 3, 5, ... 19: it takes the first five.
      if (stream !== 19) return
      connection.send(goaway(9, errorCodes.noError))
      for (const own of [1, 3, 5, 7, 9]) answer(own, connection, 0)
    },
  })
  const upstream = http2To(t, service.port)
  const recorders = Array.from({ length: 10 }, () => new Recorder())
  for (const recorder of recorders) upstream.request(post, recorder)
  await Promise.all(recorders.map(({ settled }) => settled))
  assert.ok(recorders.every(({ body }) => body === 'ok'))
  assert.equal(upstream.stats.retried, 5)
  assert.equal(requestsSeen(service), 15)
})

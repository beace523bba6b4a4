import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'

import { millis } from '../../src/core/index.ts'
import type { UpstreamPool } from '../../src/upstream/index.ts'
import { data, headers } from '../kit/h2-frames.ts'
import { http2To, rawService } from './http2/kit.ts'
import { fetchOver, get, rawServer, start, until, upstreamTo } from './kit.ts'

const impatient = { idleTimeout: millis(300), totalTimeout: millis(400) }

/** A service that says one thing of this type and no more, over either protocol. */
async function silent(t: TestContext, type: string): Promise<readonly UpstreamPool[]> {
  const http1 = await rawServer(t, (socket) =>
    socket.write(
      `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n`,
    ),
  )
  const http2 = await rawService(t, {
    request: (stream, connection) =>
      connection.send(
        headers(
          stream,
          [
            [':status', '200'],
            ['content-type', type],
          ],
          { end: false },
        ),
        data(stream, 'x'),
      ),
  })
  return [upstreamTo(t, http1.port, impatient), http2To(t, http2.port, impatient)]
}

test('an event stream that was accepted may be silent and last', async (t) => {
  const upstreams = await silent(t, 'text/event-stream; charset=utf-8')
  const streams = upstreams.map((upstream) => start(upstream, get('/', { acceptsEvents: true })))
  await until(() => streams.every(({ recorder }) => recorder.body === 'x'))
  await delay(1200)
  for (const { recorder, exchange } of streams) {
    assert.deepEqual([recorder.body, recorder.failure], ['x', undefined])
    exchange.abort()
  }
})

test('accepting events lifts no time-out of another answer, nor do events nobody accepted', async (t) => {
  for (const [type, acceptsEvents] of [
    ['text/plain', true],
    ['text/event-stream', false],
  ] as const) {
    const upstreams = await silent(t, type)
    await Promise.all(
      upstreams.map(async (upstream) => {
        const { failure } = await fetchOver(upstream, get('/', { acceptsEvents }))
        assert.match(failure?.kind ?? '', /^(?:idle|total)_timeout$/)
      }),
    )
  }
})

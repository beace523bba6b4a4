import assert from 'node:assert/strict'
import { test } from 'node:test'

import { millis } from '../../../src/core/index.ts'
import type { UpstreamFailureKind } from '../../../src/upstream/index.ts'
import {
  block,
  continuation,
  data,
  errorCodes,
  frame,
  frameTypes,
  headers,
  ping,
  rstStream,
  settings,
} from '../../kit/h2-frames.ts'
import type { Fields } from '../../kit/h2-frames.ts'
import { fetchOver, get, start, until } from '../kit.ts'
import { goaway, http2To, rawService, settingsAck } from './kit.ts'
import type { RawConnection } from './kit.ts'

const ok: Fields = [
  [':status', '200'],
  ['content-type', 'text/plain'],
]

function open(stream: number, fields: Fields = ok): Buffer {
  return headers(stream, fields, { end: false })
}

function answered(stream: number, text = 'ok'): readonly Buffer[] {
  return [open(stream), data(stream, text, true)]
}

/** What is heard when the service answers the first request with these bytes and then does `after`. */
async function heard(
  t: Parameters<typeof rawService>[0],
  bytes: readonly Buffer[],
  after: (connection: RawConnection) => void = () => undefined,
) {
  const { port } = await rawService(t, {
    request: (_stream, connection) => {
      connection.send(...bytes)
      after(connection)
    },
  })
  const upstream = http2To(t, port)
  return fetchOver(upstream, get('/', { method: 'POST' }))
}

const end = ({ socket }: RawConnection): unknown => socket.end()
const reset = ({ socket }: RawConnection): unknown => setTimeout(() => socket.resetAndDestroy(), 20)

test('an answer that was cut fails, however it was cut', async (t) => {
  const begun = [open(1), data(1, 'hel')]
  const cuts: readonly [string, readonly Buffer[], ((one: RawConnection) => unknown)?][] = [
    ['closed', begun, end],
    ['reset', begun, reset],
    ['the stream reset with CANCEL', [...begun, rstStream(1, errorCodes.cancel)]],
    ['the stream reset with NO_ERROR', [...begun, rstStream(1, errorCodes.noError)]],
    [
      'less than was announced, and reset with NO_ERROR',
      [open(1, [...ok, ['content-length', '4']]), data(1, 'hel'), rstStream(1, errorCodes.noError)],
    ],
    [
      'all that was announced, and reset with CANCEL',
      [open(1, [...ok, ['content-length', '3']]), data(1, 'hel'), rstStream(1, errorCodes.cancel)],
    ],
    ['the stream reset with INTERNAL_ERROR', [...begun, rstStream(1, errorCodes.internalError)]],
    ['closed after a graceful GOAWAY', [...begun, goaway(1, errorCodes.noError)], end],
    ['GOAWAY with an error', [...begun, goaway(1, errorCodes.enhanceYourCalm)]],
    ['GOAWAY that forgets the stream', [...begun, goaway(0, errorCodes.noError)]],
  ]
  for (const [name, bytes, after] of cuts) {
    const recorder = await heard(t, bytes, after)
    assert.deepEqual(recorder.events, ['head', 'failure reset'], name)
    assert.equal(recorder.failure?.beforeResponse, false, name)
    assert.equal(recorder.body, 'hel', name)
  }
})

test('no answer at all fails before the response', async (t) => {
  const cuts: readonly [string, readonly Buffer[], ((one: RawConnection) => unknown)?][] = [
    ['closed', [], end],
    ['reset', [], reset],
    ['the stream reset with NO_ERROR', [rstStream(1, errorCodes.noError)]],
    ['the stream reset with CANCEL', [rstStream(1, errorCodes.cancel)]],
    ['GOAWAY with an error', [goaway(1, errorCodes.internalError)]],
    ['a graceful GOAWAY and nothing', [goaway(1, errorCodes.noError)], end],
  ]
  for (const [name, bytes, after] of cuts) {
    const recorder = await heard(t, bytes, after)
    assert.deepEqual(recorder.events, ['failure reset'], name)
    assert.equal(recorder.failure?.beforeResponse, true, name)
    assert.equal(recorder.failure.sent, true)
    assert.equal(recorder.failure.answered, false)
  }
})

test('an answer that was whole before the stream or the connection went away is whole', async (t) => {
  const whole: readonly [string, readonly Buffer[], ((one: RawConnection) => unknown)?][] = [
    ['closed', answered(1), end],
    ['reset with NO_ERROR', [...answered(1), rstStream(1, errorCodes.noError)]],
    [
      'all that was announced is there, and reset with NO_ERROR',
      [open(1, [...ok, ['content-length', '2']]), data(1, 'ok'), rstStream(1, errorCodes.noError)],
    ],
    ['GOAWAY', [goaway(1, errorCodes.noError), ...answered(1)], end],
  ]
  for (const [name, bytes, after] of whole) {
    const recorder = await heard(t, bytes, after)
    assert.deepEqual(recorder.events, ['head', 'end'], name)
    assert.equal(recorder.body, 'ok')
  }
})

test('a whole answer survives a service that leaves while its reader pauses', async (t) => {
  const { port } = await rawService(t, {
    request: (_stream, connection) => {
      // What stands between them keeps the pieces apart.
      connection.send(open(1), data(1, 'a'.repeat(10_000)), frame(0xee, 0, 0))
      connection.send(data(1, 'b'.repeat(5000), true))
      connection.socket.end()
    },
  })
  const upstream = http2To(t, port)
  const { recorder, exchange } = start(upstream, get())
  recorder.accept = () => false
  await until(() => recorder.chunks.length === 1)
  await until(() => upstream.stats.open === 0)
  assert.deepEqual(recorder.events, ['head'])
  while (recorder.trailers === undefined) {
    exchange.resume()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  assert.equal(recorder.body, 'a'.repeat(10_000) + 'b'.repeat(5000))
  assert.equal(recorder.failure, undefined)
})

test('what is no sound HTTP/2 answer is malformed', async (t) => {
  const field = (name: string, value: string): Buffer => open(1, [...ok, [name, value]])
  const interim = (status: string): Buffer => open(1, [[':status', status]])
  const trailers = (name: string): Buffer => headers(1, [[name, '1']])
  const promise = frame(
    frameTypes.pushPromise,
    4,
    1,
    Buffer.concat([
      Buffer.from([0, 0, 0, 2]),
      block([
        [':method', 'GET'],
        [':path', '/'],
        [':scheme', 'http'],
        [':authority', 'a'],
      ]),
    ]),
  )
  const wrong: Readonly<Record<string, readonly Buffer[]>> = {
    'data before headers': [data(1, 'hello', true)],
    'no status': [headers(1, [['a', 'b']])],
    'a status of two digits': [interim('99')],
    'a status of four digits': [interim('1000')],
    'a status above 599': [headers(1, [[':status', '600']])],
    'a status with a letter': [headers(1, [[':status', '20a']])],
    'two statuses': [headers(1, [...ok, [':status', '200']])],
    'a request pseudo-header': [headers(1, [...ok, [':path', '/']])],
    'a pseudo-header behind others': [
      headers(1, [
        ['a', 'b'],
        [':status', '200'],
      ]),
    ],
    'a name in upper case': [field('X-Upper', '1')],
    connection: [field('connection', 'close')],
    'keep-alive': [field('keep-alive', 'timeout=5')],
    'transfer-encoding': [field('transfer-encoding', 'chunked')],
    upgrade: [field('upgrade', 'websocket')],
    'two lengths': [
      open(1, [...ok, ['content-length', '2'], ['content-length', '2']]),
      data(1, 'ok', true),
    ],
    'a length with a sign': [field('content-length', '+2'), data(1, 'ok', true)],
    'a length without a body': [headers(1, [...ok, ['content-length', '2']])],
    'a length for a 204': [
      headers(1, [
        [':status', '204'],
        ['content-length', '2'],
      ]),
    ],
    'an interim answer that ends the stream': [headers(1, [[':status', '103']])],
    'an answer to an upgrade nobody asked for': [interim('101')],
    'nine interim answers': [...Array.from({ length: 9 }, () => interim('103')), ...answered(1)],
    'an interim answer with a length': [
      open(1, [
        [':status', '103'],
        ['content-length', '1'],
      ]),
    ],
    'a pushed response': [promise, ...answered(1)],
    'HTTP/1.1': [Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')],
  }
  for (const [name, bytes] of Object.entries(wrong)) {
    const recorder = await heard(t, bytes)
    assert.equal(recorder.failure?.kind, 'malformed', `${name}: ${recorder.events.join()}`)
    assert.equal(recorder.head, undefined, name)
  }
  const late: Readonly<Record<string, readonly Buffer[]>> = {
    'a body for a 204': [interim('204'), data(1, 'ok', true)],
    'more than the length': [field('content-length', '3'), data(1, 'hello', true)],
    'less than the length': [field('content-length', '9'), data(1, 'hello', true)],
    'trailers with a pseudo-header': [open(1), data(1, 'x'), trailers(':status')],
    'trailers about the connection': [open(1), data(1, 'x'), trailers('connection')],
    'trailers that do not end': [open(1), data(1, 'x'), headers(1, [['a', 'b']], { end: false })],
  }
  for (const [name, bytes] of Object.entries(late)) {
    const recorder = await heard(t, bytes)
    assert.deepEqual(recorder.events, ['head', 'failure malformed'], name)
    assert.equal(recorder.failure?.beforeResponse, false, name)
  }
})

test('a line with a forbidden byte never reaches the caller', async (t) => {
  for (const value of ['a\0b', 'a\r\nx-b: c', 'a\nb', '\u007f']) {
    const recorder = await heard(t, [open(1, [...ok, ['x-a', value]]), data(1, 'ok', true)])
    assert.ok(!(recorder.head?.headers ?? []).includes('x-a'), JSON.stringify(value))
    assert.ok(!(recorder.head?.headers ?? []).some((text) => text.includes('x-b')))
  }
})

test('fields that were never meant for the caller are dropped', async (t) => {
  const fields: Fields = [...ok, ['te', 'trailers'], ['x-kept', '1']]
  const recorder = await heard(t, [open(1, fields), data(1, 'ok', true)])
  assert.deepEqual(recorder.head?.headers, ['content-type', 'text/plain', 'x-kept', '1'])
})

test('headers and trailers over the bound end their request only', async (t) => {
  const many: Fields = Array.from({ length: 30 }, (_, at) => [`h${at}`, 'y'.repeat(525)])
  const { port, connections } = await rawService(t, {
    request: (stream, connection) => {
      if (stream === 1) connection.send(open(stream, [...ok, ...many]))
      else if (stream === 3) {
        connection.send(open(stream), data(stream, 'x'), headers(stream, many))
      } else connection.send(...answered(stream))
    },
  })
  const upstream = http2To(t, port)
  const first = await fetchOver(upstream, get())
  assert.equal(first.failure?.kind, 'too_large')
  const second = await fetchOver(upstream, get())
  assert.deepEqual(second.events, ['head', 'failure too_large'])
  assert.equal((await fetchOver(upstream, get())).body, 'ok')
  assert.equal(connections.length, 1)
})

test('an endless header section ends the connection', async (t) => {
  const recorder = await heard(t, [
    headers(1, block(ok), { endHeaders: false }),
    ...Array.from({ length: 1000 }, () => continuation(1, block([['x', 'y'.repeat(100)]]), false)),
  ])
  assert.equal(recorder.failure?.beforeResponse, true)
  const kinds: readonly UpstreamFailureKind[] = ['malformed', 'too_large']
  assert.ok(kinds.includes(recorder.failure.kind), recorder.failure.kind)
})

test('floods of settings and pings end the connection, in bounded memory', async (t) => {
  for (const [name, one] of [
    ['settings', settings({ 3: 100 })],
    ['pings', ping()],
  ] as const) {
    const flood = Buffer.concat(Array.from({ length: 5000 }, () => one))
    const { port } = await rawService(t, {
      request: (_stream, { socket }) => {
        // Nothing of what we answer is read, so that the answers pile up on our side.
        socket.pause()
        const pump = (): void => {
          while (!socket.destroyed && socket.write(flood));
        }
        socket.on('drain', pump)
        pump()
      },
    })
    const upstream = http2To(t, port)
    const before = process.memoryUsage().rss
    const recorder = await fetchOver(upstream, get('/', { method: 'POST' }))
    assert.equal(recorder.failure?.beforeResponse, true, name)
    const grown = process.memoryUsage().rss - before
    assert.ok(grown < 64 * 1024 * 1024, `${name}: ${grown} bytes more`)
    await upstream.close(millis(0))
  }
})

test('a service that says nothing has its time, and then others are asked', async (t) => {
  const { port, connections } = await rawService(t, {
    request: (stream, connection) => {
      if (connection.index > 0) connection.send(...answered(stream))
    },
  })
  const upstream = http2To(t, port, { connectTimeout: millis(500) })
  const first = await fetchOver(upstream, get('/', { headersTimeout: millis(200) }))
  assert.equal(first.failure?.kind, 'headers_timeout')
  const resets = connections[0]?.frames.filter((one) => one.type === frameTypes.rstStream) ?? []
  await until(() => (connections[0]?.frames.length ?? 0) > 3)
  assert.ok(resets.length <= 1)
  const second = await fetchOver(upstream, get())
  assert.equal(second.body, 'ok', 'over a session that is not in doubt')
  await until(() => upstream.stats.open === 1)
  assert.ok(
    connections[0]?.frames.some((one) => one.type === frameTypes.ping),
    'it was asked',
  )
})

test('a session that answers its ping is used again after a time-out', async (t) => {
  let heard = 0
  const { port, connections } = await rawService(t, {
    on: (one, connection) => {
      if (one.type !== frameTypes.ping) return
      // Its own ping is answered by who has read what came before it.
      if ((one.flags & 1) === 0) connection.send(frame(frameTypes.ping, 1, 0, one.payload), ping())
      else heard += 1
    },
    request: (stream, connection) => {
      if (stream > 1) connection.send(...answered(stream))
    },
  })
  const upstream = http2To(t, port)
  const impatient = get('/', { headersTimeout: millis(200) })
  assert.equal((await fetchOver(upstream, impatient)).failure?.kind, 'headers_timeout')
  await until(() => heard === 1)
  assert.equal((await fetchOver(upstream, get())).body, 'ok')
  assert.equal(connections.length, 1)
})

test('a silent session with open streams is pinged, and dropped without an answer', async (t) => {
  const { port } = await rawService(t, {
    request: (stream, connection) => connection.send(open(stream), data(stream, 'x')),
  })
  const upstream = http2To(t, port, { silence: millis(100), connectTimeout: millis(150) })
  const endless = get('/', { idleTimeout: millis(Infinity) })
  const recorder = await fetchOver(upstream, endless)
  assert.equal(recorder.failure?.kind, 'reset')
  assert.match(recorder.failure.detail, /ping/)
})

test('a body that stops half-way has its time', async (t) => {
  const { port } = await rawService(t, {
    request: (stream, connection) => connection.send(open(stream), data(stream, 'x')),
  })
  const upstream = http2To(t, port, { idleTimeout: millis(150) })
  const recorder = await fetchOver(upstream, get())
  assert.deepEqual(recorder.events, ['head', 'failure idle_timeout'])
})

test('a window that never opens holds the writer back, and has its time', async (t) => {
  const { port } = await rawService(t, {
    begin: (connection) => connection.send(settings({ 3: 100, 4: 0 }), settingsAck),
  })
  const upstream = http2To(t, port, { idleTimeout: millis(200) })
  const framing = { kind: 'chunked' } as const
  const { recorder, exchange } = start(upstream, get('/', { method: 'PUT', framing }))
  let written = 0
  const pump = (): void => {
    while (written < 64 * 1024 * 1024) {
      written += 16_384
      if (!exchange.write(Buffer.alloc(16_384))) return
    }
  }
  exchange.onDrain(pump)
  pump()
  await recorder.settled
  assert.equal(recorder.failure?.kind, 'idle_timeout')
  assert.ok(written < 512 * 1024, `${written} bytes taken`)
})

test('settings that never come, or never are acknowledged, have their time', async (t) => {
  const mute = await rawService(t, { begin: () => undefined })
  const first = http2To(t, mute.port, { connectTimeout: millis(150) })
  const unsaid = await fetchOver(first, get('/', { method: 'POST' }))
  assert.equal(unsaid.failure?.kind, 'connect_timeout')
  assert.equal(unsaid.failure.sent, false, 'nothing is sent before the service has said how')
  const rude = await rawService(t, { begin: (one) => one.send(settings({ 3: 100 })) })
  const second = http2To(t, rude.port, { connectTimeout: millis(150) })
  const unacknowledged = await fetchOver(second, get())
  assert.equal(unacknowledged.failure?.kind, 'connect_timeout')
  assert.equal(unacknowledged.failure.sent, false)
})

test('a service of HTTP/1.1 is told apart before anything is sent', async (t) => {
  const { port } = await rawService(t, {
    begin: ({ socket }) => {
      socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
    },
  })
  const recorder = await fetchOver(http2To(t, port), get('/', { method: 'POST' }))
  assert.equal(recorder.failure?.kind, 'malformed')
  assert.equal(recorder.failure.sent, false)
})

test('a service that takes no streams is not asked over and over', async (t) => {
  const { port, connections } = await rawService(t, {
    begin: (connection) => connection.send(settings({ 3: 0 }), settingsAck),
  })
  const upstream = http2To(t, port, { connectTimeout: millis(150), maxConnections: 50 })
  const recorders = await Promise.all([1, 2, 3].map(() => fetchOver(upstream, get())))
  assert.ok(recorders.every((recorder) => recorder.failure?.kind === 'pool_exhausted'))
  assert.equal(connections.length, 1)
})

test('nobody there, a wrong name, a forbidden address', async (t) => {
  const refused = await fetchOver(http2To(t, 1), get())
  assert.equal(refused.failure?.kind, 'connect_refused')
  assert.equal(refused.failure.sent, false)
  const forbidden = http2To(t, 1, { allowPrivateAddresses: false })
  assert.equal((await fetchOver(forbidden, get())).failure?.kind, 'address_forbidden')
  const unknown = http2To(t, 1, {
    url: new URL('http://nowhere.test'),
    resolve: (_host, answer) => answer(undefined, []),
  })
  assert.equal((await fetchOver(unknown, get())).failure?.kind, 'name_not_found')
  const metadata = http2To(t, 1, {
    url: new URL('http://somewhere.test'),
    resolve: (_host, answer) => answer(undefined, ['169.254.169.254']),
  })
  assert.equal((await fetchOver(metadata, get())).failure?.kind, 'address_forbidden')
})

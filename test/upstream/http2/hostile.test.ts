import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { millis } from '../../../src/core/index.ts'
import {
  block,
  continuation,
  data,
  errorCodes,
  frame,
  frameTypes,
  headers,
  rstStream,
  settings,
  windowUpdate,
} from '../../kit/h2-frames.ts'
import { fetchOver, get, start, until } from '../kit.ts'
import { goaway, http2To, rawService, settingsAck } from './kit.ts'
import type { RawService } from './kit.ts'

const ok = [[':status', '200']] as const
const head = headers(1, ok, { end: false })

/** A service that says these bytes when it is asked, and what the one who asked heard. */
async function saying(t: TestContext, bytes: readonly Buffer[]) {
  const service = await rawService(t, {
    request: (_stream, connection) => connection.send(...bytes),
  })
  const upstream = http2To(t, service.port)
  return { service, upstream, recorder: await fetchOver(upstream, get('/', { method: 'POST' })) }
}

/** The code that the connection was left with. */
async function leftWith({ connections }: RawService): Promise<number | undefined> {
  const last = () => connections[0]?.frames.find(({ type }) => type === frameTypes.goaway)
  await until(() => last() !== undefined || connections[0]?.socket.destroyed === true)
  return last()?.payload.readUInt32BE(4)
}

const { protocolError, flowControlError, streamClosed, frameSizeError } = errorCodes
const { compressionError, enhanceYourCalm } = errorCodes
const full = data(1, 'x'.repeat(16_384))

const endings: Readonly<Record<string, readonly [number, readonly Buffer[]]>> = {
  'data on a stream nobody began': [protocolError, [data(3, 'x')]],
  'a header section on a stream nobody began': [protocolError, [headers(3, ok)]],
  'a reset of a stream nobody began': [protocolError, [rstStream(3, errorCodes.cancel)]],
  'a window of a stream nobody began': [protocolError, [windowUpdate(3, 1)]],
  'a stream that the service begins': [protocolError, [headers(2, ok)]],
  'a stream that the service promises': [
    protocolError,
    [frame(frameTypes.pushPromise, 4, 1, Buffer.from([0, 0, 0, 2, 0x88]))],
  ],
  'data on no stream': [protocolError, [data(0, 'x')]],
  'a window of the connection that grows by nothing': [protocolError, [windowUpdate(0, 0)]],
  'a window of the connection that is too large': [
    flowControlError,
    [windowUpdate(0, 2 ** 31 - 1), windowUpdate(0, 1)],
  ],
  'settings that make the window of a stream too large': [
    flowControlError,
    [windowUpdate(1, 2 ** 31 - 1 - 65_535), settings({ 4: 65_536 })],
  ],
  'an initial window that is too large': [flowControlError, [settings({ 4: 2 ** 31 })]],
  'a frame size that is too small': [protocolError, [settings({ 5: 16_383 })]],
  'a server that takes pushes': [protocolError, [settings({ 2: 1 })]],
  'a frame that is too long': [frameSizeError, [data(1, 'x'.repeat(16_385))]],
  'a ping of seven octets': [frameSizeError, [frame(frameTypes.ping, 0, 0, Buffer.alloc(7))]],
  'an index of no line': [compressionError, [headers(1, Buffer.from([0xff, 0x00]))]],
  'Huffman code that never ends': [
    compressionError,
    [headers(1, Buffer.from([0x00, 0x81, 0xff, 0x00]))],
  ],
  'a table larger than we said': [compressionError, [headers(1, Buffer.from([0x3f, 0xe2, 0x1f]))]],
  'header sections without end': [
    enhanceYourCalm,
    [
      headers(1, block(ok), { endHeaders: false }),
      ...Array(20).fill(continuation(1, Buffer.alloc(0), false)),
    ],
  ],
  'a frame within a header section': [
    protocolError,
    [headers(1, block(ok), { endHeaders: false }), data(1, 'x')],
  ],
  'HTTP/1.1 behind a head': [frameSizeError, [head, Buffer.from('HTTP/1.1 200 OK\r\n\r\n')]],
}

test('a service that breaks HTTP/2 is left with the code that RFC 9113 has for it', async (t) => {
  for (const [name, [code, bytes]] of Object.entries(endings)) {
    const { service, upstream, recorder } = await saying(t, bytes)
    assert.equal(recorder.failure?.kind, 'malformed', name)
    assert.ok(!recorder.events.includes('end'), name)
    assert.equal(await leftWith(service), code, name)
    await until(() => upstream.stats.open === 0)
  }
})

test('frames on a stream that is over end the connection, and none that was answered suffers', async (t) => {
  for (const [name, bytes] of Object.entries({
    'data behind the end': [head, data(1, 'ok', true), data(1, 'more')],
    'a header section behind the end': [head, data(1, 'ok', true), headers(1, ok)],
    'data behind a reset': [head, data(1, 'ok', true), rstStream(1, 0), data(1, '', true)],
  })) {
    const { service, recorder } = await saying(t, bytes)
    assert.deepEqual(recorder.events, ['head', 'end'], name)
    assert.equal(recorder.body, 'ok', name)
    assert.equal(await leftWith(service), streamClosed, name)
  }
})

test('what is still on its way to a stream that we have reset is passed over', async (t) => {
  const service = await rawService(t, {
    on: ({ type, stream }, connection) => {
      if (type !== frameTypes.rstStream) return
      connection.send(headers(stream, ok, { end: false }), data(stream, 'late', true))
      connection.send(rstStream(stream, errorCodes.cancel), windowUpdate(stream, 5))
    },
    request: (stream, connection) => {
      if (stream > 1) connection.send(headers(stream, ok, { end: false }), data(stream, 'ok', true))
    },
  })
  const upstream = http2To(t, service.port)
  const { exchange, recorder } = start(upstream, get())
  await until(() => (service.connections[0]?.frames ?? []).some(({ stream }) => stream === 1))
  exchange.abort()
  assert.equal((await fetchOver(upstream, get())).body, 'ok')
  assert.deepEqual(recorder.events, [])
  assert.equal(service.connections.length, 1)
})

test('errors of one stream leave the others alone', async (t) => {
  for (const [name, bytes] of Object.entries({
    'a window that grows by nothing': [head, windowUpdate(1, 0)],
    'a window that is too large': [head, windowUpdate(1, 2 ** 31 - 1), windowUpdate(1, 1)],
    'more data than the window': [head, ...Array<Buffer>(17).fill(full)],
    'a body before its head': [data(1, 'x')],
    'trailers that do not end': [head, headers(1, [['a', 'b']], { end: false })],
  })) {
    const service = await rawService(t, {
      request: (stream, connection) => {
        if (stream === 1) connection.send(...bytes)
        else connection.send(headers(stream, ok, { end: false }), data(stream, 'ok', true))
      },
    })
    const upstream = http2To(t, service.port)
    const { recorder, exchange } = start(upstream, get('/', { method: 'POST' }))
    recorder.accept = () => false
    await until(() => recorder.failure !== undefined)
    assert.equal(recorder.failure?.kind, 'malformed', name)
    exchange.resume()
    assert.equal((await fetchOver(upstream, get())).body, 'ok', name)
    assert.equal(service.connections.length, 1, name)
  }
})

test('floods of frames that come to nothing end the connection', async (t) => {
  for (const [name, one] of Object.entries({
    'empty data': data(1, ''),
    'window updates': windowUpdate(1, 1),
    'unknown frames': frame(0xee, 0, 0),
    priorities: frame(frameTypes.priority, 0, 1, Buffer.alloc(5)),
    'answers to settings': settingsAck,
    'answers to pings': frame(frameTypes.ping, 1, 0, Buffer.alloc(8)),
    'resets of streams that are over': rstStream(1, 0),
  })) {
    const begin = name.startsWith('resets') ? [rstStream(1, 0)] : [head]
    const { service, recorder } = await saying(t, [...begin, ...Array<Buffer>(12_000).fill(one)])
    assert.ok(recorder.failure !== undefined, name)
    assert.equal(await leftWith(service), enhanceYourCalm, name)
  }
})

test('a service that leaves again and again, later and later, moves no stream twice', async (t) => {
  let asked = 0
  const service = await rawService(t, {
    request: (stream, connection) => {
      asked += 1
      if (asked > 1) connection.send(headers(stream, ok, { end: false }), data(stream, 'ok', true))
      else for (const last of [0, 7, 0, 1]) connection.send(goaway(last, errorCodes.noError))
    },
  })
  const recorder = await fetchOver(http2To(t, service.port), get('/', { method: 'POST' }))
  assert.equal(recorder.body, 'ok')
  assert.equal(asked, 2)
})

test('a request that is over is not kept for its answer: the same session goes on', async (t) => {
  const service = await rawService(t, {
    request: (stream, connection) => {
      // The window of the session is used up several times over by streams that nobody reads.
      const pieces = Array<Buffer>(15).fill(data(stream, 'x'.repeat(16_384)))
      connection.send(headers(stream, ok, { end: false }), ...pieces)
    },
  })
  const upstream = http2To(t, service.port, { maxConnections: 1, idleTimeout: millis(60_000) })
  for (let count = 0; count < 10; count++) {
    const { recorder, exchange } = start(upstream, get())
    recorder.accept = () => false
    await until(() => recorder.chunks.length === 1)
    exchange.abort()
  }
  assert.equal(service.connections.length, 1)
})

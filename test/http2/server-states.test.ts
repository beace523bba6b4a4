import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  continuation,
  data,
  errorCodes,
  frame,
  frameTypes,
  headers,
  ping,
  rstStream,
  settings,
  windowUpdate,
} from '../kit/h2-frames.ts'
import type { Fields, Frame, RawHttp2 } from '../kit/h2-frames.ts'
import { answering, open, Reader, serve } from './kit.ts'

/* RFC 9113 5.1 and 6: what each frame is on each state of a stream. */

const request: Fields = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'gw'],
]
const get = (stream: number): Buffer => headers(stream, request)
const post = (stream: number, ...more: Fields): Buffer =>
  headers(stream, [...request, ...more], { end: false })
const priority = (stream: number): Buffer =>
  frame(frameTypes.priority, 0, stream, Buffer.from([0, 0, 0, 0, 7]))
const goaway = ({ type }: Frame): boolean => type === frameTypes.goaway

/** The connection still serves. */
async function goesOn(connection: RawHttp2, stream = 101): Promise<void> {
  connection.send(get(stream))
  assert.equal(await connection.outcome(stream), '200')
}

const idle: readonly (readonly [string, Buffer, number])[] = [
  ['data', data(1, 'x'), errorCodes.protocolError],
  ['a reset', rstStream(1, 8), errorCodes.protocolError],
  ['a window update', windowUpdate(1, 1), errorCodes.protocolError],
  ['a continuation', continuation(1, Buffer.alloc(0), true), errorCodes.protocolError],
  [
    'a push promise',
    frame(frameTypes.pushPromise, 4, 1, Buffer.alloc(4)),
    errorCodes.protocolError,
  ],
  ['a header section of an even number', get(2), errorCodes.protocolError],
  ['data of an even number', data(2, 'x'), errorCodes.protocolError],
  ['a header section of the connection', get(0), errorCodes.protocolError],
  ['data of the connection', data(0, 'x'), errorCodes.protocolError],
  ['a window update of nothing', windowUpdate(0, 0), errorCodes.protocolError],
  ['a window that overflows', windowUpdate(0, 0x7fffffff), errorCodes.flowControlError],
  ['settings of a stream', frame(frameTypes.settings, 0, 1), errorCodes.protocolError],
  [
    'settings of half a value',
    frame(frameTypes.settings, 0, 0, Buffer.alloc(5)),
    errorCodes.frameSizeError,
  ],
  ['settings that overflow', settings({ 4: 0x80000000 }), errorCodes.flowControlError],
  [
    'a ping of seven octets',
    frame(frameTypes.ping, 0, 0, Buffer.alloc(7)),
    errorCodes.frameSizeError,
  ],
  [
    'a frame that is too long',
    frame(frameTypes.data, 0, 1, Buffer.alloc(16_385)),
    errorCodes.frameSizeError,
  ],
  [
    'a field that no table has',
    headers(1, Buffer.from([0xff, 0xff, 0x0f])),
    errorCodes.compressionError,
  ],
]

for (const [what, bytes, code] of idle) {
  test(`before any stream the connection ends with ${what}`, async (t) => {
    const { port, failed } = await serve(t, answering())
    const connection = await open(t, port)
    connection.send(bytes)
    assert.equal((await connection.until(goaway))?.payload.readUInt32BE(4), code)
    assert.equal(await connection.untilClosed(), true)
    assert.equal(failed.length, 1, 'and is told of once')
  })
}

test('priorities, unknown frames and unknown settings are passed over in every state', async (t) => {
  const { port } = await serve(t, answering())
  const connection = await open(t, port)
  connection.send(priority(1), frame(0x10, 0, 0, Buffer.from('\0\0\0\x01u=1')), frame(99, 255, 7))
  connection.send(settings({ 99: 1 }), get(1), priority(1), frame(99, 0, 1))
  await goesOn(connection)
})

const halfClosed: readonly (readonly [string, (stream: number) => Buffer])[] = [
  ['data', (stream) => data(stream, 'x')],
  ['empty data', (stream) => data(stream, '', true)],
  ['a trailer section', (stream) => headers(stream, [['x', 'y']])],
]

for (const [what, make] of halfClosed) {
  test(`behind the end of a request ${what} ends its stream`, async (t) => {
    const { port } = await serve(t, (stream, fields) => {
      if (!fields.includes('x-wait')) answering()(stream, fields)
    })
    const connection = await open(t, port)
    connection.send(headers(1, [...request, ['x-wait', '1']]), ping())
    await connection.until(({ type }) => type === frameTypes.ping)
    connection.send(make(1))
    assert.equal(await connection.outcome(1), `RST ${errorCodes.streamClosed}`)
    await goesOn(connection)
  })
}

test('a window and a priority behind the end of a request are as good as before', async (t) => {
  const { port } = await serve(t, answering())
  const connection = await open(t, port)
  connection.send(settings({ 4: 0 }), get(1))
  assert.equal(await connection.outcome(1), '200')
  assert.equal(connection.body(1).text, '')
  connection.send(priority(1), windowUpdate(1, 1))
  await connection.until(({ type }) => type === frameTypes.data)
  assert.deepEqual(connection.body(1), { text: 'o', whole: false })
  connection.send(windowUpdate(1, 1))
  await connection.until(({ type, flags }) => type === frameTypes.data && (flags & 1) !== 0)
  assert.deepEqual(connection.body(1), { text: 'ok', whole: true })
})

for (const [what, make] of halfClosed) {
  test(`on a stream that is over ${what} ends the connection`, async (t) => {
    const { port } = await serve(t, answering())
    const connection = await open(t, port)
    connection.send(get(1))
    await connection.until(({ stream, flags }) => stream === 1 && (flags & 1) !== 0)
    connection.send(make(1))
    const last = await connection.until(goaway)
    assert.equal(last?.payload.readUInt32BE(4), errorCodes.streamClosed)
  })
}

test('a stream may not begin below another', async (t) => {
  const { port } = await serve(t, answering())
  const connection = await open(t, port)
  connection.send(get(5), get(3))
  const last = await connection.until(goaway)
  assert.equal(last?.payload.readUInt32BE(4), errorCodes.streamClosed)
  assert.equal(last?.payload.readUInt32BE(0), 5)
})

test('on a stream that is over windows, resets and priorities are passed over', async (t) => {
  const { port } = await serve(t, answering())
  const connection = await open(t, port)
  connection.send(get(1))
  await connection.until(({ stream, flags }) => stream === 1 && (flags & 1) !== 0)
  connection.send(windowUpdate(1, 10), rstStream(1, 8), priority(1))
  await goesOn(connection)
})

test('what is still on its way to a stream that we reset is passed over', async (t) => {
  const { port } = await serve(t, (stream, fields) => {
    if (fields.includes('x-reset')) stream.reset(errorCodes.cancel)
    else answering()(stream, fields)
  })
  const connection = await open(t, port)
  connection.send(post(1, ['x-reset', '1']))
  assert.equal(await connection.outcome(1), `RST ${errorCodes.cancel}`)
  connection.send(data(1, 'x'), windowUpdate(1, 9), headers(1, [['x', 'y']]), rstStream(1, 8))
  await goesOn(connection)
})

test('behind a reset of the client nothing may come', async (t) => {
  const { port } = await serve(t, () => undefined)
  const connection = await open(t, port)
  connection.send(post(1), rstStream(1, 8), data(1, 'x'))
  const last = await connection.until(goaway)
  assert.equal(last?.payload.readUInt32BE(4), errorCodes.streamClosed)
})

const malformed: readonly (readonly [string, readonly Buffer[]])[] = [
  ['a trailer section without end', [post(1), headers(1, [['x', 'y']], { end: false })]],
  ['a trailer section with a pseudo-header field', [post(1), headers(1, [[':path', '/']])]],
  ['a trailer in upper case', [post(1), headers(1, [['X', 'y']])]],
  ['a field with a line feed', [headers(1, [...request, ['x', 'a\nb']])]],
  ['a field in upper case', [headers(1, [...request, ['X', 'a']])]],
  ['a head that whoever reads it refuses', [headers(1, [...request, ['x-malformed', '']])]],
  ['a length without a body', [headers(1, [...request, ['content-length', '1']])]],
  ['less than its length', [post(1, ['content-length', '4']), data(1, 'abc', true)]],
  ['more than its length', [post(1, ['content-length', '2']), data(1, 'abc')]],
  [
    'less than its length, and trailers',
    [post(1, ['content-length', '2']), headers(1, [['x', 'y']])],
  ],
  ['a window update of nothing', [post(1), windowUpdate(1, 0)]],
]

for (const [what, bytes] of malformed) {
  test(`no request comes of a stream with ${what}`, async (t) => {
    let begun = 0
    const { port, rejected } = await serve(t, (stream, fields) => {
      begun += 1
      answering()(stream, fields)
    })
    const connection = await open(t, port)
    connection.send(Buffer.concat(bytes))
    assert.equal(await connection.outcome(1), `RST ${errorCodes.protocolError}`)
    assert.deepEqual([begun, rejected.length], [0, 1])
    await goesOn(connection)
  })
}

test('a request that is reset in the piece it came in is none', async (t) => {
  const begun: number[] = []
  const { port } = await serve(t, (stream, fields) => {
    begun.push(stream.id)
    answering()(stream, fields)
  })
  const connection = await open(t, port)
  connection.send(get(1), rstStream(1, 8), get(3))
  assert.equal(await connection.outcome(3), '200')
  assert.deepEqual(begun, [3])
})

test('bodies and trailers are handed on, and an early answer stops what is left', async (t) => {
  const readers: Reader[] = []
  const { port } = await serve(t, (stream, fields) => {
    const reader = new Reader(stream)
    readers.push(reader)
    if (fields.includes('x-early')) answering()(stream, fields)
    else {
      stream.resume()
      void reader.whole.then((text) => {
        stream.begin([':status', '200'])
        stream.write(text)
        stream.end(['x-seen', String(stream.trailers)])
      })
    }
  })
  const connection = await open(t, port)
  connection.send(post(1), data(1, 'ab'), data(1, 'cd'), headers(1, [['x', 'y']]))
  await connection.until(({ stream, flags }) => stream === 1 && (flags & 1) !== 0)
  assert.deepEqual(connection.body(1), { text: 'abcd', whole: true })
  assert.deepEqual(readers[0]?.stream.trailers, ['x', 'y'])
  connection.send(post(3, ['x-early', '1']), data(3, 'ab'))
  const reset = await connection.until(({ stream, type }) => stream === 3 && type === 3)
  assert.equal(reset?.payload.readUInt32BE(0), errorCodes.noError)
  assert.deepEqual(connection.body(3), { text: 'ok', whole: true })
  await readers[1]?.closed
})

test('a ping comes back as it was, and settings are acknowledged', async (t) => {
  const { port } = await serve(t, answering())
  const connection = await open(t, port)
  const payload = Buffer.from([0, 1, 0x80, 0xff, 4, 5, 6, 7])
  connection.send(frame(frameTypes.ping, 0, 0, payload), settings({ 3: 100 }))
  const pong = await connection.until(({ type }) => type === frameTypes.ping)
  assert.deepEqual([pong?.flags, pong?.payload], [1, payload])
  await connection.until(({ type, flags }) => type === frameTypes.settings && flags === 1)
  await goesOn(connection)
})

test('a connection that is about to end takes what was just asked, and ends with it', async (t) => {
  const streams: number[] = []
  let end = (): void => undefined
  const { port, connections } = await serve(t, (stream, fields) => {
    streams.push(stream.id)
    if (!fields.includes('x-wait')) answering()(stream, fields)
    else {
      stream.begin([':status', '200'])
      end = () => stream.end()
    }
  })
  const connection = await open(t, port)
  connection.send(headers(1, [...request, ['x-wait', '1']]))
  await connection.outcome(1)
  connections[0]?.announceEnd()
  const first = await connection.until(goaway)
  assert.deepEqual(
    [first?.payload.readUInt32BE(0), first?.payload.readUInt32BE(4)],
    [0x7fffffff, 0],
  )
  const asked = await connection.until(({ type, flags }) => type === frameTypes.ping && flags === 0)
  connection.send(get(3))
  connection.send(frame(frameTypes.ping, 1, 0, asked?.payload), get(5))
  await connection.until((one) => goaway(one) && one.payload.readUInt32BE(0) === 3)
  end()
  assert.equal(await connection.untilClosed(), true)
  const last = connection.frames.filter(goaway).at(-1)
  assert.deepEqual([last?.payload.readUInt32BE(0), last?.payload.readUInt32BE(4)], [3, 0])
  assert.deepEqual(streams, [1, 3])
  assert.equal(connection.body(1).whole, true)
})

test('a client that says goodbye gets the answers that are under way', async (t) => {
  const { port } = await serve(t, (stream) => {
    stream.begin([':status', '200'])
    setTimeout(() => stream.end(), 100)
  })
  const connection = await open(t, port)
  connection.send(get(1), frame(frameTypes.goaway, 0, 0, Buffer.alloc(8)))
  assert.equal(await connection.untilClosed(), true)
  assert.equal(connection.body(1).whole, true)
})

import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { ServerConnection } from '../../src/http2/index.ts'
import {
  data,
  errorCodes,
  frameTypes,
  headers,
  ping,
  preface,
  rstStream,
  settings,
  windowUpdate,
} from '../kit/h2-frames.ts'
import type { Fields, Frame, RawHttp2 } from '../kit/h2-frames.ts'
import { open, Reader, serve } from './kit.ts'

/* RFC 9113 5.2 and 6.9: how much either side may send, and how it is shared. */

const request: Fields = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'gw'],
]
const get = (stream: number): Buffer => headers(stream, request)
const post = (stream: number): Buffer => headers(stream, request, { end: false })
const isData = ({ type }: Frame): boolean => type === frameTypes.data

/** Everything that was sent before has been looked at. */
async function settled(connection: RawHttp2): Promise<void> {
  const before = connection.frames.filter(({ type }) => type === frameTypes.ping).length
  connection.send(ping())
  await connection.until(
    () => connection.frames.filter(({ type }) => type === frameTypes.ping).length > before,
  )
}

function windows(connection: RawHttp2, stream: number): number {
  return connection.frames
    .filter((one) => one.type === frameTypes.windowUpdate && one.stream === stream)
    .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0)
}

test('body waits for the window of its stream, a head does not', async (t) => {
  const { port } = await serve(t, (stream) => {
    stream.begin([':status', '200'])
    stream.write('0123456789')
    stream.end()
  })
  const connection = await open(t, port)
  connection.send(settings({ 4: 4 }), get(1))
  await connection.until(isData)
  await settled(connection)
  assert.deepEqual(connection.body(1), { text: '0123', whole: false })
  connection.send(settings({ 4: 1 }))
  await settled(connection)
  connection.send(windowUpdate(1, 3))
  await settled(connection)
  assert.equal(connection.body(1).text, '0123', 'a window below nothing grows to nothing first')
  connection.send(windowUpdate(1, 2))
  await settled(connection)
  assert.equal(connection.body(1).text, '012345')
  connection.send(settings({ 4: 100 }))
  await connection.until(({ stream, flags }) => stream === 1 && (flags & 1) !== 0)
  assert.deepEqual(connection.body(1), { text: '0123456789', whole: true })
})

test('body waits for the window of the connection, and streams share it in turns', async (t) => {
  const { port } = await serve(t, (stream) => {
    stream.begin([':status', '200'])
    stream.write(Buffer.alloc(400_000, String(stream.id)))
    stream.end()
  })
  const connection = await open(t, port)
  connection.send(settings({ 4: 1_000_000 }), get(1), get(3), get(5))
  const heads = await Promise.all([1, 3, 5].map((stream) => connection.outcome(stream)))
  assert.deepEqual(heads, ['200', '200', '200'])
  await connection.until(() => connection.frames.filter(isData).length === 4)
  await settled(connection)
  const lengths = [1, 3, 5].map((stream) => connection.body(stream).text.length)
  assert.equal(
    lengths.reduce((sum, length) => sum + length),
    65_535,
  )
  assert.ok(Math.max(...lengths) <= 2 * 16_384, `one has ${Math.max(...lengths)}`)
  connection.send(windowUpdate(0, 2_000_000))
  for (const stream of [1, 3, 5]) {
    await connection.until((one) => one.stream === stream && isData(one) && (one.flags & 1) !== 0)
    const { text, whole } = connection.body(stream)
    assert.ok(whole && text === String(stream).repeat(400_000))
  }
})

test('a stream that overflows its window ends alone, a window of nothing to give too', async (t) => {
  const { port } = await serve(t, (stream) => {
    const reader = new Reader(stream)
    reader.stream.begin([':status', '200'])
  })
  const connection = await open(t, port)
  connection.send(post(1), windowUpdate(1, 0x7fffffff), post(3))
  assert.equal(await connection.outcome(1), `RST ${errorCodes.flowControlError}`)
  assert.equal(await connection.outcome(3), '200')
  connection.send(settings({ 4: 0x7fffffff }), windowUpdate(3, 1))
  const reset = await connection.until(({ stream, type }) => stream === 3 && type === 3)
  assert.equal(reset?.payload.readUInt32BE(0), errorCodes.flowControlError)
})

test('settings that make the window of a stream overflow end the connection', async (t) => {
  const { port } = await serve(t, (stream) => stream.begin([':status', '200']))
  const connection = await open(t, port)
  connection.send(post(1), windowUpdate(1, 0x7fff0000 - 65_535), settings({ 4: 0x7fffffff }))
  const last = await connection.until(({ type }) => type === frameTypes.goaway)
  assert.equal(last?.payload.readUInt32BE(4), errorCodes.flowControlError)
})

test('a window is given back only as the body is taken', async (t) => {
  const readers: Reader[] = []
  const { port } = await serve(t, (stream) => readers.push(new Reader(stream)))
  const connection = await open(t, port)
  const piece = Buffer.alloc(16_000, 'a')
  const before = windows(connection, 0)
  connection.send(post(1), ...Array.from({ length: 8 }, () => data(1, piece)))
  await settled(connection)
  const [reader] = readers
  assert.ok(reader !== undefined)
  assert.deepEqual([windows(connection, 1), reader.pieces.length], [0, 0])
  reader.stream.resume()
  await connection.until(({ type, stream }) => type === frameTypes.windowUpdate && stream === 1)
  assert.ok(windows(connection, 1) >= 64_000)
  reader.stream.pause()
  const { length } = reader.pieces
  for (let n = 0; n < 3; n++) connection.send(data(1, piece))
  await settled(connection)
  assert.equal(reader.pieces.length, length, 'what comes in a pause waits')
  reader.stream.reset(errorCodes.cancel)
  await settled(connection)
  // Whoever ends the stream takes the rest from the window of the connection.
  assert.ok(windows(connection, 0) - before >= 0)
  connection.send(...[3, 5, 7].flatMap((stream) => [post(stream), data(stream, piece)]))
  await settled(connection)
  assert.equal(readers.length, 4)
})

test('more body than a stream has window for ends the stream', async (t) => {
  const { port } = await serve(t, (stream) => new Reader(stream))
  const connection = await open(t, port)
  connection.send(post(1), ...Array.from({ length: 9 }, () => data(1, Buffer.alloc(16_000))))
  assert.equal(await connection.outcome(1), `RST ${errorCodes.flowControlError}`)
  connection.send(post(3), data(3, 'x'))
  await settled(connection)
  assert.equal(connection.closed, false)
})

test('more body than the connection has window for ends the connection', async (t) => {
  const { port } = await serve(t, (stream) => new Reader(stream))
  const connection = await open(t, port)
  const full = (stream: number): Buffer[] => [
    post(stream),
    ...Array.from({ length: 8 }, () => data(stream, Buffer.alloc(16_000))),
  ]
  connection.send(...[1, 3, 5, 7, 9].flatMap(full))
  const last = await connection.until(({ type }) => type === frameTypes.goaway)
  assert.equal(last?.payload.readUInt32BE(4), errorCodes.flowControlError)
})

test('padding counts, and is given back without a reader', async (t) => {
  const { port } = await serve(t, (stream) => new Reader(stream))
  const connection = await open(t, port)
  const padded = Buffer.concat([
    Buffer.from([0, 1, 1, 0, 0x8, 0, 0, 0, 1]),
    Buffer.from([255]),
    Buffer.from('x'),
    Buffer.alloc(255),
  ])
  connection.send(post(1), ...Array.from({ length: 400 }, () => padded))
  await settled(connection)
  assert.ok(windows(connection, 1) > 65_535, 'more than a window of padding came')
})

test('data of streams that are over takes no window from the others', async (t) => {
  const { port } = await serve(t, (stream) => {
    stream.begin([':status', '200'])
    stream.end()
  })
  const connection = await open(t, port)
  for (let stream = 1; stream < 80; stream += 2) {
    connection.send(post(stream))
    await connection.until((one) => one.stream === stream && one.type === frameTypes.rstStream)
    connection.send(data(stream, Buffer.alloc(16_000)))
  }
  await settled(connection)
  assert.equal(connection.closed, false)
  assert.ok(windows(connection, 0) > 40 * 16_000 - 262_144)
})

test('a writer is told to wait, and to go on when all of it has left', async (t) => {
  const readers: Reader[] = []
  const { port } = await serve(t, (stream) => {
    readers.push(new Reader(stream))
    stream.begin([':status', '200'])
    assert.equal(stream.write(Buffer.alloc(40_000, 'a')), true)
    assert.equal(stream.write(Buffer.alloc(40_000, 'b')), false)
  })
  const connection = await open(t, port)
  connection.send(get(1))
  await connection.until(() => connection.body(1).text.length === 65_535)
  const [reader] = readers
  assert.equal(reader?.drains, 0)
  assert.ok(reader.stream.unsent >= 80_000 - 65_535)
  connection.send(windowUpdate(0, 100_000), windowUpdate(1, 100_000))
  await connection.until(() => connection.body(1).text.length === 80_000)
  await settled(connection)
  assert.deepEqual([reader.drains, reader.stream.unsent], [1, 0])
  connection.send(rstStream(1, errorCodes.cancel))
  await reader.closed
  assert.equal(reader.stream.write('more'), true, 'nobody waits for a stream that is over')
})

test('a client that reads nothing leaves no more with us than a turn of frames', async (t) => {
  const { port, sockets } = await serve(t, (stream) => {
    stream.begin([':status', '200'])
    stream.write(Buffer.alloc(20_000_000))
    stream.end()
  })
  const connection = await open(t, port)
  connection.socket.pause()
  connection.send(settings({ 4: 0x7fffffff }), windowUpdate(0, 0x70000000))
  connection.send(...Array.from({ length: 50 }, (_, n) => get(2 * n + 1)))
  const [socket] = sockets
  assert.ok(socket !== undefined)
  const deadline = Date.now() + 20_000
  while (!socket.writableNeedDrain && Date.now() < deadline) {
    await new Promise((resolve) => {
      setTimeout(resolve, 20)
    })
  }
  assert.ok(socket.writableNeedDrain)
  assert.ok(socket.writableLength < 300_000, `${socket.writableLength} wait for it`)
})

test('answers of one turn leave in one write', async () => {
  const [client, side] = duplexPair()
  const connection = new ServerConnection(
    side,
    { headerBytes: 16_384, streams: 100 },
    {
      onFields: () => undefined,
      onRequest: (stream) => {
        stream.begin([':status', '200'])
        stream.write('ok')
        stream.end()
      },
      onRejected: () => undefined,
      onFailed: () => undefined,
      onClosed: () => undefined,
    },
  )
  const chunks: Buffer[] = []
  client.on('data', (chunk: Buffer) => chunks.push(chunk))
  client.write(Buffer.concat([preface, settings()]))
  for (let n = 0; n < 5; n++) await turn()
  const before = chunks.length
  client.write(Buffer.concat([get(1), get(3), get(5)]))
  for (let n = 0; n < 5; n++) await turn()
  assert.equal(chunks.length - before, 1)
  connection.destroy()
})

test('short pieces that stand together leave in one frame, and many make their writer wait', async (t) => {
  const said: boolean[] = []
  const { port } = await serve(t, (stream) => {
    stream.begin([':status', '200'])
    for (let n = 0; n < 300; n++) said.push(stream.write(n % 2 === 0 ? 'a' : Buffer.from('b')))
    stream.write(Buffer.alloc(10_000, 'c'))
    stream.write('d')
    stream.end()
  })
  const connection = await open(t, port)
  connection.send(get(1))
  await connection.until(({ stream, flags }) => stream === 1 && (flags & 1) !== 0)
  assert.equal(connection.body(1).text, `${'ab'.repeat(150)}${'c'.repeat(10_000)}d`)
  assert.equal(connection.frames.filter(isData).length, 3)
  assert.deepEqual([said.indexOf(false), said.lastIndexOf(true)], [255, 254])
})

test('a piece that waits holds nothing of what came beside it', async (t) => {
  const readers: Reader[] = []
  const { port } = await serve(t, (stream) => readers.push(new Reader(stream)))
  const connection = await open(t, port)
  connection.send(post(1), data(1, 'abc'), post(3), data(3, Buffer.alloc(16_000)))
  await settled(connection)
  const [reader] = readers
  reader?.stream.resume()
  await settled(connection)
  assert.equal(reader?.pieces[0]?.toString(), 'abc')
  assert.equal(reader.pieces[0].buffer.byteLength, 3)
})

test('a window is given back for pieces whose memory their reader has let go of', async (t) => {
  const readers: Reader[] = []
  const { port } = await serve(t, (stream) => {
    const reader = new Reader(stream)
    readers.push(reader)
    reader.onData = ({ buffer }) => {
      if (buffer instanceof ArrayBuffer) buffer.transfer(0)
    }
  })
  const connection = await open(t, port)
  const piece = Buffer.alloc(16_384, 'a')
  connection.send(post(1), ...Array.from({ length: 5 }, () => data(1, piece)))
  await settled(connection)
  readers[0]?.stream.resume()
  await connection.until(({ type, stream }) => type === frameTypes.windowUpdate && stream === 1)
  assert.ok(windows(connection, 1) >= 4 * 16_384)
})

test('a window is given back once for a piece that fills what was read and is freed at once', async (t) => {
  let freed = 0
  const { port, sockets } = await serve(t, (stream) => {
    const reader = new Reader(stream)
    reader.onData = ({ buffer, length }) => {
      if (!(buffer instanceof ArrayBuffer) || buffer.byteLength !== length) return
      buffer.transfer(0)
      freed += 1
    }
    stream.resume()
  })
  const connection = await open(t, port)
  const granted = windows(connection, 0)
  connection.send(post(1))
  await settled(connection)
  const frame = data(1, Buffer.alloc(16_384, 'a'))
  for (let n = 0; n < 40; n++) {
    // The head of a frame comes by itself, so that the payload is all there is in the next read.
    for (const part of [frame.subarray(0, 9), frame.subarray(9)]) {
      const before = sockets[0]?.bytesRead ?? 0
      connection.send(part)
      const after = before + part.length
      while (sockets[0]?.bytesRead !== after && !connection.closed) await turn()
    }
  }
  await settled(connection)
  assert.ok(freed > 0)
  const came = 40 * 16_384
  assert.ok(windows(connection, 1) <= came, `${windows(connection, 1)} for ${came}`)
  assert.ok(windows(connection, 0) - granted <= came)
})

import assert from 'node:assert/strict'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { millis } from '../../../src/core/index.ts'
import { frameTypes, headers, windowUpdate } from '../../kit/h2-frames.ts'
import { fetchOver, get, Recorder, start, until } from '../kit.ts'
import { http2To, rawService, service } from './kit.ts'

const mebibyte = 1024 * 1024
const size = 32 * mebibyte

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** The largest amount of live buffer memory seen while something runs, above where it started. */
function watchBuffers(): { peak(): number } {
  const live = (): number => {
    collectGarbage()
    collectGarbage()
    return process.memoryUsage().arrayBuffers
  }
  const before = live()
  let most = 0
  const timer = setInterval(() => {
    most = Math.max(most, live() - before)
  }, 60)
  return {
    peak() {
      clearInterval(timer)
      return most
    },
  }
}

/** Writes until the stream is full, then on each drain, until everything is written. */
function pour(stream: ServerHttp2Stream, note: (written: number) => void): void {
  // A server of this runtime that does not read its request may reset what it should end.
  stream.resume()
  const piece = Buffer.alloc(256 * 1024, 'z')
  let written = 0
  const pump = (): void => {
    while (written < size) {
      written += piece.length
      note(written)
      if (!stream.write(piece)) return
    }
    stream.end()
  }
  stream.on('drain', pump)
  pump()
}

test('a reader that pauses holds the service back, and others do not feel it', async (t) => {
  let written = 0
  const { port } = await service(t, (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => undefined)
    stream.respond()
    if (headers[':path'] === '/small') stream.end('small')
    else
      pour(stream, (now) => {
        written = now
      })
  })
  const upstream = http2To(t, port)
  let received = 0
  let calls = 0
  const recorder = new Recorder()
  recorder.onData = (chunk) => {
    received += chunk.length
    calls += 1
    return calls > 1
  }
  const exchange = upstream.request(get(), recorder)
  await until(() => calls === 1)
  await new Promise((resolve) => setTimeout(resolve, 150))
  assert.equal(calls, 1, 'nothing comes after a pause')
  assert.ok(written <= 2 * mebibyte, `${written} bytes written to a paused reader`)
  for (let count = 0; count < 50; count++) {
    assert.equal((await fetchOver(upstream, get('/small'))).body, 'small')
  }
  assert.equal(upstream.stats.open, 1)
  exchange.resume()
  await recorder.settled
  assert.equal(received, size)
})

test('32 MiB pass in bounded memory through a reader that pauses at each piece', async (t) => {
  const { port } = await service(t, (stream: ServerHttp2Stream) => {
    stream.respond()
    pour(stream, () => undefined)
  })
  const upstream = http2To(t, port)
  const watch = watchBuffers()
  let received = 0
  const recorder = new Recorder()
  recorder.onData = (chunk) => {
    received += chunk.length
    setImmediate(() => exchange.resume())
    return false
  }
  const exchange = upstream.request(get(), recorder)
  await recorder.settled
  const peak = watch.peak()
  assert.equal(recorder.failure, undefined)
  assert.equal(received, size)
  assert.ok(peak < 12 * mebibyte, `${peak} bytes of buffers`)
})

const shared = Buffer.alloc(16_384, 'z')

test('a hundred readers that pause hold a window each and no more', async (t) => {
  const { port } = await service(t, (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined)
    stream.respond()
    // The same memory for all of them, so that it is our side that is measured.
    const pump = (): void => {
      while (!stream.destroyed && stream.write(shared));
    }
    stream.on('drain', pump)
    pump()
  })
  const patient = { maxConnections: 1, idleTimeout: millis(60_000) }
  const upstream = http2To(t, port, patient)
  const watch = watchBuffers()
  const recorders = Array.from({ length: 100 }, () => new Recorder())
  const exchanges = recorders.map((recorder) => {
    recorder.accept = () => false
    return upstream.request(get(), recorder)
  })
  await until(() => recorders.every(({ chunks }) => chunks.length > 0))
  await new Promise((resolve) => setTimeout(resolve, 500))
  const peak = watch.peak()
  for (const exchange of exchanges) exchange.abort()
  assert.ok(peak < 50 * mebibyte, `${peak} bytes of buffers`)
  assert.ok(recorders.every(({ chunks }) => chunks.length === 1))
})

test('a service that stops reading holds the writer back, and gets all of it', async (t) => {
  for (const framing of [{ kind: 'length', length: size }, { kind: 'chunked' }] as const) {
    let received = 0
    const paused: ServerHttp2Stream[] = []
    const { port } = await service(t, (stream: ServerHttp2Stream) => {
      stream.pause()
      paused.push(stream)
      stream.on('data', (chunk: Buffer) => {
        received += chunk.length
      })
      stream.pause()
      stream.on('end', () => {
        stream.respond()
        stream.end('done')
      })
    })
    const upstream = http2To(t, port)
    const { recorder, exchange } = start(upstream, get('/', { method: 'PUT', framing }))
    const piece = Buffer.alloc(mebibyte, 'u')
    let written = 0
    const pump = (): void => {
      while (written < size) {
        written += piece.length
        if (!exchange.write(piece)) return
      }
      exchange.end()
    }
    exchange.onDrain(pump)
    pump()
    assert.equal(written, mebibyte, 'held back from the start, while there is no session')
    await until(() => paused.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.ok(written <= 4 * mebibyte, `${written} bytes written to who does not read`)
    paused[0]?.resume()
    await recorder.settled
    assert.equal(recorder.body, 'done')
    assert.equal(received, size)
  }
})

test('events of an endless response arrive as they are sent', async (t) => {
  const streams: ServerHttp2Stream[] = []
  const { port } = await service(t, (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined)
    stream.respond({ 'content-type': 'text/event-stream' })
    stream.write('data: 1\n')
    streams.push(stream)
  })
  const upstream = http2To(t, port)
  const { recorder, exchange } = start(upstream, get())
  await until(() => recorder.body === 'data: 1\n')
  assert.equal(recorder.head?.framing, 'chunked')
  streams[0]?.write('data: 2\n')
  await until(() => recorder.body === 'data: 1\ndata: 2\n')
  exchange.abort()
})

test('both directions run at the same time', async (t) => {
  const { port } = await service(t, (stream: ServerHttp2Stream) => {
    stream.respond()
    stream.on('data', (chunk: Buffer) => stream.write(chunk))
    stream.on('end', () => stream.end())
  })
  const upstream = http2To(t, port)
  const framing = { kind: 'chunked' } as const
  const { recorder, exchange } = start(upstream, get('/', { method: 'POST', framing }))
  for (const text of ['one', 'two', 'three']) {
    exchange.write(Buffer.from(text))
    await until(() => recorder.body.endsWith(text))
  }
  exchange.end()
  await recorder.settled
  assert.equal(recorder.body, 'onetwothree')
})

test('an answer that does not wait for the request stops the rest of it', async (t) => {
  const codes: (number | undefined)[] = []
  const { port } = await service(t, (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined)
    stream.on('close', () => codes.push(stream.rstCode))
    stream.resume()
    stream.respond({ ':status': 413 })
    stream.end('too much')
  })
  const upstream = http2To(t, port)
  const framing = { kind: 'length', length: size } as const
  const { recorder, exchange } = start(upstream, get('/', { method: 'POST', framing }))
  exchange.write(Buffer.alloc(1000))
  await recorder.settled
  assert.equal(recorder.head?.status, 413)
  assert.equal(recorder.body, 'too much')
  assert.equal(exchange.write(Buffer.alloc(1000)), true)
  await until(() => upstream.stats.idle === 1 && codes.length === 1)
  assert.deepEqual(codes, [8], 'CANCEL')
})

test('what was written has left only when no window, socket or second attempt holds it', async (t) => {
  const { port, connections } = await rawService(t, {})
  const upstream = http2To(t, port)
  const framing = { kind: 'chunked' } as const
  const { exchange, recorder } = start(upstream, get('/', { method: 'PUT', framing }))
  exchange.write(Buffer.alloc(30_000))
  assert.equal(exchange.hasLeft, false, 'there is no session yet')
  const sent = (): number =>
    (connections[0]?.frames ?? [])
      .filter(({ type }) => type === frameTypes.data)
      .reduce((sum, { payload }) => sum + payload.length, 0)
  await until(() => sent() === 30_000)
  assert.equal(exchange.hasLeft, false, 'the service may still refuse the stream')
  exchange.write(Buffer.alloc(50_000))
  await until(() => sent() === 65_535)
  assert.equal(exchange.hasLeft, false, 'the window does not let it through')
  connections[0]?.send(windowUpdate(0, 100_000), windowUpdate(1, 100_000))
  await until(() => sent() === 80_000)
  await until(() => exchange.hasLeft)
  exchange.write(Buffer.alloc(20_000))
  assert.equal(exchange.hasLeft, false, 'it leaves with the turn')
  await until(() => exchange.hasLeft)
  exchange.abort()
  assert.equal(exchange.hasLeft, false, 'nobody can say of what was given up')
  assert.deepEqual(recorder.events, [])
})

test('a request that is answered early is not kept for a second attempt', async (t) => {
  const { port } = await rawService(t, {
    request: (stream, connection) => {
      connection.send(headers(stream, [[':status', '200']], { end: false }))
    },
  })
  const framing = { kind: 'chunked' } as const
  const { exchange, recorder } = start(http2To(t, port), get('/', { method: 'PUT', framing }))
  exchange.write(Buffer.alloc(30_000))
  await until(() => recorder.events.includes('head'))
  await until(() => exchange.hasLeft)
  exchange.abort()
})

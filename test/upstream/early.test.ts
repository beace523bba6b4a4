import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Socket } from 'node:net'
import type { TestContext } from 'node:test'

import { millis } from '../../src/core/index.ts'
import type { Exchange } from '../../src/upstream/index.ts'
import { get, rawServer, Recorder, until, upstreamTo } from './kit.ts'

/* A service that answers, or leaves, before it has read the whole body. */

const bounded = { timeout: 30_000 }
const patient = { idleTimeout: millis(120_000), headersTimeout: millis(120_000) }
const piece = Buffer.alloc(64 * 1024, 'b')
const body = 'x'.repeat(50_000)
const close = 'connection: close\r\n'

const whole = {
  length: `${close}content-length: ${body.length}\r\n\r\n${body}`,
  chunked: `${close}transfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
  close: `${close}\r\n${body}`,
}

/** Sends an answer, and resets the connection, as the system does when something was left unread. */
function leave(socket: Socket, answer: string): void {
  socket.pause()
  socket.write(answer)
  socket.resetAndDestroy()
}

/** Ends the connection in good order, which is then reset because more is sent to it. */
function endFirst(socket: Socket, answer: string): void {
  socket.pause()
  socket.end(answer, () => socket.destroy())
}

/** An upload that is written to in the very turn in which the service leaves, before anything is read. */
async function uploading(
  t: TestContext,
  serve: (socket: Socket) => void,
): Promise<{ recorder: Recorder; exchange: Exchange }> {
  const recorder = new Recorder()
  const { port } = await rawServer(t, (socket, received) => {
    if (socket.isPaused() || !received.includes('bbb')) return
    serve(socket)
    const write = (): void => {
      for (let at = 0; at < 8; at++) exchange.write(piece)
    }
    if (socket.destroyed) write()
    else socket.once('close', write)
  })
  const framing = { kind: 'length', length: 1e9 } as const
  const upstream = upstreamTo(t, port, patient)
  const exchange = upstream.request(get('/', { method: 'POST', framing }), recorder)
  exchange.write(Buffer.from('bbb'))
  return { recorder, exchange }
}

for (const status of ['200 OK', '413 Content Too Large']) {
  for (const framing of ['length', 'chunked'] as const) {
    test(`a whole answer (${status}, ${framing}) before a reset is heard`, bounded, async (t) => {
      const answer = `HTTP/1.1 ${status}\r\n${whole[framing]}`
      const { recorder } = await uploading(t, (socket) => leave(socket, answer))
      await recorder.settled
      assert.deepEqual(recorder.events, ['head', 'end'])
      assert.equal(recorder.body, body)
    })
  }
}

test(
  'an answer that ends with its connection is whole when that was ended first',
  bounded,
  async (t) => {
    const answer = `HTTP/1.1 200 OK\r\n${whole.close}`
    const { recorder } = await uploading(t, (socket) => endFirst(socket, answer))
    await recorder.settled
    assert.deepEqual(recorder.events, ['head', 'end'])
    assert.equal(recorder.body, body)
  },
)

test('an answer that ends with its connection is cut when that was reset', bounded, async (t) => {
  const answer = `HTTP/1.1 200 OK\r\n${whole.close}`
  const { recorder } = await uploading(t, (socket) => leave(socket, answer))
  await recorder.settled
  assert.deepEqual(recorder.events, ['head', 'failure reset'])
})

for (const framing of ['length', 'chunked'] as const) {
  test(`less than the whole answer (${framing}) before a reset fails`, bounded, async (t) => {
    const answer = `HTTP/1.1 200 OK\r\n${whole[framing].slice(0, -8)}`
    const { recorder } = await uploading(t, (socket) => leave(socket, answer))
    await recorder.settled
    assert.deepEqual(recorder.events, ['head', 'failure reset'])
  })
}

test('a reset without any answer fails', bounded, async (t) => {
  const { recorder } = await uploading(t, (socket) => leave(socket, ''))
  await recorder.settled
  assert.deepEqual(recorder.events, ['failure reset'])
})

test(
  'what was reset while its receiver pauses is delivered when it goes on',
  bounded,
  async (t) => {
    const answer = `HTTP/1.1 200 OK\r\n${whole.length}`
    const { recorder, exchange } = await uploading(t, (socket) => leave(socket, answer))
    exchange.pause()
    await until(() => exchange.write(piece))
    exchange.resume()
    await recorder.settled
    assert.deepEqual(recorder.events, ['head', 'end'])
  },
)

test('a service that answers with an error is sent no more of the body', bounded, async (t) => {
  const { port, received, sockets } = await rawServer(t, (socket, text) => {
    if (text.endsWith('bbb')) socket.write('HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\nn')
  })
  const upstream = upstreamTo(t, port, patient)
  const recorder = new Recorder()
  const framing = { kind: 'length', length: 1e9 } as const
  const exchange = upstream.request(get('/', { method: 'POST', framing }), recorder)
  exchange.write(Buffer.from('bbb'))
  await until(() => recorder.head !== undefined)
  for (let at = 0; at < 100; at++) assert.equal(exchange.write(piece), true)
  sockets[0]?.write('one')
  await recorder.settled
  assert.equal(recorder.body, 'none')
  assert.ok(received[0]?.endsWith('bbb'))
  // Where the body was not sent to its end, nothing else can begin.
  assert.equal(upstream.stats.open, 0)
})

test('a service that answers while it reads is sent the whole body', bounded, async (t) => {
  const { port } = await rawServer(t, (socket, text) => {
    if (text.endsWith('bbb')) socket.write(`HTTP/1.1 200 OK\r\n${close}content-length: 4\r\n\r\nt`)
    else if (text.endsWith('ccc')) socket.end('wice')
  })
  const recorder = new Recorder()
  const framing = { kind: 'length', length: 6 } as const
  const exchange = upstreamTo(t, port, patient).request(
    get('/', { method: 'POST', framing }),
    recorder,
  )
  exchange.write(Buffer.from('bbb'))
  await until(() => recorder.head !== undefined)
  exchange.write(Buffer.from('ccc'))
  exchange.end()
  await recorder.settled
  assert.equal(recorder.body, 'twic')
})

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { until } from '../kit/operations.ts'
import { head } from '../kit/raw.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

/* `listeners.public.halfClose`: callers that end their side and wait (RFC 9112 9.6). */

let plane: DataPlane
const upstream = new RecordingUpstream()
/** Answers that the test gives when it likes. */
const held: ServerResponse[] = []

before(async () => {
  upstream.answer = (request, response) => {
    if (request.url?.startsWith('/public/held') !== true) return false
    request.resume()
    held.push(response)
    return true
  }
  plane = await startDataPlane({
    upstream: await upstream.listen(),
    more: 'listeners: { public: { halfClose: true } }',
  })
})

after(async () => {
  await plane.finish().finally(() => upstream.close())
})

interface Caller {
  readonly socket: Socket
  readonly read: () => string
  /** The gateway ended its side too. */
  readonly ended: Promise<unknown>
}

/** Sends bytes and ends its side behind them. */
function send(bytes: string): Caller {
  const socket = connect({ port: plane.port, host: '127.0.0.1', allowHalfOpen: true })
  let text = ''
  socket.setEncoding('latin1').on('data', (piece: string) => (text += piece))
  socket.on('error', () => undefined)
  const ended = once(socket, 'end')
  socket.end(bytes, 'latin1')
  return { socket, read: () => text, ended }
}

const get = (path: string): string => head(`GET ${path} HTTP/1.1`, `Host: ${plane.host}`)

test('a caller that ends its side behind a whole request gets the answer, as the last one', async () => {
  const caller = send(get('/public/held'))
  await until('the service has it', () => held.length === 1)
  held.pop()?.end('at last')
  await caller.ended
  assert.match(caller.read(), /^HTTP\/1\.1 200 .*\r\nconnection: close\r\n.*at last$/is)
})

test('a body that was whole is forwarded whole, and a long answer arrives whole', async () => {
  const long = 'long answer '.repeat(300_000)
  const body = 'abc'.repeat(10_000)
  const post = head(
    'POST /public/held HTTP/1.1',
    `Host: ${plane.host}`,
    `Content-Length: ${body.length}`,
  )
  const caller = send(post + body)
  await until('the service has it', () => held.length === 1)
  held.pop()?.end(long)
  await caller.ended
  const text = caller.read()
  assert.ok(text.endsWith(`\r\n\r\n${long}`), `${text.length} bytes came`)
})

test('what was not whole when the caller ended is refused, recorded once and never finished', async () => {
  upstream.take()
  const cases: readonly (readonly [string, string])[] = [
    ['a head', `GET /public/x HTTP/1.1\r\nHost: ${plane.host}\r\n`],
    ['a body', head('POST /public/x HTTP/1.1', `Host: ${plane.host}`, 'Content-Length: 5') + 'abc'],
    [
      'a chunk',
      head('POST /public/x HTTP/1.1', `Host: ${plane.host}`, 'Transfer-Encoding: chunked') +
        '5\r\nabc',
    ],
    [
      'the last chunk',
      head('POST /public/x HTTP/1.1', `Host: ${plane.host}`, 'Transfer-Encoding: chunked') +
        '3\r\nabc\r\n',
    ],
  ]
  for (const [what, bytes] of cases) {
    const records = await decisionsDuring(plane, async () => {
      const caller = send(bytes)
      await caller.ended
      assert.doesNotMatch(caller.read(), /^HTTP\/1\.1 2/, what)
    })
    assert.equal(records.length, 1, what)
  }
  assert.deepEqual(upstream.take(), [], 'no service saw the end of one')
})

test('a second request behind the first is answered too, and is the last', async () => {
  upstream.take()
  const caller = send(get('/public/held') + get('/public/second'))
  await until('the service has the first', () => held.length === 1)
  held.pop()?.end('first')
  await caller.ended
  const text = caller.read()
  assert.match(text, /^HTTP\/1\.1 200 .*first(?=HTTP\/1\.1 200 ).*\r\nconnection: close\r\n/is)
  assert.equal(text.match(/connection: close/gi)?.length, 1)
  assert.deepEqual(
    upstream.take().map(({ url }) => url),
    ['/public/second'],
  )
})

test('a caller that goes away altogether takes its request from the service', async () => {
  const socket = connect(plane.port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write(get('/public/held'))
  await until('the service has it', () => held.length === 1)
  const [response] = held.splice(0)
  assert.ok(response !== undefined)
  const closed = once(response, 'close')
  socket.resetAndDestroy()
  await closed
})

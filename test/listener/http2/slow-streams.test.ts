import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { millis } from '../../../src/core/index.ts'
import { Http2Exchange } from '../../../src/listener/http2/exchange.ts'
import { readFields } from '../../../src/listener/http2/fields.ts'
import { SlowStreams } from '../../../src/listener/http2/slow-streams.ts'
import { ServerConnection } from '../../../src/http2/index.ts'
import type { Stream } from '../../../src/http2/index.ts'
import { data, headers, preface, settings, windowUpdate } from '../../kit/h2-frames.ts'

const interval = 5000

interface Side {
  readonly connection: ServerConnection
  readonly say: (...bytes: Buffer[]) => Promise<void>
  readonly read: () => void
}

/** A connection whose client reads nothing until it is told to. */
async function connect(answer: (exchange: Http2Exchange) => void): Promise<Side> {
  const [client, side] = duplexPair()
  const connection = new ServerConnection(
    side,
    { headerBytes: 16_384, streams: 100 },
    {
      onFields: (stream, { fields }) => {
        const read = readFields(fields)
        if (typeof read === 'string') return read
        stream.user = new Http2Exchange(stream, read)
        return undefined
      },
      onRequest: ({ user }: Stream) => {
        if (user instanceof Http2Exchange) answer(user)
      },
      onRejected: () => undefined,
      onFailed: () => undefined,
      onClosed: () => undefined,
    },
  )
  const say = async (...bytes: Buffer[]): Promise<void> => {
    client.write(Buffer.concat(bytes))
    for (let n = 0; n < 5; n++) await turn()
  }
  await say(preface, settings({ 4: 1_000_000 }), windowUpdate(0, 10_000_000))
  return { connection, say, read: () => client.resume() }
}

const request = (stream: number, path: string, end = true): Buffer =>
  headers(
    stream,
    [
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', path],
      [':authority', 'gw'],
    ],
    { end },
  )

function answer({ request, response }: Http2Exchange): void {
  if (request.url === '/upload') request.on('data', () => undefined)
  else if (request.url === '/wait') return
  else response.writeHead(200, {})
  if (request.url === '/large') response.end(Buffer.alloc(600_000))
  if (request.url === '/none') response.end()
}

test('a body and a head that nobody reads are resets after as long as is allowed', async () => {
  const { connection, say } = await connect(answer)
  await say(request(1, '/large'))
  await say(request(3, '/none'), request(5, '/wait'))
  assert.deepEqual([...connection.streams.keys()], [1, 3, 5], 'no head passes a full socket')
  const slow = new SlowStreams(millis(2 * interval))
  slow.sweep(interval, connection.streams.values())
  assert.equal(connection.streams.size, 3)
  slow.sweep(2 * interval - 1, connection.streams.values())
  slow.sweep(2 * interval, connection.streams.values())
  slow.sweep(3 * interval, connection.streams.values())
  assert.deepEqual([...connection.streams.keys()], [5], 'who owes nothing is left alone')
  connection.destroy()
})

test('a body that trickles is reset, one that waits for its reader or flows is not', async () => {
  const { connection, say, read } = await connect(answer)
  read()
  await say(request(1, '/upload', false), request(3, '/wait', false), request(5, '/upload', false))
  const slow = new SlowStreams(millis(2 * interval))
  for (let n = 1; n <= 4; n++) {
    await say(data(1, 'a few'), data(3, 'a few'), data(5, Buffer.alloc(1024)))
    slow.sweep(n * interval, connection.streams.values())
  }
  assert.deepEqual([...connection.streams.keys()], [3, 5])
  connection.destroy()
})

import assert from 'node:assert/strict'
import type { ClientHttp2Session } from 'node:http2'
import { after, before, test } from 'node:test'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { callHttp2, openHttp2 } from '../kit/http2.ts'
import type { Http2Answer } from '../kit/http2.ts'
import { head, raw } from '../kit/raw.ts'
import { RawUpstream } from '../kit/upstream.ts'

/* What a service over HTTP/1.1 can say that HTTP/2 or its runtime has trouble with. */

let plane: DataPlane
let session: ClientHttp2Session
const service = new RawUpstream()

const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n'
const answers: Readonly<Record<string, string>> = {
  twice: `${chunked}content-md5: a\r\ncontent-md5: b\r\ntk: N\r\ntk: T\r\n\r\n`,
  ours: `${chunked}X-Request-Id: forged\r\nx_proofgate.user: root\r\nX-Proofgate-Assertion: forged\r\nx-sum: 1\r\n\r\n`,
  head: 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntk: N\r\ntk: T\r\nrange: a\r\nrange: b\r\n\r\nok',
  hint: 'HTTP/1.1 103 Early Hints\r\ntk: N\r\ntk: T\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
}

before(async () => {
  service.serve = (socket, request) => {
    const name = /\/public\/(\w+)/.exec(request)?.[1] ?? ''
    socket.write(answers[name] ?? 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
  }
  plane = await startDataPlane({
    upstream: await service.listen(),
    more: 'listeners: { public: { h2c: true } }',
  })
  session = openHttp2(plane.port)
})

after(async () => {
  session?.destroy()
  await plane.finish()
  service.close()
})

function answerTo(path: string): Promise<Http2Answer> {
  return callHttp2(session, { path: `/public/${path}`, authority: plane.host })
}

test('lines that the runtime allows once end no process, wherever a service repeats them', async () => {
  for (const path of ['twice', 'head', 'hint']) {
    const answer = await answerTo(path)
    assert.deepEqual([answer.status, answer.body, answer.reset], [200, 'ok', 0], path)
  }
  assert.equal(plane.gateway.child.exitCode, null)
})

test('trailers of a service hold no name of ours, in either protocol', async () => {
  const { trailers, headers } = await answerTo('ours')
  assert.deepEqual(Object.entries(trailers), [['x-sum', '1']])
  assert.notEqual(headers['x-request-id'], 'forged')
  const { text } = await raw(
    plane.port,
    head('GET /public/ours HTTP/1.1', `Host: ${plane.host}`, 'Connection: close'),
  )
  assert.match(text, /x-sum: 1/)
  assert.doesNotMatch(text, /forged|root/)
})

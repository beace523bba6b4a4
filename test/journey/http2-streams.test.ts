import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { ClientHttp2Session } from 'node:http2'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { data, frameTypes, headers, RawHttp2, rstStream, windowUpdate } from '../kit/h2-frames.ts'
import type { Fields, Frame } from '../kit/h2-frames.ts'
import { answerOf, beginHttp2, callHttp2, openHttp2 } from '../kit/http2.ts'
import { until } from '../kit/operations.ts'
import { headerOf, RawUpstream, RecordingUpstream } from '../kit/upstream.ts'

let plane: DataPlane
let session: ClientHttp2Session
const upstream = new RecordingUpstream()
const crude = new RawUpstream()

before(async () => {
  const crudePort = await crude.listen()
  plane = await startDataPlane({
    upstream: await upstream.listen(),
    upstreamKeys: `timeouts: { connect: 20s, headers: 30s, idle: 60s }\n  crude:\n    url: http://127.0.0.1:${crudePort}`,
    more: `listeners: { public: { h2c: true } }`,
    limits: '{ drain: 1s, requestIdle: 5s }',
    routes: `      - { method: ANY, path: '/small/{rest+}', authorizer: open, maxBody: 1KiB }
      - { method: ANY, path: '/large/{rest+}', authorizer: open, maxBody: 100MiB }`,
  })
  session = openHttp2(plane.port)
})

after(async () => {
  session?.destroy()
  await plane.finish().finally(() => {
    upstream.close()
    crude.close()
  })
})

const at = (path: string): { path: string; authority: string } => ({ path, authority: plane.host })
/** Behind it nothing more comes on its stream: the end of an answer, and with what is left of a request a reset. */
const isEnd = ({ type, flags, stream }: Frame): boolean =>
  type === frameTypes.rstStream ||
  (stream % 4 === 1 && type <= frameTypes.headers && (flags & 1) !== 0)
const fields = (path: string, method = 'GET'): Fields => [
  [':method', method],
  [':scheme', 'http'],
  [':path', path],
  [':authority', plane.host],
]

test('bodies go both ways, with and without a declared length, byte for byte', async () => {
  upstream.answer = (request, response) => {
    if (request.url !== '/public/echo') return false
    response.setHeader('content-type', 'application/x-any')
    request.pipe(response)
    return true
  }
  const body = Buffer.from(Array.from({ length: 300_000 }, (_, n) => n % 251))
  for (const declared of [{}, { 'content-length': String(body.length) }]) {
    const stream = beginHttp2(session, {
      ...at('/public/echo'),
      method: 'POST',
      headers: declared,
      body,
    })
    stream.end(body)
    const answer = await answerOf(stream)
    assert.equal(answer.status, 200)
    assert.ok(Buffer.from(answer.body, 'latin1').equals(body))
  }
  upstream.answer = () => false
})

test('how a body is delimited for the service follows from what the caller said', async () => {
  upstream.take()
  await callHttp2(session, { ...at('/public/a'), method: 'POST', body: 'abc' })
  await callHttp2(session, {
    ...at('/public/b'),
    method: 'POST',
    body: 'abc',
    headers: { 'content-length': '3' },
  })
  await callHttp2(session, at('/public/c'))
  const [open, declared, none] = upstream.take()
  assert.deepEqual(headerOf(open, 'transfer-encoding'), ['chunked'])
  assert.deepEqual(headerOf(declared, 'content-length'), ['3'])
  assert.deepEqual(headerOf(declared, 'transfer-encoding'), [])
  assert.deepEqual(
    [...headerOf(none, 'transfer-encoding'), ...headerOf(none, 'content-length')],
    [],
  )
})

test('a body of nothing is whole, even when its end comes with the header', async () => {
  for (const declared of [[], [['content-length', '0'] as const]]) {
    const connection = await RawHttp2.open(plane.port)
    const request = headers(1, [...fields('/public/empty', 'POST'), ...declared], { end: false })
    connection.send(request, data(1, '', true))
    assert.equal(await connection.outcome(1), '200')
    connection.close()
  }
})

test('what is left of refused bodies takes no room from other requests', async () => {
  const connection = await RawHttp2.open(plane.port)
  for (let stream = 1; stream < 60; stream += 2) {
    const request = headers(stream, fields('/small/x', 'POST'), { end: false })
    connection.send(request, data(stream, Buffer.alloc(1500), stream % 4 === 1))
    assert.equal(await connection.outcome(stream), '413')
    await connection.until((one) => one.stream === stream && isEnd(one))
  }
  const rest = Array.from({ length: 100 }, (_, n) => 61 + 2 * n)
  connection.send(...rest.map((stream) => headers(stream, fields('/public/x'))))
  for (const stream of rest) assert.equal(await connection.outcome(stream), '200')
  connection.close()
})

test('trailers go both ways', async () => {
  let received: readonly string[] = []
  upstream.answer = (request, response) => {
    if (request.url !== '/public/trailers') return false
    request.resume().on('end', () => {
      received = request.rawTrailers
      response.writeHead(200, { trailer: 'x-sum' })
      response.write('body')
      response.addTrailers({ 'x-sum': '42', 'x-proofgate-user': 'mallory' })
      response.end()
    })
    return true
  }
  const answer = await callHttp2(session, {
    ...at('/public/trailers'),
    method: 'POST',
    body: 'abc',
    trailers: { 'x-mine': '7', 'x-forwarded-for': '6.6.6.6' },
  })
  upstream.answer = () => false
  assert.deepEqual(received, ['x-mine', '7'])
  assert.equal(answer.body, 'body')
  assert.equal(answer.trailers['x-sum'], '42')
})

test('a caller that waits for 100 Continue gets it, and others do not', async () => {
  const stream = beginHttp2(session, {
    ...at('/public/continue'),
    method: 'POST',
    headers: { expect: '100-continue' },
    body: 'abc',
  })
  let continued = false
  stream.once('continue', () => {
    continued = true
    stream.end('abc')
  })
  const answer = await answerOf(stream)
  assert.equal(continued, true)
  assert.equal(answer.status, 200)
  const other = await callHttp2(session, {
    ...at('/public/x'),
    headers: { expect: 'a-miracle' },
  })
  assert.equal(other.status, 417)
  const refused = beginHttp2(session, {
    ...at('/app/x'),
    method: 'POST',
    headers: { expect: '100-continue' },
    body: 'abc',
  })
  let invited = false
  refused.once('continue', () => (invited = true))
  assert.equal((await answerOf(refused)).status, 401)
  assert.equal(invited, false)
})

test('hints of a service go on before its answer, without what is not theirs to say', async () => {
  upstream.answer = (request, response) => {
    if (request.url !== '/public/hints') return false
    response.writeInformation(103, { link: '</a.css>; rel=preload', 'set-cookie': 'a=b' })
    response.writeContinue()
    response.writeInformation(103, ['link', '</b.css>; rel=preload', 'x-proofgate-user', 'm'])
    response.end('ok')
    return true
  }
  const answer = await callHttp2(session, at('/public/hints'))
  upstream.answer = () => false
  assert.deepEqual(answer.informational, [103, 103])
  assert.deepEqual(
    answer.hints.map(({ link }) => link),
    ['</a.css>; rel=preload', '</b.css>; rel=preload'],
  )
  assert.ok(answer.hints.every((one) => one['set-cookie'] === undefined))
  assert.ok(answer.hints.every((one) => one['x-proofgate-user'] === undefined))
  assert.equal(answer.body, 'ok')
})

test('HEAD, 204 and 304 have no body and end the stream', async () => {
  upstream.answer = (request, response) => {
    if (request.url === '/public/204') response.writeHead(204).end()
    else if (request.url === '/public/304') response.writeHead(304, { etag: '"a"' }).end()
    else return false
    return true
  }
  for (const [path, method, status] of [
    ['/public/x', 'HEAD', 200],
    ['/public/204', 'GET', 204],
    ['/public/304', 'GET', 304],
    ['/app/x', 'HEAD', 401],
  ] as const) {
    const answer = await callHttp2(session, { ...at(path), method })
    assert.deepEqual([answer.status, answer.body, answer.ended], [status, '', true], path)
  }
  upstream.answer = () => false
})

test('lines that HTTP/2 does not have are left out, several cookies and challenges stay several', async () => {
  upstream.answer = (request, response) => {
    if (request.url !== '/public/lines') return false
    response.setHeader('set-cookie', ['a=1', 'b=2'])
    response.setHeader('x-twice', ['a', 'b'])
    response.setHeader('keep-alive', 'timeout=9')
    response.setHeader('connection', 'keep-alive, x-gone')
    response.setHeader('x-gone', '1')
    response.end('ok')
    return true
  }
  const answer = await callHttp2(session, at('/public/lines'))
  upstream.answer = () => false
  assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2'])
  assert.equal(answer.headers['x-twice'], 'a, b')
  for (const name of ['connection', 'keep-alive', 'x-gone', 'transfer-encoding']) {
    assert.equal(answer.headers[name], undefined, name)
  }
  const refused = await callHttp2(session, at('/app/x'))
  assert.match(String(refused.headers['www-authenticate']), /Bearer .*DPoP/)
})

test('cookies in several fields reach the service as one', async () => {
  upstream.take()
  const connection = await RawHttp2.open(plane.port)
  connection.send(headers(1, [...fields('/public/x'), ['cookie', 'a=1'], ['cookie', 'b=2']]))
  assert.equal(await connection.outcome(1), '200')
  connection.close()
  assert.deepEqual(headerOf(upstream.take()[0], 'cookie'), ['a=1; b=2'])
})

test('a caller that cancels takes the request away from the service', async () => {
  const arrived = Promise.withResolvers<void>()
  const gone = new Promise<void>((resolve) => {
    upstream.answer = (request, response) => {
      if (request.url !== '/public/slow') return false
      response.once('close', resolve)
      arrived.resolve()
      return true
    }
  })
  const stream = beginHttp2(session, at('/public/slow'))
  await arrived.promise
  stream.close(8)
  await gone
  upstream.answer = () => false
  assert.equal((await callHttp2(session, at('/public/x'))).status, 200)
})

test('an answer that the service cuts short is reset, never ended', async () => {
  crude.serve = () => undefined
  for (const framing of ['content-length: 100', 'transfer-encoding: chunked']) {
    let cut = (): unknown => undefined
    upstream.answer = (request, response) => {
      if (request.url !== '/public/cut') return false
      const part = framing.startsWith('t') ? '5\r\nhello\r\n' : 'hello'
      request.socket.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n${part}`)
      cut = () => response.destroy()
      return true
    }
    const connection = await RawHttp2.open(plane.port)
    connection.send(headers(1, fields('/public/cut')))
    await connection.until(() => connection.body(1).text === 'hello')
    cut()
    const reset = await connection.until((one) => one.stream === 1 && one.type === 3)
    assert.equal(reset?.payload.readUInt32BE(0), 2, framing)
    assert.deepEqual(connection.body(1), { text: 'hello', whole: false }, framing)
    connection.close()
  }
  upstream.answer = () => false
})

test('a service that does not answer is a 502 on the stream, and the connection goes on', async () => {
  upstream.answer = (request) => {
    if (request.url !== '/public/dead') return false
    request.socket.destroy()
    return true
  }
  const answer = await callHttp2(session, { ...at('/public/dead'), method: 'POST', body: 'x' })
  upstream.answer = () => false
  assert.equal(answer.status, 502)
  assert.equal((await callHttp2(session, at('/public/x'))).status, 200)
})

test('a refusal does not wait for the body, and asks for no more of it', async () => {
  const connection = await RawHttp2.open(plane.port)
  connection.send(headers(1, fields('/app/x', 'POST'), { end: false }), data(1, 'part of it'))
  assert.equal(await connection.outcome(1), '401')
  const reset = await connection.until((one) => one.stream === 1 && one.type === 3)
  assert.equal(reset?.payload.readUInt32BE(0), 0)
  assert.equal(connection.body(1).whole, true)
  connection.send(headers(3, fields('/public/x')))
  assert.equal(await connection.outcome(3), '200')
  connection.close()
})

test('a body that grows beyond the limit of its route is refused on the way', async () => {
  upstream.take()
  const declared = await callHttp2(session, {
    ...at('/small/x'),
    method: 'POST',
    body: Buffer.alloc(2000),
    headers: { 'content-length': '2000' },
  })
  assert.equal(declared.status, 413)
  const stream = beginHttp2(session, { ...at('/small/x'), method: 'POST', body: 'later' })
  const answered = answerOf(stream)
  for (let n = 0; n < 4 && !stream.destroyed; n++) {
    stream.write(Buffer.alloc(500))
    await delay(30)
  }
  assert.equal((await answered).status, 413)
  assert.deepEqual(upstream.take(), [])
})

test('a reader that stops holds the service back, and memory with it', async () => {
  let written = 0
  upstream.answer = (request, response) => {
    if (request.url !== '/public/flow') return false
    const piece = Buffer.alloc(64 * 1024)
    const pump = (): void => {
      while (written < 200e6 && response.write(piece)) written += piece.length
    }
    response.on('drain', pump)
    response.once('close', () => response.off('drain', pump))
    pump()
    return true
  }
  const resident = (): number => {
    const status = readFileSync(`/proc/${plane.gateway.child.pid}/status`, 'latin1')
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1])
  }
  const before_ = resident()
  const connection = await RawHttp2.open(plane.port)
  connection.send(headers(1, fields('/public/flow')))
  await delay(1000)
  const stopped = written
  assert.ok(stopped < 16e6, `the service had sent ${stopped}`)
  assert.ok(resident() - before_ < 48 * 1024, `grew by ${resident() - before_} KiB`)
  connection.send(windowUpdate(0, 4_000_000), windowUpdate(1, 4_000_000))
  await until('it goes on', () => connection.body(1).text.length > 3_000_000)
  connection.close()
  upstream.answer = () => false
})

test('a service that does not read holds the caller back', async () => {
  let release: () => void = () => undefined
  upstream.answer = (request, response) => {
    if (request.url !== '/large/hold') return false
    request.pause()
    release = () => {
      request.resume().on('end', () => response.end('all'))
    }
    return true
  }
  const stream = beginHttp2(session, { ...at('/large/hold'), method: 'POST', body: 'later' })
  const answered = answerOf(stream)
  let sent = 0
  const piece = Buffer.alloc(64 * 1024)
  for (let n = 0; n < 400 && sent < 40e6; n++) {
    stream.write(piece)
    sent += piece.length
    if (stream.writableLength > 1e6) await delay(5)
  }
  await delay(500)
  assert.ok(stream.writableLength > 5e6, `${stream.writableLength} wait at the caller`)
  release()
  stream.end()
  assert.equal((await answered).body, 'all')
  upstream.answer = () => false
})

test('a stream that stalls while it owes something is reset, and others are left alone', async () => {
  upstream.answer = (request, response) => {
    if (request.url === '/public/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
      return true
    }
    if (request.url !== '/public/big') return false
    response.end(Buffer.alloc(1_000_000))
    return true
  }
  const connection = await RawHttp2.open(plane.port)
  connection.send(headers(1, fields('/public/events')))
  connection.send(headers(3, fields('/public/upload', 'POST'), { end: false }), data(3, 'a'))
  connection.send(headers(5, fields('/public/big')))
  const resets = [3, 5].map((stream) =>
    connection.until((one) => one.type === 3 && one.stream === stream, 40_000),
  )
  const [upload, big] = await Promise.all(resets)
  assert.equal(upload?.payload.readUInt32BE(0), 8)
  assert.ok(big !== undefined)
  assert.equal(connection.body(5).whole, false)
  assert.equal(
    connection.frames.some((one) => one.type === 3 && one.stream === 1),
    false,
  )
  assert.equal(connection.closed, false)
  connection.send(rstStream(1, 8))
  connection.close()
  upstream.answer = () => false
})

test('each of many requests on one connection has one decision and its own answer', async () => {
  const decisions = await decisionsDuring(
    plane,
    async () => {
      const answers = await Promise.all(
        Array.from({ length: 300 }, (_, n) => callHttp2(session, at(`/public/n${n}`))),
      )
      for (const [n, { body, status, reset }] of answers.entries()) {
        assert.deepEqual([status, reset], [200, 0])
        assert.equal(JSON.parse(body).url, `/public/n${n}`)
      }
      await delay(200)
    },
    300,
  )
  assert.equal(decisions.length, 300)
  assert.equal(new Set(decisions.map(({ id }) => id)).size, 300)
})

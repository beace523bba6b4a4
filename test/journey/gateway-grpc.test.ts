import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { GrpcClient, GrpcService } from '../kit/grpc.ts'
import type { ClientCall, ServiceCall } from '../kit/grpc.ts'
import { call as callHttp } from '../kit/http.ts'
import { callHttp2, openHttp2 } from '../kit/http2.ts'

let plane: DataPlane
let alice: GrpcClient
let bob: GrpcClient
let nobody: GrpcClient
const service = new GrpcService()

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

before(async () => {
  plane = await startDataPlane({
    upstream: await service.listen(),
    upstreamKeys: 'protocol: h2\n    timeouts: { connect: 10s, headers: 30s, idle: 30s }',
    withoutWebSocket: true,
    routes: `      - { method: POST, path: '/app.Large/{method}', maxBody: 64MiB }
      - { method: POST, path: '/app.Limited/{method}', throttle: { route: { rate: 0.001, burst: 1 } } }
      - { method: POST, path: '/app.Slow/{method}', timeout: 300ms }
      - { method: POST, path: '/app.Orders/{method}' }`,
    more: 'listeners: { public: { h2c: true } }',
  })
  const channel = (token?: string): GrpcClient =>
    new GrpcClient(
      plane.port,
      plane.host,
      token === undefined ? {} : { authorization: `Bearer ${token}` },
    )
  alice = channel(plane.mint.token(plane.alice))
  bob = channel(plane.mint.token(plane.bob))
  nobody = channel()
})

after(async () => {
  for (const client of [alice, bob, nobody]) client.close()
  service.serve = (call) => call.refuse(12, 'no method')
  await plane.finish().finally(() => {
    service.close()
  })
})

const orders = '/app.Orders/Any'

function last(): ServiceCall {
  const call = service.calls.at(-1)
  assert.ok(call !== undefined)
  return call
}

test('a unary call passes with its metadata, and its status comes in trailers', async () => {
  service.serve = (call) => {
    call.onMessage = (message) => call.send(`heard ${message.toString()}`)
    void call.whole.then(() => call.finish(0, 'fine%20%C3%A4'))
  }
  const made = await decisionsDuring(plane, async () => {
    const outcome = await alice.unary(orders, 'hello', {
      'grpc-timeout': '7S',
      'x-meta-bin': 'AQI',
    })
    assert.deepEqual(outcome.messages, ['heard hello'])
    assert.equal(outcome.status, 0)
    assert.equal(outcome.message, 'fine ä')
    assert.equal(outcome.trailersOnly, false)
    assert.equal(outcome.headers['content-type'], 'application/grpc+proto')
  })
  assert.equal(made.length, 1)
  const { metadata } = last()
  assert.equal(metadata['te'], 'trailers')
  assert.equal(metadata['grpc-timeout'], '7S')
  assert.equal(metadata['x-meta-bin'], 'AQI')
  assert.equal(metadata['content-type'], 'application/grpc+proto')
  assert.ok(metadata['x-proofgate-assertion'] !== undefined)
  assert.equal(metadata.authorization, undefined, 'the token stays here')
  assert.equal(metadata[':scheme'], 'http')
})

test('a failed call keeps its code and message, with messages before it or without', async () => {
  service.serve = (call) => {
    call.send('one')
    void call.whole.then(() => call.finish(9, 'not%20now'))
  }
  const late = await alice.unary(orders, 'x')
  assert.deepEqual([late.status, late.message, late.messages], [9, 'not now', ['one']])
  service.serve = (call) => call.refuse(5, 'no%20such%20order')
  const early = await alice.unary(orders, 'x')
  assert.deepEqual([early.status, early.message, early.messages], [5, 'no such order', []])
  assert.equal(early.trailersOnly, true, 'a status alone stays alone')
})

test('messages of the service stream as they are sent', async () => {
  service.serve = (call) => call.send('0')
  const call = alice.call(orders)
  call.end()
  for (let at = 0; at < 5; at++) {
    await until(() => call.messages.at(-1) === String(at))
    if (at < 4) last().send(String(at + 1))
  }
  last().finish(0)
  assert.equal((await call.outcome).status, 0)
})

test('messages of the caller stream as they are sent', async () => {
  service.serve = (call) => {
    void call.whole.then(() => {
      call.send(call.received.join('+'))
      call.finish(0)
    })
  }
  const call = alice.call(orders)
  for (let at = 0; at < 5; at++) {
    call.send(String(at))
    await until(() => service.calls.at(-1)?.received.at(-1) === String(at))
  }
  call.end()
  const outcome = await call.outcome
  assert.deepEqual([outcome.status, outcome.messages], [0, ['0+1+2+3+4']])
})

test('both sides stream at the same time', async () => {
  service.serve = (call) => {
    call.onMessage = (message) => call.send(`re ${message.toString()}`)
    void call.whole.then(() => call.finish(0))
  }
  const call = alice.call(orders)
  for (let at = 0; at < 20; at++) {
    call.send(String(at))
    await until(() => call.messages.at(-1) === `re ${at}`)
  }
  call.end()
  const outcome = await call.outcome
  assert.deepEqual([outcome.status, outcome.messages.length], [0, 20])
})

test('large messages arrive whole, both ways', async () => {
  service.serve = (call) => {
    call.onMessage = (message) => call.send(message)
    void call.whole.then(() => call.finish(0))
  }
  const message = Buffer.alloc(4 * 1024 * 1024, 'm')
  const call = alice.call('/app.Large/Echo')
  let size = 0
  call.onMessage = (heard) => {
    size = heard.length
  }
  call.send(message)
  call.end()
  assert.equal((await call.outcome).status, 0)
  assert.equal(size, message.length)
})

test('a caller that does not read holds the service back, and other calls go on', async () => {
  let held = false
  let sent = 0
  service.serve = (call, method) => {
    if (!method.includes('Large')) {
      call.send('quick')
      void call.whole.then(() => call.finish(0))
      return
    }
    const piece = Buffer.alloc(64 * 1024, 'p')
    const pump = (): void => {
      while (!call.stream.destroyed && sent < 512) {
        sent += 1
        if (!call.send(piece)) {
          held = true
          return
        }
      }
      call.finish(0)
    }
    call.stream.on('drain', pump)
    pump()
  }
  const call = alice.call('/app.Large/Pour')
  call.stream.pause()
  call.end()
  await until(() => held)
  await new Promise((resolve) => setTimeout(resolve, 300))
  const before = sent
  assert.ok(before < 128, `${before} messages of 64 KiB sent to a caller that does not read`)
  assert.equal((await alice.unary(orders, 'x')).status, 0)
  call.stream.resume()
  const outcome = await call.outcome
  assert.deepEqual([outcome.status, outcome.messages.length], [0, 512])
})

test('a caller that cancels is heard by the service, at any time of the call', async () => {
  service.serve = (call) => {
    call.onMessage = () => call.send('begun')
  }
  const early = alice.call(orders)
  const calls = service.calls.length
  early.send('x')
  await until(() => early.messages.length === 1)
  early.cancel()
  await until(() => service.calls[calls]?.stream.destroyed === true)
  assert.equal(service.calls[calls]?.stream.rstCode, 8, 'CANCEL')
  assert.equal((await early.outcome).status, 1)
  service.serve = () => undefined
  const late = alice.call(orders)
  late.end()
  await until(() => service.calls.length === calls + 2)
  late.cancel()
  await until(() => service.calls[calls + 1]?.stream.destroyed === true)
  assert.equal(service.sessions.size, 1, 'the session goes on')
})

test('a service that goes away half-way is a lost call, never a finished one', async () => {
  service.serve = (call) => call.send('half')
  const begun = async (): Promise<ClientCall> => {
    const call = alice.call(orders)
    call.send('x')
    call.end()
    await until(() => call.messages.length === 1)
    return call
  }
  const first = await begun()
  last().stream.close(2)
  const reset = await first.outcome
  assert.deepEqual([reset.status, reset.messages], [14, ['half']])
  assert.equal(reset.headers['grpc-status'], undefined)
  const second = await begun()
  last().stream.session?.destroy()
  const cut = await second.outcome
  assert.deepEqual([cut.status, cut.messages], [14, ['half']])
  service.serve = (call) => {
    call.send('ok')
    void call.whole.then(() => call.finish(0))
  }
  assert.equal((await alice.unary(orders, 'x')).status, 0, 'over a new session')
})

test('refusals are gRPC statuses with the public text, and reach the service never', async () => {
  service.serve = (call) => call.finish(0)
  const before = service.calls.length
  const cases = [
    [nobody, orders, 16, /^Sign in first \(gateway\.unauthenticated\)$/],
    [bob, '/app.Orders/Delete', 7, /policy\.no_statement_allows/],
    [alice, '/app.Nothing/At/All', 12, /gateway\.no_route/],
    [alice, '/app.Orders/%2E%2E', 3, /gateway\.ambiguous_path/],
  ] as const
  for (const [client, method, status, message] of cases) {
    const made = await decisionsDuring(plane, async () => {
      const outcome = await client.unary(method, 'x')
      assert.equal(outcome.status, status, method)
      assert.match(outcome.message, message)
      assert.equal(outcome.trailersOnly, true)
      assert.equal(outcome.headers[':status'], 200)
      assert.equal(outcome.headers['content-type'], 'application/grpc+proto')
      assert.ok(outcome.headers['x-request-id'] !== undefined)
    })
    assert.equal(made.length, 1, method)
  }
  assert.equal(service.calls.length, before)
  const { headers } = await nobody.unary(orders, 'x')
  assert.match(String(headers['www-authenticate']), /^Bearer/)
})

test('limits and sizes are refused as exhausted', async () => {
  service.serve = (call) => {
    call.send('ok')
    void call.whole.then(() => call.finish(0))
  }
  const outcomes = await Promise.all([1, 2, 3].map(() => alice.unary('/app.Limited/Any', 'x')))
  assert.deepEqual(
    outcomes.map(({ status }) => status).sort((a, b) => a - b),
    [0, 8, 8],
  )
  service.serve = () => undefined
  const large = await alice.unary(orders, Buffer.alloc(2 * 1024 * 1024))
  assert.equal(large.status, 8)
  assert.match(large.message, /gateway\.body_too_large/)
})

test('a service that is late, away or wrong is a status of its own', async () => {
  service.serve = () => undefined
  const late = await alice.unary('/app.Slow/Any', 'x')
  assert.deepEqual([late.status, late.trailersOnly], [4, true])
  service.serve = (call) => call.stream.session?.destroy()
  const away = await alice.unary(orders, 'x')
  assert.deepEqual([away.status, away.trailersOnly], [14, true])
  service.serve = (call) => call.stream.close(7)
  const refused = await alice.unary(orders, 'x')
  assert.equal(refused.status, 14, 'REFUSED_STREAM twice')
})

test('a call that the service refused to begin is moved without the caller noticing', async () => {
  let count = 0
  service.serve = (call) => {
    count += 1
    if (count === 1) call.stream.close(7)
    else {
      call.send(`attempt ${count}`)
      void call.whole.then(() => call.finish(0))
    }
  }
  const outcome = await alice.unary(orders, 'x')
  assert.deepEqual([outcome.status, outcome.messages], [0, ['attempt 2']])
  assert.deepEqual(last().received, ['x'])
})

test('over HTTP/1.1, and for what is not gRPC, a refusal stays a problem document', async () => {
  const headers = { 'content-type': 'application/grpc' }
  const answer = await callHttp(`${plane.gateway.api}${orders}`, { method: 'POST', headers })
  assert.equal(answer.status, 401)
  assert.equal(answer.headers['content-type'], 'application/problem+json')
  for (const type of ['application/grpc-web', 'application/json', 'text/application/grpc']) {
    const outcome = await nobody.unary(orders, 'x', { 'content-type': type })
    assert.equal(outcome.headers[':status'], 401, type)
    assert.equal(outcome.headers['content-type'], 'application/problem+json')
  }
})

test('a GET that says it is gRPC is refused so that no cache keeps it', async () => {
  const session = openHttp2(plane.port)
  for (const method of ['GET', 'HEAD', 'PUT']) {
    const { status, headers } = await callHttp2(session, {
      method,
      path: '/app/x',
      authority: plane.host,
      headers: { 'content-type': 'application/grpc' },
    })
    assert.equal(status, 401, method)
    assert.equal(headers['cache-control'], 'no-store', method)
  }
  session.destroy()
})

test('five hundred calls at once keep apart', async () => {
  service.serve = (call) => {
    call.onMessage = (message) => {
      setTimeout(() => {
        call.send(message)
        call.finish(0)
      }, 10)
    }
  }
  const batch = async (from: number): Promise<void> => {
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, at) => alice.unary(orders, `message ${from + at}`)),
    )
    for (const [at, { status, messages }] of outcomes.entries()) {
      assert.deepEqual([status, messages], [0, [`message ${from + at}`]])
    }
  }
  for (let from = 0; from < 500; from += 50) await batch(from)
})

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as requestHttp1 } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'

/** What a caller saw of an answer, whichever protocol it spoke. */
interface Seen {
  readonly status: number
  readonly interim: readonly number[]
  readonly body: string
  readonly trailers: Readonly<Record<string, unknown>>
  /** The answer was ended, not cut. */
  readonly whole: boolean
}

interface Asked {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly trailers?: Readonly<Record<string, string>>
}

type Caller = (plane: DataPlane, asked: Asked) => Promise<Seen>

type AnyRequest = IncomingMessage | Http2ServerRequest
type AnyResponse = ServerResponse | Http2ServerResponse

/** Cuts the answer that is half-way; called when its caller has seen that half. */
let cut = (): void => undefined

/** Heads and trailers of the requests that arrived. */
const arrived: { headers: Readonly<Record<string, unknown>>; trailers: unknown }[] = []

/** The same service in both protocols. */
function serve(request: AnyRequest, response: AnyResponse): void {
  const chunks: Buffer[] = []
  request.on('error', () => undefined)
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    arrived.push({ headers: request.headers, trailers: { ...request.trailers } })
    answer(request.url ?? '', response as ServerResponse, Buffer.concat(chunks).toString())
  })
}

function answer(url: string, response: ServerResponse, body: string): void {
  if (url.endsWith('/hints')) {
    response.writeEarlyHints({ link: '</style.css>; rel=preload' })
    setTimeout(() => response.end('hinted'), 20)
  } else if (url.endsWith('/trailers')) {
    response.setHeader('trailer', 'x-sum')
    response.write('with ')
    response.addTrailers({ 'x-sum': '42', 'set-cookie': 'a=b' })
    response.end('trailers')
  } else if (url.endsWith('/empty')) {
    response.statusCode = 204
    response.end()
  } else if (url.endsWith('/cut')) {
    const { stream } = response as unknown as Http2ServerResponse
    cut = () => (stream === undefined ? response.destroy() : stream.close(2))
    response.write('half')
  } else response.end(`echo ${body}`)
}

const overHttp1: Caller = (plane, asked) =>
  new Promise((resolve, reject) => {
    const { method = 'GET', path, headers, body, trailers } = asked
    const outgoing = requestHttp1({
      host: '127.0.0.1',
      port: plane.port,
      agent: false,
      method,
      path,
      headers: { host: plane.host, ...headers },
    })
    const interim: number[] = []
    outgoing.on('information', ({ statusCode }) => interim.push(statusCode))
    outgoing.on('error', reject)
    outgoing.on('response', (response) => {
      let text = ''
      response.setEncoding('latin1')
      response.on('data', (piece: string) => {
        text += piece
        if (text === 'half') cut()
      })
      response.on('error', () => undefined)
      response.on('close', () =>
        resolve({
          status: response.statusCode ?? 0,
          interim,
          body: text,
          trailers: { ...response.trailers },
          whole: response.complete,
        }),
      )
    })
    const send = (): void => {
      if (trailers !== undefined) outgoing.addTrailers(trailers)
      outgoing.end(body)
    }
    if (headers?.['expect'] === undefined) send()
    else {
      outgoing.on('continue', send)
      outgoing.flushHeaders()
    }
  })

const overHttp2: Caller = async (plane, asked) => {
  const { method = 'GET', path, headers, body, trailers } = asked
  const session = connect(`http://127.0.0.1:${plane.port}`)
  const stream = session.request(
    { ':method': method, ':path': path, ':authority': plane.host, ...headers },
    { endStream: body === undefined, waitForTrailers: trailers !== undefined },
  )
  const interim: number[] = []
  let status = 0
  let text = ''
  let section: Readonly<Record<string, unknown>> = {}
  stream.on('error', () => undefined)
  stream.on('headers', (head) => interim.push(head[':status'] ?? 0))
  stream.on('response', (head) => {
    status = head[':status'] ?? 0
  })
  stream.on('trailers', (fields) => {
    section = Object.fromEntries(Object.entries(fields))
  })
  stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers }))
  stream.setEncoding('latin1')
  stream.on('data', (piece: string) => {
    text += piece
    if (text === 'half') cut()
  })
  if (headers?.['expect'] === undefined) stream.end(body)
  else stream.on('continue', () => stream.end(body))
  await new Promise((resolve) => stream.once('close', resolve))
  session.destroy()
  return { status, interim, body: text, trailers: section, whole: stream.rstCode === 0 }
}

const callers: Readonly<Record<string, Caller>> = { 'HTTP/1.1': overHttp1, 'HTTP/2': overHttp2 }
const planes = new Map<string, DataPlane>()
const services = [
  createServer({ maxHeaderSize: 4000 }, serve),
  createHttp2Server({ settings: { maxHeaderListSize: 4000 } }, serve),
] as const

before(async () => {
  for (const [index, service] of services.entries()) {
    service.listen(0, '127.0.0.1')
    await once(service, 'listening')
    const isHttp2 = index === 1
    const plane = await startDataPlane({
      upstream: (service.address() as AddressInfo).port,
      withoutWebSocket: true,
      more: 'listeners: { public: { h2c: true } }',
      ...(isHttp2 ? { upstreamKeys: 'protocol: h2' } : {}),
    })
    planes.set(isHttp2 ? 'HTTP/2' : 'HTTP/1.1', plane)
  }
})

after(async () => {
  const finished = Promise.all([...planes.values()].map((plane) => plane.finish()))
  await finished.finally(() => {
    for (const service of services) service.close()
  })
})

/** Asks in each protocol, of a service in each. */
async function inEach(
  asked: Asked,
  check: (seen: Seen, how: { readonly name: string; caller: string; service: string }) => void,
): Promise<void> {
  for (const [caller, call] of Object.entries(callers)) {
    for (const [service, plane] of planes) {
      arrived.length = 0
      const name = `${caller} to ${service}`
      check(await call(plane, asked), { name, caller, service })
    }
  }
}

test('a caller that waits for 100 is told to go on, and the service is not asked twice', async () => {
  const headers = { expect: '100-continue' }
  await inEach({ method: 'POST', path: '/public/x', headers, body: 'later' }, (seen, { name }) => {
    assert.deepEqual([seen.status, seen.body, seen.whole], [200, 'echo later', true], name)
    assert.equal(arrived.length, 1, name)
    assert.equal(arrived[0]?.headers['expect'], undefined, name)
  })
})

test('early hints arrive before the answer', async () => {
  await inEach({ path: '/public/hints' }, (seen, { name }) => {
    assert.deepEqual([seen.interim, seen.status, seen.body], [[103], 200, 'hinted'], name)
  })
})

test('trailers of an answer arrive, without those that do not belong there', async () => {
  const headers = { te: 'trailers' }
  await inEach({ path: '/public/trailers', headers }, (seen, { name, service }) => {
    assert.equal(seen.body, 'with trailers', name)
    assert.deepEqual(seen.trailers, { 'x-sum': '42' }, name)
    const te = service === 'HTTP/2' ? 'trailers' : undefined
    assert.equal(arrived[0]?.headers['te'], te, name)
  })
})

test('trailers of a request reach the service', async () => {
  const asked = { method: 'POST', path: '/public/x', body: 'b', trailers: { 'x-sum': '7' } }
  const headers = { 'transfer-encoding': 'chunked', trailer: 'x-sum' }
  for (const [caller, call] of Object.entries(callers)) {
    for (const [service, plane] of planes) {
      arrived.length = 0
      const seen = await call(plane, caller === 'HTTP/1.1' ? { ...asked, headers } : asked)
      const name = `${caller} to ${service}`
      assert.equal(seen.body, 'echo b', name)
      assert.deepEqual(Object.entries(arrived[0]?.trailers ?? {}), [['x-sum', '7']], name)
    }
  }
})

test('answers without a body have none', async () => {
  await inEach({ path: '/public/empty' }, (seen, { name }) => {
    assert.deepEqual([seen.status, seen.body, seen.whole], [204, '', true], name)
  })
  await inEach({ method: 'HEAD', path: '/public/x' }, (seen, { name }) => {
    assert.deepEqual([seen.status, seen.body, seen.whole], [200, '', true], name)
  })
})

test('an answer that was cut is cut for the caller too', async () => {
  await inEach({ path: '/public/cut' }, (seen, { name }) => {
    assert.deepEqual([seen.status, seen.body, seen.whole], [200, 'half', false], name)
  })
})

test('a header that is larger than the service takes is refused in either protocol', async () => {
  const headers = { 'x-long': 'v'.repeat(5000) }
  await inEach({ path: '/public/x', headers }, (seen, { name, service }) => {
    assert.equal(seen.status, 431, name)
    assert.deepEqual(arrived, [], name)
    const ours = seen.body.includes('upstream.request_too_large')
    assert.equal(ours, service === 'HTTP/2', name)
  })
  await inEach({ path: '/public/x' }, (seen, { name }) => assert.equal(seen.status, 200, name))
})

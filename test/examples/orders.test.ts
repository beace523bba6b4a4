import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { after, before, describe, it } from 'node:test'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { CryptoKey } from 'jose'

const PROGRAM = fileURLToPath(new URL('../../examples/orders/server.ts', import.meta.url))
const ISSUER = 'http://auth.proofgate.localhost:8080'
const AUDIENCE = 'http://orders.internal'

interface Service {
  readonly url: string
  readonly process: ChildProcess
  /** Fulfils with the exit code, `null` when it was killed. */
  readonly ended: Promise<number | null>
}

async function startService(
  settings: Record<string, string> = {},
  stdio: 'pipe' | 'ignore' = 'pipe',
  ipc: 'ipc' | 'ignore' = 'ignore',
): Promise<Service> {
  const child = spawn(process.execPath, [PROGRAM, '--port', '0'], {
    env: { PATH: process.env['PATH'], ...settings },
    stdio: [stdio, 'pipe', 'inherit', ipc],
  })
  const ended = once(child, 'exit').then(([code]) => code as number | null)
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string]
  const { listening } = JSON.parse(line) as { listening: string }
  return { url: listening, process: child, ended }
}

async function stopService(service: Service): Promise<void> {
  service.process.kill('SIGTERM')
  await service.ended
}

/** Reads a stream until it has said `awaited`, and leaves it open. */
async function readUntil(answer: Response, awaited: string): Promise<string> {
  const reader = answer.body!.getReader()
  const decoder = new TextDecoder()
  let text = ''
  while (!text.includes(awaited)) {
    const { value, done } = await reader.read()
    assert.equal(done, false, `the stream ended after ${text}`)
    text += decoder.decode(value, { stream: true })
  }
  reader.releaseLock()
  return text
}

function post(service: Service, body: string, mediaType = 'application/json'): Promise<Response> {
  const headers = { 'content-type': mediaType }
  return fetch(`${service.url}/orders`, { method: 'POST', headers, body })
}

describe('the orders service', () => {
  let service: Service
  before(async () => {
    service = await startService()
  })
  after(() => stopService(service))

  it('creates an order, lists it, reads it at its location and deletes it once', async () => {
    const created = await post(service, '{"item":"Lamp","quantity":3}')
    assert.equal(created.status, 201)
    const location = service.url + created.headers.get('location')
    const order: any = await created.json()
    assert.equal(location, `${service.url}/orders/${order.id}`)
    assert.equal(order.item, 'Lamp')
    assert.equal(order.quantity, 3)
    const list: any = await (await fetch(`${service.url}/orders`)).json()
    assert.ok(list.orders.some((listed: any) => listed.id === order.id))
    assert.deepEqual(await (await fetch(location)).json(), order)
    assert.equal((await fetch(location, { method: 'DELETE' })).status, 204)
    assert.equal((await fetch(location, { method: 'DELETE' })).status, 404)
    assert.equal((await fetch(location)).status, 404)
  })

  it('refuses a body that is not JSON with 400', async () => {
    assert.equal((await post(service, '{"item":')).status, 400)
  })

  it('refuses a body of another media type with 415', async () => {
    assert.equal((await post(service, '{"item":"a","quantity":1}', 'text/plain')).status, 415)
  })

  it('refuses a body above 16 KiB with 413 instead of reading it', async () => {
    const answer = await post(service, JSON.stringify({ item: 'a'.repeat(20_000), quantity: 1 }))
    assert.equal(answer.status, 413)
    assert.equal(answer.headers.get('content-type'), 'application/problem+json')
  })

  const notOrders = {
    'an array': '[]',
    null: 'null',
    'a text': '"order"',
    'no item': '{"quantity":1}',
    'a blank item': '{"item":" ","quantity":1}',
    'an item of 101 characters': JSON.stringify({ item: 'a'.repeat(101), quantity: 1 }),
    'an item that is a number': '{"item":1,"quantity":1}',
    'no quantity': '{"item":"a"}',
    'a quantity of 0': '{"item":"a","quantity":0}',
    'a quantity of 1001': '{"item":"a","quantity":1001}',
    'a fraction': '{"item":"a","quantity":1.5}',
    'a quantity as text': '{"item":"a","quantity":"1"}',
    'a chosen id': '{"item":"a","quantity":1,"id":7}',
    'a __proto__ member': '{"item":"a","quantity":1,"__proto__":{}}',
  }
  for (const [what, body] of Object.entries(notOrders)) {
    it(`refuses ${what} as an order with 422`, async () => {
      assert.equal((await post(service, body)).status, 422)
    })
  }

  for (const path of [
    '/nothing',
    '/order',
    '/orders/',
    '/orders/0',
    '/orders/01',
    '/orders/x',
    '/orders/1/2',
  ]) {
    it(`answers 404 for ${path}`, async () => {
      assert.equal((await fetch(service.url + path)).status, 404)
    })
  }

  it('answers 405 with Allow for a method that a route does not have', async () => {
    const answer = await fetch(`${service.url}/orders`, { method: 'DELETE' })
    assert.equal(answer.status, 405)
    assert.equal(answer.headers.get('allow'), 'GET, POST')
    assert.equal((await fetch(`${service.url}/orders/1`, { method: 'PUT' })).status, 405)
  })

  it('answers 400 for a target that is no path', async () => {
    const { hostname, port } = new URL(service.url)
    const sent = request({ hostname, port, path: '////' }).end()
    const [answer] = await once(sent, 'response')
    answer.resume()
    assert.equal(answer.statusCode, 400)
  })

  it('answers HEAD as GET without a body', async () => {
    const answer = await fetch(`${service.url}/orders/1`, { method: 'HEAD' })
    assert.equal(answer.status, 200)
    assert.equal(await answer.text(), '')
  })

  it('says it is healthy', async () => {
    assert.equal((await fetch(`${service.url}/healthz`)).status, 200)
  })

  it('answers a slow request with the time it took and refuses more than 30 s or nonsense', async () => {
    const answer = await fetch(`${service.url}/slow?seconds=0.05`)
    assert.deepEqual(await answer.json(), { waitedSeconds: 0.05 })
    for (const seconds of ['31', '30.5', '-1', '1e9', 'Infinity', '']) {
      assert.equal((await fetch(`${service.url}/slow?seconds=${seconds}`)).status, 400, seconds)
    }
  })

  it('streams ticks that carry ids, after telling how soon to come back', async () => {
    const answer = await fetch(`${service.url}/events`)
    assert.equal(answer.headers.get('content-type'), 'text/event-stream')
    const text = await readUntil(answer, 'id: 2\n')
    await answer.body!.cancel()
    assert.match(text, /^retry: 2000\n\nid: 1\nevent: tick\ndata: \{"at":".*"\}\n\n/)
  })

  it('continues the ticks of a client that comes back, and ignores an id that is none', async () => {
    for (const [lastId, next] of Object.entries({ 41: '42', '-1': '1', x: '1', 9999999999: '1' })) {
      const headers = { 'last-event-id': lastId }
      const answer = await fetch(`${service.url}/events`, { headers })
      const text = await readUntil(answer, 'data:')
      await answer.body!.cancel()
      assert.match(text, new RegExp(`^id: ${next}$`, 'm'))
    }
  })

  it('shows the forwarding headers and only those', async () => {
    const headers = { 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'https', 'x-other': '1' }
    const shown: any = await (await fetch(`${service.url}/whoami`, { headers })).json()
    assert.deepEqual(shown.forwarded, {
      'x-forwarded-for': '192.0.2.7',
      'x-forwarded-proto': 'https',
    })
  })

  it('verifies nobody when it was told nothing about the gateway', async () => {
    const headers = { 'x-proofgate-assertion': 'a.b.c' }
    const shown: any = await (await fetch(`${service.url}/whoami`, { headers })).json()
    assert.deepEqual(shown, { verified: false, reason: 'not_configured', forwarded: {} })
  })
})

describe('the orders service behind a gateway', () => {
  let service: Service
  let signingKey: CryptoKey
  let otherKey: CryptoKey
  let askedHost: string | undefined
  const keyServer = createServer()

  before(async () => {
    const pair = await generateKeyPair('ES256', { extractable: true })
    signingKey = pair.privateKey
    otherKey = (await generateKeyPair('ES256')).privateKey
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }
    keyServer.on('request', (incoming, response) => {
      askedHost = incoming.headers.host
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ keys: [jwk] }))
    })
    keyServer.listen(0, '127.0.0.1')
    await once(keyServer, 'listening')
    service = await startService({
      PROOFGATE_JWKS_URI: `http://auth.proofgate.localhost:${keyPort()}/jwks`,
      PROOFGATE_ISSUER: ISSUER,
      PROOFGATE_AUDIENCE: AUDIENCE,
    })
  })
  after(async () => {
    await stopService(service)
    keyServer.closeAllConnections()
    keyServer.close()
  })

  const keyPort = (): number => (keyServer.address() as AddressInfo).port
  const now = (): number => Math.floor(Date.now() / 1000)

  interface Changes {
    readonly key?: CryptoKey
    readonly header?: object
    readonly claims?: object
  }

  function assertion({ key = signingKey, header, claims }: Changes = {}): Promise<string> {
    const facts = { iss: ISSUER, aud: AUDIENCE, sub: 'alice', iat: now(), exp: now() + 60 }
    return new SignJWT({ ...facts, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'one', typ: 'pg-assertion+jwt', ...header })
      .sign(key)
  }

  async function whoami(token: string): Promise<any> {
    const headers = { 'x-proofgate-assertion': token }
    return (await fetch(`${service.url}/whoami`, { headers })).json()
  }

  it('shows the claims of an assertion it verified with keys below localhost', async () => {
    const shown = await whoami(await assertion({ claims: { groups: ['admins'] } }))
    assert.equal(shown.verified, true)
    assert.equal(shown.claims.sub, 'alice')
    assert.deepEqual(shown.claims.groups, ['admins'])
    assert.equal(askedHost, `auth.proofgate.localhost:${keyPort()}`)
  })

  it('does not verify a request without an assertion', async () => {
    const shown: any = await (await fetch(`${service.url}/whoami`)).json()
    assert.deepEqual(shown, { verified: false, reason: 'no_assertion', forwarded: {} })
  })

  const refused: Record<string, () => Promise<string>> = {
    'a signature by another key': () => assertion({ key: otherKey }),
    'an unknown key': () => assertion({ header: { kid: 'two' } }),
    'another type of token': () => assertion({ header: { typ: 'at+jwt' } }),
    'another issuer': () => assertion({ claims: { iss: 'http://auth.example' } }),
    'another audience': () => assertion({ claims: { aud: 'http://billing.internal' } }),
    'an expired assertion': () => assertion({ claims: { iat: now() - 50, exp: now() - 20 } }),
    'an assertion older than a minute': () => assertion({ claims: { iat: now() - 90 } }),
    'no subject': () => assertion({ claims: { sub: undefined } }),
    'no expiry': () => assertion({ claims: { exp: undefined } }),
    'no algorithm': async () =>
      (await assertion()).replace(/^[^.]*/, Buffer.from('{"alg":"none"}').toString('base64url')),
    'what is no token': async () => 'alice',
  }
  for (const [what, token] of Object.entries(refused)) {
    it(`does not verify ${what} and shows none of its claims`, async () => {
      const shown = await whoami(await token())
      assert.equal(shown.verified, false)
      assert.equal(typeof shown.reason, 'string')
      assert.equal('claims' in shown, false)
    })
  }

  it('does not verify two assertions in one request', async () => {
    const { hostname, port } = new URL(service.url)
    const token = await assertion()
    const headers = { 'x-proofgate-assertion': [token, token] }
    const [answer] = await once(
      request({ hostname, port, path: '/whoami', headers }).end(),
      'response',
    )
    const shown = JSON.parse(Buffer.concat(await answer.toArray()).toString())
    assert.equal(shown.verified, false)
  })
})

describe('the life of the orders service', () => {
  it('does not verify anybody while the keys cannot be fetched', async () => {
    const service = await startService({
      PROOFGATE_JWKS_URI: 'http://auth.proofgate.localhost:9/jwks',
      PROOFGATE_ISSUER: ISSUER,
      PROOFGATE_AUDIENCE: AUDIENCE,
    })
    const { privateKey } = await generateKeyPair('ES256')
    const token = await new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub: 'alice' })
      .setProtectedHeader({ alg: 'ES256', typ: 'pg-assertion+jwt' })
      .sign(privateKey)
    const headers = { 'x-proofgate-assertion': token }
    const shown: any = await (await fetch(`${service.url}/whoami`, { headers })).json()
    assert.equal(shown.verified, false)
    assert.equal(shown.reason, 'keys_unreachable')
    await stopService(service)
  })

  it('ends on SIGTERM with code 0 though a stream and a slow request are open', async () => {
    const service = await startService()
    const stream = await fetch(`${service.url}/events`)
    await readUntil(stream, 'id: 1\n')
    const slow = request(`${service.url}/slow?seconds=30`, { agent: false })
    const answered = once(slow, 'response')
    await once(slow.end(), 'finish')
    // Who came behind it is answered: by then the slow request has arrived as well.
    assert.equal((await fetch(`${service.url}/healthz`)).status, 200)
    service.process.kill('SIGTERM')
    const [answer] = await answered
    answer.resume()
    assert.equal(answer.statusCode, 503)
    assert.equal(await service.ended, 0)
  })

  it('ends when the pipe of the process that started it closes', async () => {
    const service = await startService()
    service.process.stdin!.end()
    assert.equal(await service.ended, 0)
  })

  it('ends when the IPC channel of the process that started it closes', async () => {
    const service = await startService({}, 'ignore', 'ipc')
    service.process.disconnect()
    assert.equal(await service.ended, 0)
  })

  it('keeps running with standard input from nowhere', async () => {
    const service = await startService({}, 'ignore')
    assert.equal((await fetch(`${service.url}/slow?seconds=0.3`)).status, 200)
    await stopService(service)
  })

  it('refuses a port that is none and an option it does not know', async () => {
    for (const options of [
      ['--port', '65536'],
      ['--port', 'x'],
      ['--prot', '1'],
    ]) {
      const child = spawn(process.execPath, [PROGRAM, ...options], { stdio: 'ignore' })
      const [code] = await once(child, 'exit')
      assert.equal(code, 2, options.join(' '))
    }
  })
})

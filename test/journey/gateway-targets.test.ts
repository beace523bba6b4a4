import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { temporaryDirectory, startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import { callAdmin, until } from '../kit/operations.ts'
import { RawUpstream } from '../kit/upstream.ts'
import { selfSigned } from '../upstream/certificate.ts'

const fine = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const directory = temporaryDirectory()
const file = join(directory, 'proofgate.yaml')

/** Points names at what a file says, as a resolver would whose zone changes. */
const resolverText = `
import dns from 'node:dns'
import { readFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
const { lookup } = dns
dns.lookup = (host, options, done) => {
  const zone = JSON.parse(readFileSync(process.env.TEST_ZONE, 'utf8'))
  if (!Object.hasOwn(zone, host)) return lookup(host, options, done)
  setImmediate(done, null, zone[host].map((address) => ({ address, family: address.includes(':') ? 6 : 4 })))
}
syncBuiltinESMExports()
`

interface Service {
  readonly port: number
  readonly bodies: string[]
  readonly sockets: Set<Socket>
  /** By which the latest request came. */
  latest: Socket | undefined
  connections: number
  down: boolean
  readonly close: () => void
}

/** Answers with its name and notes what it was asked. */
async function service(name: string, server: Server = createServer()): Promise<Service> {
  const state = {
    port: 0,
    bodies: [] as string[],
    sockets: new Set<Socket>(),
    latest: undefined as Socket | undefined,
    connections: 0,
    down: false,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
  server.keepAliveTimeout = 60_000
  server.on('connection', (socket: Socket) => {
    state.connections += 1
    state.sockets.add(socket)
    socket.on('close', () => state.sockets.delete(socket))
    if (state.down) socket.destroy()
  })
  server.on('request', (request, response) => {
    state.latest = request.socket
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('error', () => undefined)
    request.on('end', () => {
      state.bodies.push(`${request.method} ${request.url} ${body}`)
      if (state.down) request.socket.destroy()
      else if (request.url === '/slow') setTimeout(() => response.end(name), 600)
      else response.end(name)
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  state.port = (server.address() as AddressInfo).port
  return state
}

describe('several targets behind one upstream', { timeout: 300_000 }, () => {
  const hostile = new RawUpstream()
  const zone = join(directory, 'zone.json')
  const names: string[] = []
  let gateway: GatewayProcess
  let a: Service, b: Service, c: Service
  let secure: Service, secureServer: ReturnType<typeof createSecureServer>
  let text = ''

  function api(name: string): string {
    names.push(name)
    return `  ${name}:
    host: ${name}.proofgate.localhost
    upstream: ${name}
    routes: [{ method: ANY, path: '/{rest+}', authorizer: open }]`
  }

  before(async () => {
    a = await service('a')
    b = await service('b')
    c = await service('c')
    const identity = selfSigned('service.example')
    const us = selfSigned('gateway.example')
    secureServer = createSecureServer({
      ...identity,
      ca: us.cert,
      requestCert: true,
      rejectUnauthorized: true,
    })
    secure = await service('secure', secureServer)
    writeFileSync(join(directory, 'ca.pem'), identity.cert)
    writeFileSync(join(directory, 'us.pem'), us.cert)
    writeFileSync(join(directory, 'us.key'), us.key)
    const local = createServer((_request, response) => response.end('socket'))
    await new Promise<void>((resolve) => {
      local.listen(join(directory, 'app.sock'), resolve)
    })
    local.unref()
    writeFileSync(
      zone,
      JSON.stringify({ 'moving.example': ['127.0.0.1'], 'inner.example': ['10.0.0.1'] }),
    )
    writeFileSync(join(directory, 'resolver.mjs'), resolverText)
    const port = await hostile.listen()
    const url = (one: Service) => `http://127.0.0.1:${one.port}`
    text = `version: 1
domain: proofgate.localhost
throttles: { address: { rate: 100000, burst: 100000 }, principal: { rate: 100000, burst: 100000 } }
limits: { drain: 1s }
upstreams:
  group:
    targets: [{ url: '${url(a)}' }, { url: '${url(b)}' }, { url: '${url(c)}' }]
    ejection: { failures: 3, base: 500ms }
  pair:
    targets: [{ url: '${url(a)}' }, { url: '${url(b)}' }]
    ejection: none
  sticky:
    targets: [{ url: '${url(a)}' }, { url: '${url(b)}' }, { url: '${url(c)}' }]
    balance: sticky
  breaker: { url: 'http://127.0.0.1:1', ejection: { failures: 2, base: 5m, maxEjected: 100% } }
  checked:
    targets: [{ url: '${url(a)}' }, { url: '${url(c)}', backup: true }]
    health: { path: /healthz, interval: 100ms, unhealthyAfter: 1, healthyAfter: 1 }
  late: { url: 'http://127.0.0.1:${port}', timeouts: { total: 1500ms, connect: 1s } }
  hostile: { url: 'http://127.0.0.1:${port}', timeouts: { connect: 10s, headers: 30s, idle: 30s } }
  socket: { url: 'unix:${join(directory, 'app.sock')}', host: app.internal }
  secure:
    url: https://127.0.0.1:${secure.port}
    tls: { ca: ca.pem, cert: us.pem, key: us.key, serverName: service.example }
  moving: { url: 'http://moving.example:${a.port}', allowPrivateAddresses: true, dns: { refresh: 1s } }
  inner: { url: 'http://inner.example:${a.port}' }
  steady: { url: '${url(b)}' }
  changing: { url: '${url(c)}', timeouts: { headers: 10s } }
apis:
${['group', 'pair', 'sticky', 'breaker', 'checked', 'late', 'hostile', 'socket', 'secure', 'moving', 'inner', 'steady', 'changing'].map(api).join('\n')}
`
    writeFileSync(file, text)
    gateway = await startGateway({
      command: ['serve', '--config', file],
      environment: {
        TEST_ZONE: zone,
        NODE_OPTIONS: `--import ${pathToFileURL(join(directory, 'resolver.mjs')).href}`,
      },
    })
  })
  after(async () => {
    const code = await gateway.stop()
    for (const one of [a, b, c, secure]) one.close()
    hostile.close()
    assert.equal(code, 0, gateway.errors())
    assert.doesNotMatch(gateway.errors(), /"level":"error"/)
  })

  const port = () => new URL(gateway.identity).port
  const ask = (name: string, path = '/x', options: Parameters<typeof call>[1] = {}) =>
    call(`http://${name}.proofgate.localhost:${port()}${path}`, options)
  const metrics = async () => (await call(`${gateway.admin}/metrics`)).text

  it('asks each of them in turn', async () => {
    const bodies = []
    for (let count = 0; count < 6; count++) bodies.push((await ask('group')).text)
    assert.deepEqual(bodies.toSorted(), ['a', 'a', 'b', 'b', 'c', 'c'])
  })

  it('sends one caller to one of them', async () => {
    const bodies = new Set<string>()
    for (let count = 0; count < 10; count++) bodies.add((await ask('sticky')).text)
    assert.equal(bodies.size, 1)
  })

  it('fails no request that may be repeated when one of them dies under load', async () => {
    const statuses: number[] = []
    const worker = async (): Promise<void> => {
      for (let count = 0; count < 60; count++) {
        statuses.push((await ask('group')).status)
        if (statuses.length !== 150) continue
        a.down = true
        for (const socket of a.sockets) socket.resetAndDestroy()
      }
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    assert.deepEqual(new Set(statuses), new Set([200]))
    assert.equal(statuses.length, 480)
    const target = `target="http://127.0.0.1:${a.port}"`
    const shown = await metrics()
    assert.match(
      shown,
      new RegExp(`proofgate_target_ejections_total{upstream="group",${target}} [1-9]`),
    )
    await until('it is in the log', () =>
      /"a target changed".*"condition":"ejected"/.test(gateway.errors()),
    )
    a.down = false
    await until('it is back', async () => {
      await ask('group')
      return (await metrics()).includes(
        `proofgate_target_condition{upstream="group",${target},condition="healthy"} 1`,
      )
    })
  })

  it('never sends a POST twice, whichever way a target dies', async () => {
    a.down = true
    b.bodies.length = 0
    a.bodies.length = 0
    const statuses: number[] = []
    for (let count = 0; count < 12; count++) {
      const { status } = await ask('pair', '/post', { method: 'POST', body: `order ${count}` })
      statuses.push(status)
    }
    a.down = false
    const seen = [...a.bodies, ...b.bodies]
    assert.equal(new Set(seen).size, seen.length, 'each order arrived at most once')
    assert.deepEqual(new Set(statuses), new Set([200, 502]))
  })

  it('answers at once, and says when to ask again, while a service is left alone', async () => {
    assert.equal((await ask('breaker')).status, 502)
    assert.equal((await ask('breaker')).status, 502)
    const refused = await ask('breaker')
    assert.equal(refused.status, 503)
    assert.equal(refused.json().code, 'upstream.unavailable')
    const wait = Number(refused.headers['retry-after'])
    assert.ok(wait > 200 && wait <= 300, String(wait))
    const page = await ask('breaker', '/x', { headers: { accept: 'text/html' } })
    assert.equal(page.status, 503)
    assert.match(String(page.headers['content-type']), /text\/html/)
    assert.ok(Number(page.headers['retry-after']) > 200)
  })

  it('says in its status how each target is', async () => {
    const status = (await callAdmin(gateway, '/v1/status')).json()
    assert.equal(status.targets['breaker http://127.0.0.1:1'], 'ejected')
    assert.equal(status.targets[`pair http://127.0.0.1:${b.port}`], 'healthy')
    assert.ok(!Object.keys(status.targets).some((name) => name.startsWith('steady ')))
  })

  it('uses a backup while checks fail, and goes back', async () => {
    await until('checks pass', async () => (await ask('checked')).text === 'a')
    a.down = true
    await until('the backup answers', async () => (await ask('checked')).text === 'c')
    a.down = false
    await until('the first answers again', async () => (await ask('checked')).text === 'a')
  })

  it('ends an exchange that takes too long as a whole, with 504 or with a cut', async () => {
    hostile.serve = (socket, text) => {
      const [, type] = /^GET \/(text\/[a-z-]+) /.exec(text) ?? []
      if (type === undefined) return
      socket.write(`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`)
      const drip = setInterval(() => socket.write('1\r\nx\r\n'), 20)
      socket.on('close', () => clearInterval(drip))
    }
    const events = { headers: { accept: 'text/event-stream' } }
    const stream = ask('late', '/text/event-stream', events)
    const wasCut = stream.then(String, String)
    await Promise.all([
      ask('late', '/x', { method: 'POST' }).then((silent) => {
        assert.equal(silent.status, 504)
        assert.equal(silent.json().code, 'upstream.total_timeout')
      }),
      assert.rejects(ask('late', '/text/plain')),
      assert.rejects(ask('late', '/text/plain', events), 'to ask for events is not to get them'),
    ])
    // It began before those that were ended.
    assert.equal(await Promise.race([wasCut, delay(500, 'goes on')]), 'goes on')
    for (const socket of hostile.sockets) socket.destroy()
    await assert.rejects(stream)
    hostile.serve = (socket) => socket.write(fine)
    assert.equal((await ask('late')).text, 'ok')
  })

  it('reads ten megabytes of header no further than its bound (Q01)', async () => {
    for (const text of [
      `HTTP/1.1 200 OK\r\nA: ${'a'.repeat(10_000_000)}`,
      `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(1_700_000)}`,
    ]) {
      hostile.serve = (socket) => socket.write(text)
      const answer = await ask('hostile')
      assert.equal(answer.status, 502)
      assert.match(answer.json().code, /upstream\.(too_large|malformed)/)
    }
    hostile.serve = (socket) => socket.write(fine)
    assert.equal((await ask('hostile')).text, 'ok')
  })

  it('speaks to a unix socket, under the name it was given', async () => {
    assert.equal((await ask('socket')).text, 'socket')
  })

  it('shows its certificate, and takes up files that were renewed', async () => {
    assert.equal((await ask('secure')).text, 'secure')
    const renewed = selfSigned('service.example')
    const us = selfSigned('gateway.example')
    secureServer.setSecureContext({ ...renewed, ca: us.cert })
    writeFileSync(join(directory, 'ca.pem'), renewed.cert)
    writeFileSync(join(directory, 'us.pem'), us.cert)
    writeFileSync(join(directory, 'us.key'), us.key)
    for (const one of secure.sockets) one.destroy()
    await until('the new files are used', async () => (await ask('secure')).text === 'secure')
  })

  it('follows a name, and not where it must not go (Q04)', async () => {
    assert.equal((await ask('inner')).json().code, 'upstream.address_forbidden')
    assert.equal((await ask('moving')).text, 'a')
    // At once, because it is read at any time.
    const point = (addresses: readonly string[]): void => {
      writeFileSync(`${zone}.new`, JSON.stringify({ 'moving.example': addresses }))
      renameSync(`${zone}.new`, zone)
    }
    for (const address of ['169.254.169.254', '::ffff:169.254.169.254', 'fd00:ec2::254']) {
      point([address])
      await until('the kept connection is let go', async () => {
        const answer = await ask('moving')
        return answer.status === 502 && answer.json().code === 'upstream.address_forbidden'
      })
      point(['127.0.0.1'])
      assert.equal((await ask('moving')).text, 'a', 'the name is good again')
    }
  })

  it('keeps the connections of what did not change over a reload, and fails no request', async () => {
    const { text: answered } = await ask('steady', '/kept')
    assert.equal(answered, 'b')
    const kept = b.latest
    assert.ok(kept !== undefined)
    const load = { over: false }
    const statuses: number[] = []
    const worker = async (name: string): Promise<void> => {
      while (!load.over) statuses.push((await ask(name)).status)
    }
    await Promise.all([ask('steady'), ask('changing')])
    const workers = ['steady', 'steady', 'changing', 'changing'].map(worker)
    const slow: Promise<{ status: number }>[] = []
    for (let round = 1; round <= 4; round++) {
      slow.push(ask('changing', '/slow', { method: 'POST', body: 'x' }))
      writeFileSync(file, text.replace('headers: 10s', `headers: 1${round}s`))
      const reloaded = await reload()
      assert.equal(reloaded, true)
    }
    for (const answer of await Promise.all(slow)) assert.equal(answer.status, 200)
    await until('many were asked', () => Promise.resolve(statuses.length > 50))
    load.over = true
    await Promise.all(workers)
    assert.deepEqual(new Set(statuses), new Set([200]))
    assert.equal(kept.destroyed, false, 'unchanged pools are kept')
    await until('old pools let their connections go', () => Promise.resolve(c.sockets.size <= 8))
  })

  async function reload(): Promise<boolean> {
    return (await callAdmin(gateway, '/v1/reload', { method: 'POST' })).status === 200
  }
})

import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { connect } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { TestAuthority, writePair } from '../kit/certificates.ts'
import { dataPlaneText, decisionsDuring } from '../kit/data-plane.ts'
import { FakeIssuer } from '../kit/fake-issuer.ts'
import { configurationFile, proofgate, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import type { Answer, CallOptions } from '../kit/http.ts'
import { Mint, personId, recordsOf } from '../kit/minting.ts'
import { until } from '../kit/operations.ts'
import { headerOf, RecordingUpstream } from '../kit/upstream.ts'

const authority = new TestAuthority()
const strangers = new TestAuthority()
const { ca } = authority
const directory = temporaryDirectory()
const pages = authority.server('auth.proofgate.localhost', 'console.proofgate.localhost')
const apis = authority.server('api.proofgate.localhost')

/** Bob has to come with his certificate; the issuer `one` binds its tokens. */
function textFor(upstream: number, issuer: string): string {
  const readers = "Resource: 'arn:aws:execute-api:*:*:app/default/*/app/*' }"
  const condition = `Resource: 'arn:aws:execute-api:*:*:app/default/*/app/*', Condition: { StringEquals: { 'proofgate:ClientCertificateSubject': 'CN=bob' } } }`
  return dataPlaneText({
    upstream,
    upstreamKeys: 'forwarded: true',
    routes: `      - { method: ANY, path: '/one/{rest+}', authorizer: one }`,
    limits: '{ drain: 5m, requestHeaderTimeout: 3s }',
    more: `issuers:
  one: { issuer: '${issuer}', audiences: ['api://orders'], algorithms: [ES256], dangerously_allowHttp: true }
identity: { hsts: 365d }
listeners:
  public:
    tls:
      certificates:
        - { cert: '${directory}/pages.pem', key: '${directory}/pages.key' }
        - { cert: '${directory}/apis.pem', key: '${directory}/apis.key' }
      clientCertificates: { ca: '${directory}/ca.pem', mode: request }`,
  }).replace(readers, condition)
}

describe('a gateway that ends TLS', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  const issuer = new FakeIssuer('one')
  let gateway: GatewayProcess
  let mint: Mint
  let bob: string
  let port: number

  before(async () => {
    await issuer.listen()
    writePair(directory, 'pages', pages)
    writePair(directory, 'apis', apis)
    writeFileSync(join(directory, 'ca.pem'), ca)
    const file = configurationFile(textFor(await upstream.listen(), issuer.url))
    gateway = await startGateway({ command: ['serve', '--config', file] })
    mint = new Mint(gateway)
    bob = personId(gateway, 'bob')
    port = Number(new URL(gateway.api).port)
  })
  after(async () => {
    issuer.close()
    assert.equal(await gateway.stop(), 0, gateway.errors())
    upstream.close()
    assert.doesNotMatch(gateway.errors(), /PRIVATE KEY|a defect/)
  })

  const at = (path: string, options: CallOptions = {}): Promise<Answer> =>
    call(`${gateway.api}${path}`, { tls: { ca }, ...options })

  function dial(servername = 'api.proofgate.localhost'): Promise<TLSSocket> {
    const socket = connect({ port, host: '127.0.0.1', ca, servername })
    return new Promise((resolve, reject) => {
      socket.once('secureConnect', () => resolve(socket))
      socket.once('error', reject)
    })
  }

  it('has https addresses, cookies with prefixes, and HSTS on its pages alone', async () => {
    assert.match(gateway.api, /^https:\/\/api\.proofgate\.localhost:/)
    const page = await call(`${gateway.identity}/sign-in`, { tls: { ca } })
    assert.equal(page.status, 200)
    assert.equal(page.headers['strict-transport-security'], 'max-age=31536000')
    assert.equal((await at('/public/x')).headers['strict-transport-security'], undefined)
    const begun = await call(
      `${gateway.issuer}/oauth2/authorize?client_id=proofgate-cli&response_type=code&scope=openid&redirect_uri=http://127.0.0.1:1/callback&code_challenge=${'a'.repeat(43)}&code_challenge_method=S256`,
      { tls: { ca } },
    )
    assert.equal(begun.status, 303, begun.text)
    const names = (begun.headers['set-cookie'] ?? []).map((line) => line.split('=')[0])
    assert.ok(names.includes('__Secure-pg_interaction'), names.join())
    for (const line of begun.headers['set-cookie'] ?? []) {
      assert.match(line, /^__(?:Host|Secure)-pg_/)
      assert.match(line, /; secure/i)
    }
  })

  it('tells services that the caller came by https, and by Forwarded where that is wished for', async () => {
    assert.equal((await at('/public/x', { headers: { forwarded: 'for=10.0.0.1' } })).status, 200)
    const [seen] = upstream.take()
    assert.deepEqual(headerOf(seen, 'x-forwarded-proto'), ['https'])
    const { host } = new URL(gateway.api)
    assert.deepEqual(headerOf(seen, 'forwarded'), [`for=127.0.0.1;host="${host}";proto=https`])
  })

  it('lets a policy ask for a certificate, and writes down which one it was', async () => {
    const authorization = `Bearer ${mint.token(bob)}`
    const own = authority.client('bob')
    const records = await decisionsDuring(
      { gateway },
      async () => {
        for (const [pair, status] of [
          [undefined, 403],
          [strangers.client('bob'), 403],
          [authority.client('alice'), 403],
          [authority.issue({ use: 'client', subject: 'bob', until: -1000 }), 403],
          [authority.issue({ use: 'server', subject: 'bob' }), 403],
          [own, 200],
        ] as const) {
          const answer = await at('/app/x', { tls: { ca, ...pair }, headers: { authorization } })
          assert.equal(answer.status, status, answer.text)
        }
      },
      6,
    )
    const fingerprint = new X509Certificate(own.cert).fingerprint256
    assert.equal(
      records.at(-1)?.what?.['certificate'],
      fingerprint.replaceAll(':', '').toLowerCase(),
    )
    assert.equal(records[0]?.what?.['certificate'], undefined)
    upstream.take()
  })

  it('takes a token that is bound to a certificate with that certificate only', async () => {
    const own = authority.client('robot')
    const thumbprint = Buffer.from(
      new X509Certificate(own.cert).fingerprint256.replaceAll(':', ''),
      'hex',
    ).toString('base64url')
    const token = issuer.token({ groups: ['admins'], cnf: { 'x5t#S256': thumbprint } })
    const headers = { authorization: `Bearer ${token}` }
    for (const pair of [undefined, authority.client('robot'), strangers.client('robot')]) {
      const answer = await at('/one/x', { tls: { ca, ...pair }, headers })
      assert.equal(answer.status, 401)
      assert.equal(answer.json().code, 'token.certificate_required')
      assert.match(String(answer.headers['www-authenticate']), /error="invalid_token"/)
    }
    assert.deepEqual(upstream.take(), [])
    assert.equal((await at('/one/x', { tls: { ca, ...own }, headers })).status, 200)
    upstream.take()
  })

  it('C16: never serves a host over an HTTP/2 connection whose certificate is for another', async () => {
    const session = connectHttp2(gateway.api, {
      createConnection: () =>
        connect({
          port,
          host: '127.0.0.1',
          ca,
          servername: 'api.proofgate.localhost',
          ALPNProtocols: ['h2'],
        }),
    })
    const ask = (host: string, path: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ':authority': `${host}:${port}`, ':path': path })
        stream.once('response', (headers) => resolve(Number(headers[':status'])))
        stream.once('error', reject)
        stream.resume().end()
      })
    try {
      assert.equal(await ask('api.proofgate.localhost', '/public/x'), 200)
      const records = await decisionsDuring({ gateway }, async () => {
        assert.equal(await ask('auth.proofgate.localhost', '/sign-in'), 421)
      })
      assert.equal(records[0]?.reason, 'gateway.misdirected')
      assert.equal(await ask('API.proofgate.localhost.', '/public/x'), 200)
    } finally {
      session.destroy()
    }
    assert.equal(upstream.take().length, 2)
  })

  it('watches connections as without TLS: slow heads, bytes that are no HTTP, half-closed ends', async () => {
    const answerTo = async (text: string, end = false): Promise<string> => {
      const socket = await dial()
      let answer = ''
      socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')))
      socket.on('error', () => undefined)
      socket.write(text)
      if (end) socket.end()
      await new Promise((resolve) => {
        socket.once('close', resolve)
      })
      return answer
    }
    const slow = answerTo('GET /public/x HTTP/1.1\r\nHost: a\r\n')
    assert.match(await answerTo('nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /)
    const host = `api.proofgate.localhost:${port}`
    const whole = `GET /public/x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
    assert.match(await answerTo(whole), /^HTTP\/1\.1 200 /)
    assert.match(await slow, /^HTTP\/1\.1 408 /)
  })

  it('opens a WebSocket over TLS', async () => {
    const socket = await dial()
    let answer = ''
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')))
    const alice = mint.token(personId(gateway, 'alice'))
    socket.write(
      `GET /ws/x HTTP/1.1\r\nHost: api.proofgate.localhost:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer ${alice}\r\n\r\n`,
    )
    await until('the tunnel is open', () => Promise.resolve(answer.includes(' 101 ')))
    socket.destroy()
    upstream.take()
  })

  it('takes up new certificates under load without a failed request, and keeps the good one', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 4, ca })
    const load = { isOver: false }
    const statuses: (number | string)[] = []
    const one = (): Promise<void> =>
      new Promise((resolve) => {
        const outgoing = request(
          {
            agent,
            port,
            host: '127.0.0.1',
            servername: 'api.proofgate.localhost',
            path: '/public/load',
            headers: { host: `api.proofgate.localhost:${port}` },
          },
          (answer) => {
            statuses.push(answer.statusCode ?? 0)
            answer.resume().once('end', resolve)
          },
        )
        outgoing.once('error', (error) => {
          statuses.push(error.message)
          resolve()
        })
        outgoing.end()
      })
    const loading = Promise.all(
      [1, 2, 3, 4].map(async () => {
        while (!load.isOver) await one()
      }),
    )
    const serial = async (): Promise<string> => {
      const socket = await dial()
      const found = socket.getPeerCertificate().serialNumber
      socket.destroy()
      return found
    }
    for (let round = 0; round < 3; round++) {
      const pair = authority.server('api.proofgate.localhost')
      const expected = new X509Certificate(pair.cert).serialNumber
      writePair(directory, 'apis', pair)
      await until('the new certificate is shown', async () => (await serial()) === expected)
    }
    const good = await serial()
    writeFileSync(join(directory, 'apis.pem'), apis.cert)
    await until('the pair is refused', () =>
      Promise.resolve(gateway.errors().includes('config.tls-pair')),
    )
    assert.equal(await serial(), good)
    writePair(directory, 'apis', apis)
    const back = new X509Certificate(apis.cert).serialNumber
    await until('the pair is whole again', async () => (await serial()) === back)
    load.isOver = true
    await loading
    agent.destroy()
    assert.ok(statuses.length > 20)
    assert.deepEqual([...new Set(statuses)], [200])
    const records = await recordsOf(gateway, 'configuration')
    assert.ok(
      records.some(({ outcome, detail }) => outcome === 'failure' && detail === 'config.tls-pair'),
    )
    upstream.take()
  })

  it('is believed by the command line only with its authority, which that says', async () => {
    const login = await proofgate(['login', '--device', '--issuer', gateway.issuer])
    assert.equal(login.code, 1)
    assert.match(login.stderr, /NODE_EXTRA_CA_CERTS/)
  })

  it('shows in its metrics when certificates end and how many handshakes failed', async () => {
    await assert.rejects(call(`http://127.0.0.1:${port}/public/x`))
    const metrics = await (await fetch(`${gateway.admin}/metrics`)).text()
    assert.match(
      metrics,
      /proofgate_certificate_expiry_seconds\{certificate="[^"]*apis\.pem"\} 34\d{6}\n/,
    )
    assert.match(metrics, /proofgate_connections_refused_total\{reason="tls"\} [1-9]/)
  })

  it('ends in order while connections wait, in a handshake or between requests', async () => {
    const socket = await dial()
    const closed = new Promise((resolve) => {
      socket.once('close', resolve)
    })
    socket.on('error', () => undefined)
    socket.resume()
    const stopping = gateway.stop()
    await closed
    assert.equal(await stopping, 0, gateway.errors())
  })
})

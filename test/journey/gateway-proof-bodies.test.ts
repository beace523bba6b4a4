import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { Approving, askedBy, inlineProof } from '../kit/approving.ts'
import type { AskedFor } from '../kit/approving.ts'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { administer, databaseOf, enrolled, eventually, inDatabase } from '../kit/flows.ts'
import { call } from '../kit/http.ts'
import { callHttp2, openHttp2 } from '../kit/http2.ts'
import { boundHeaders, obtainTokens } from '../kit/person.ts'
import type { SoftPerson } from '../kit/person.ts'
import { head, problemIn, raw } from '../kit/raw.ts'
import { headerOf, RawUpstream, RecordingUpstream } from '../kit/upstream.ts'

/* Rows H10 and H11: what is hashed is all there is, and all that is forwarded. */

describe('bodies of requests that need a proof', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  const shadow = new RecordingUpstream()
  const breaking = new RawUpstream()
  let plane: DataPlane
  let alice: SoftPerson
  let approving: Approving
  let token: string

  before(async () => {
    const mirrored = 'mirror: { upstream: shadow, unsafeMethods: true }'
    plane = await startDataPlane({
      upstream: await upstream.listen(),
      upstreamKeys: `timeouts: { connect: 10s, headers: 30s, idle: 30s }
  shadow: { url: 'http://127.0.0.1:${await shadow.listen()}' }
  breaking:
    targets: [{ url: 'http://127.0.0.1:${await breaking.listen()}' }]
    retries: { budget: 100%, perRequest: 2 }`,
      routes: `      - { method: POST, path: '/short/{id}', proof: { request: { maxBody: 64B, dangerously_allowUnattested: true } } }
      - { method: POST, path: '/shorter/{id}', maxBody: 8B, proof: { request: { dangerously_allowUnattested: true } } }
      - { method: POST, path: '/calls/{id}', proof: { request: { dangerously_allowUnattested: true } } }
      - { method: POST, path: '/copied/{id}', ${mirrored}, proof: { request: { dangerously_allowUnattested: true } } }
  breaking:
    host: breaking.proofgate.localhost
    upstream: breaking
    audience: 'http://any.example'
    routes: [{ method: GET, path: '/once/{id}', proof: { request: { dangerously_allowUnattested: true } } }, { method: GET, path: /warm }]
`,
      more: 'listeners: { public: { h2c: true } }',
    })
    alice = await enrolled(plane.gateway, 'alice')
    approving = new Approving(plane.gateway, { alice: ['admins'] })
    token = plane.mint.token(plane.alice)
  })
  after(async () => {
    approving?.close()
    await plane.finish().finally(() => {
      for (const one of [upstream, shadow, breaking]) one.close()
    })
  })

  const lines = (more: readonly string[], path = '/short/1'): string =>
    head(`POST ${path} HTTP/1.1`, `Host: ${plane.host}`, `Authorization: Bearer ${token}`, ...more)
  const proofs = (): number =>
    inDatabase(databaseOf(plane.gateway), (database) =>
      Number(database.prepare('SELECT count(*) AS n FROM request_proof').get()?.['n']),
    )
  const chunked = (body: string, trailers = ''): string =>
    `${body.length.toString(16)}\r\n${body}\r\n0\r\n${trailers}\r\n`
  const approvedFor = async (body: string, path = '/short/1'): Promise<string> => {
    const answer = await raw(
      plane.port,
      lines([`Content-Length: ${body.length}`, 'Connection: close'], path) + body,
    )
    const text = Buffer.from(answer.text, 'latin1').toString()
    const asked = JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4)).proof as AskedFor
    await approving.approve(asked, alice)
    return `Proofgate-Proof: id="${asked.id}"`
  }

  it('are refused before anybody is asked when they are too long or cannot be read', async () => {
    const long = 'x'.repeat(65)
    const before = proofs()
    const cases: readonly [string, readonly string[], string, string][] = [
      ['declared too long', ['Content-Length: 65'], long, 'proof.body_too_large'],
      ['too long in pieces', ['Transfer-Encoding: chunked'], chunked(long), 'proof.body_too_large'],
      [
        'in a coding',
        ['Content-Length: 4', 'Content-Encoding: gzip'],
        'abcd',
        'proof.body_unreadable',
      ],
      [
        'with a trailer',
        ['Transfer-Encoding: chunked', 'Trailer: x-more'],
        chunked('abcd', 'x-more: 1\r\n'),
        'proof.body_unreadable',
      ],
    ]
    for (const [label, more, body, code] of cases) {
      const answer = await raw(plane.port, lines(more) + body, { quiet: 10_000 })
      assert.equal(problemIn(answer).code, code, label)
      assert.ok(answer.closed, label)
    }
    const session = openHttp2(plane.port)
    const over = (body: string, more: object = {}) =>
      callHttp2(session, {
        method: 'POST',
        path: '/short/1',
        authority: plane.host,
        headers: { authorization: `Bearer ${token}` },
        body,
        ...more,
      })
    assert.equal(JSON.parse((await over(long)).body).code, 'proof.body_too_large')
    const trailed = await over('abcd', { trailers: { 'x-more': '1' } })
    assert.equal(JSON.parse(trailed.body).code, 'proof.body_unreadable')
    session.destroy()
    const shorter = lines(['Transfer-Encoding: chunked'], '/shorter/1') + chunked('123456789')
    assert.equal(problemIn(await raw(plane.port, shorter)).code, 'proof.body_too_large')
    assert.equal(proofs(), before)
    assert.deepEqual(upstream.take(), [])
  })

  it('of gRPC calls are bound as well, and the demand is told as gRPC tells it', async () => {
    const session = openHttp2(plane.port)
    const send = (more: Readonly<Record<string, string>> = {}) =>
      callHttp2(session, {
        method: 'POST',
        path: '/calls/1',
        authority: plane.host,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/grpc', ...more },
        body: Buffer.from([0, 0, 0, 0, 1, 7]),
      })
    const asked = await send()
    assert.equal(asked.headers['grpc-status'], '16')
    const [, id = ''] =
      /Proofgate-Proof id="([\w-]{22})"/.exec(String(asked.headers['www-authenticate'])) ?? []
    await approving.approveById(id, alice)
    await send({ 'proofgate-proof': `id="${id}"` })
    await send({ 'proofgate-proof': `id="${id}"` })
    session.destroy()
    assert.deepEqual(
      upstream.take().map(({ body }) => body),
      ['\0\0\0\0\x01\x07'],
    )
  })

  it('are the same however they are cut, and leave in one piece', async () => {
    const body = '{"amount":1}'
    const proof = await approvedFor(body)
    const answer = await raw(plane.port, [
      lines([proof, 'Transfer-Encoding: chunked', 'Connection: close']),
      `5\r\n${body.slice(0, 5)}\r\n`,
      `7\r\n${body.slice(5)}\r\n0\r\n\r\n`,
    ])
    assert.deepEqual(answer.statuses, [200])
    const [seen, ...others] = upstream.take()
    assert.deepEqual(others, [])
    assert.equal(seen?.body, body)
    assert.deepEqual(headerOf(seen, 'content-length'), ['12'])
    assert.deepEqual(headerOf(seen, 'transfer-encoding'), [])
  })

  it('do not begin to leave before their end is known', async () => {
    const body = '{"amount":1,"to":"ops"}'
    const proof = await approvedFor(body)
    const changed = body.replace('ops', 'eve')
    const { connections } = upstream
    const socket = connect(plane.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(lines([proof, `Content-Length: ${body.length}`, 'Connection: close']))
    socket.write(changed.slice(0, 12))
    // Something else goes through meanwhile, so that the first half was read.
    const other = await call(`${plane.gateway.api}/app/x`, {
      headers: { authorization: `Bearer ${token}` },
    })
    assert.equal(other.status, 200)
    assert.deepEqual(
      upstream.take().map(({ url }) => url),
      ['/app/x'],
    )
    assert.ok(upstream.connections - connections <= 1)
    socket.write(changed.slice(12))
    let text = ''
    socket.setEncoding('latin1').on('data', (piece: string) => (text += piece))
    await once(socket, 'close')
    assert.match(text, /"proof\.mismatch"/)
    assert.deepEqual(upstream.take(), [])
  })

  it('that end early use nothing up', async () => {
    const body = '{"amount":1}'
    const proof = await approvedFor(body)
    const socket = connect(plane.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(lines([proof, `Content-Length: ${body.length}`]))
    socket.write(body.slice(0, 5))
    await new Promise((resolve) => setTimeout(resolve, 50))
    socket.destroy()
    const whole = lines([proof, `Content-Length: ${body.length}`, 'Connection: close']) + body
    assert.deepEqual((await raw(plane.port, whole)).statuses, [200])
    assert.equal(upstream.take().length, 1)
  })

  it('of a session that ends while they arrive let nothing through', async () => {
    const { tokens, key } = await obtainTokens(alice)
    const url = `${plane.gateway.api}/short/1`
    const [, claims = ''] = tokens.access_token.split('.')
    const { sid } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { sid: string }
    const mine = (): Record<string, string> => boundHeaders(key, tokens.access_token, 'POST', url)
    const asked = askedBy(await call(url, { method: 'POST', body: 'abcd', headers: mine() }))
    const fields = Object.entries({ ...mine(), 'proofgate-proof': inlineProof(asked, alice) })
    const socket = connect(plane.port, '127.0.0.1')
    await once(socket, 'connect')
    const written = fields.map(([name, value]) => `${name}: ${value}`)
    const first = [`POST /short/1 HTTP/1.1`, `Host: ${plane.host}`, ...written]
    let text = ''
    socket.setEncoding('latin1').on('data', (piece: string) => (text += piece))
    // It waits to be asked for the body, so that the session was good when it was looked at.
    socket.write(head(...first, 'Expect: 100-continue', 'Connection: close', 'Content-Length: 4'))
    assert.ok(await eventually(() => text.startsWith('HTTP/1.1 100')))
    assert.equal((await administer(plane.gateway, 'POST', `/v1/sessions/${sid}/end`)).status, 200)
    socket.write('abcd')
    await once(socket, 'close')
    assert.match(text, /"gateway\.session_ended"/)
    assert.deepEqual(upstream.take(), [])
  })

  it('are asked for only when somebody may be asked about them', async () => {
    const expecting = ['Expect: 100-continue', 'Connection: close']
    const asked = await raw(plane.port, [lines([...expecting, 'Content-Length: 4']), 'abcd'])
    assert.deepEqual(asked.statuses, [100, 401])
    assert.equal(asked.text.includes('proof.required'), true)
    const long = await raw(plane.port, lines([...expecting, 'Content-Length: 65']))
    assert.deepEqual(long.statuses, [413])
    const nobody = await raw(
      plane.port,
      head(`POST /short/1 HTTP/1.1`, `Host: ${plane.host}`, ...expecting, 'Content-Length: 4'),
    )
    assert.deepEqual(nobody.statuses, [401])
    const proof = await approvedFor('abcd')
    const proved = await raw(plane.port, [
      lines([...expecting, proof, 'Content-Length: 4']),
      'abcd',
    ])
    assert.deepEqual(proved.statuses, [100, 200])
    assert.equal(upstream.take().length, 1)
  })

  it('are copied as they are, and the copy is no second use', async () => {
    const body = '{"amount":1}'
    const proof = await approvedFor(body, '/copied/1')
    const bytes = lines([proof, `Content-Length: ${body.length}`, 'Connection: close'], '/copied/1')
    assert.deepEqual((await raw(plane.port, bytes + body)).statuses, [200])
    const again = await raw(plane.port, bytes + body)
    assert.equal(problemIn(again).code, 'proof.spent')
    assert.ok(await eventually(() => shadow.seen.length === 1))
    assert.equal(shadow.take()[0]?.body, body)
    assert.equal(upstream.take()[0]?.body, body)
  })

  it('requests that may have arrived are not sent again', async () => {
    const api = plane.gateway.apis.find(({ name }) => name === 'breaking')?.origin ?? ''
    const bearer = plane.mint.token(plane.alice, { aud: 'http://any.example' })
    const ask = (path: string, more: Readonly<Record<string, string>> = {}) =>
      call(`${api}${path}`, { headers: { authorization: `Bearer ${bearer}`, ...more } })
    const arrived: string[] = []
    breaking.serve = (socket, text) => {
      const [, path = ''] = text.split(' ')
      arrived.push(path)
      if (path === '/warm') socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      else socket.destroy()
    }
    assert.equal((await ask('/warm')).status, 200)
    const asked = (await ask('/once/1')).json().proof as AskedFor
    const proof = { 'proofgate-proof': inlineProof(asked, alice) }
    assert.equal((await ask('/once/1', proof)).status, 502)
    assert.deepEqual(arrived, ['/warm', '/once/1'])
    assert.equal((await ask('/once/1', proof)).json().code, 'proof.spent')
    assert.deepEqual(arrived, ['/warm', '/once/1'])
  })
})

import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { call } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { head, raw } from '../kit/raw.ts'
import { headerOf, RecordingUpstream } from '../kit/upstream.ts'
import type { Seen } from '../kit/upstream.ts'

const routes = `
      - { method: GET, path: '/all/{rest+}', split: [{ upstream: main, weight: 0 }, { upstream: fresh, weight: 1 }] }
      - { method: GET, path: '/half/{rest+}', split: [{ upstream: main, weight: 1 }, { upstream: fresh, weight: 1 }] }
      - { method: ANY, path: '/copied/{rest+}', mirror: { upstream: shadow, maxBody: 10B }, rewrite: { stripPrefix: /copied } }
      - { method: ANY, path: '/copied-all/{rest+}', mirror: { upstream: shadow, maxBody: 10B, unsafeMethods: true } }
      - { method: GET, path: '/copied-open/{rest+}', authorizer: open, mirror: { upstream: shadow } }
      - { method: GET, path: '/copied-never/{rest+}', authorizer: open, mirror: { upstream: shadow, percent: 0 } }
      - { method: GET, path: '/copied-few/{rest+}', authorizer: open, mirror: { upstream: shadow, concurrency: 2 } }
      - { method: GET, path: '/copied-nowhere/{rest+}', authorizer: open, mirror: { upstream: gone } }
  inheriting:
    host: inheriting.proofgate.localhost
    upstream: main
    authorizer: open
    mirror: { upstream: shadow, concurrency: 1 }
    routes: [{ method: GET, path: /a }, { method: GET, path: /b }]
`

describe('requests over several services', { timeout: 300_000 }, () => {
  const main = new RecordingUpstream()
  const fresh = new RecordingUpstream()
  const shadow = new RecordingUpstream()
  let plane: DataPlane
  let alice: string

  before(async () => {
    plane = await startDataPlane({
      upstream: await main.listen(),
      upstreamKeys: `timeouts: { connect: 10s, headers: 30s, idle: 30s }
  fresh: { url: 'http://127.0.0.1:${await fresh.listen()}' }
  shadow: { url: 'http://127.0.0.1:${await shadow.listen()}' }
  gone: { url: 'http://127.0.0.1:1' }`,
      routes,
    })
    alice = `Bearer ${plane.mint.token(plane.alice)}`
  })
  after(async () => {
    await plane.finish().finally(() => {
      for (const upstream of [main, fresh, shadow]) upstream.close()
    })
  })

  function ask(path: string, options: Parameters<typeof call>[1] = {}): Promise<Answer> {
    return call(`${plane.gateway.api}${path}`, {
      ...options,
      headers: { authorization: alice, ...options.headers },
    })
  }

  /** What came within a moment, once at least so many did. */
  async function arrived(at: RecordingUpstream, count: number): Promise<Seen[]> {
    for (let tries = 0; at.seen.length < count && tries < 1000; tries++) await delay(20)
    await delay(100)
    return at.take()
  }

  it('go to the chosen one, with an assertion for it, and the record says which', async () => {
    const records = await decisionsDuring(plane, () => ask('/all/x'))
    assert.deepEqual(main.take(), [])
    const [seen] = fresh.take()
    const [assertion = ''] = headerOf(seen, 'x-proofgate-assertion')
    const claims = JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString())
    assert.equal(claims.aud, 'fresh')
    assert.equal(records[0]?.what?.['upstream'], 'fresh')
  })

  it('stay on one side for one person', async () => {
    for (let n = 0; n < 20; n++) assert.equal((await ask(`/half/${n}`)).status, 200)
    const [one, other] = [main.take().length, fresh.take().length]
    assert.deepEqual(
      [one, other].sort((a, b) => a - b),
      [0, 20],
    )
  })

  it('are copied as they are forwarded, with an assertion for the one they are copied to', async () => {
    const answer = await ask('/copied/a%20b?x=1', { headers: { 'x-a': '1', cookie: 'c=1' } })
    assert.equal(answer.status, 200)
    const [seen] = main.take()
    const [copy, ...more] = await arrived(shadow, 1)
    assert.deepEqual(more, [])
    assert.equal(copy?.url, '/a%20b?x=1')
    assert.equal(copy.url, seen?.url)
    assert.deepEqual(headerOf(copy, 'x-request-id'), headerOf(seen, 'x-request-id'))
    assert.deepEqual(headerOf(copy, 'x-a'), ['1'])
    const [assertion = ''] = headerOf(copy, 'x-proofgate-assertion')
    const claims = JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString())
    assert.equal(claims.aud, 'shadow')
    assert.ok(!copy.headers.join().includes(alice))
  })

  it('are not copied when they may change something, unless that is asked for', async () => {
    const copies: Seen[] = []
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      assert.equal((await ask('/copied/x', { method, body: 'abc' })).status, 200)
      assert.equal((await ask('/copied-all/x', { method, body: 'abc' })).status, 200)
      copies.push(...(await arrived(shadow, 1)))
    }
    assert.deepEqual(
      copies.map(({ method, url, body }) => `${method} ${url} ${body}`),
      ['POST', 'PUT', 'PATCH', 'DELETE'].map((method) => `${method} /copied-all/x abc`),
    )
    assert.equal(main.take().length, 8)
  })

  it('are not copied with a body over the bound, declared or not, or one that never ends', async () => {
    assert.equal((await ask('/copied-all/x', { method: 'POST', body: 'a'.repeat(11) })).status, 200)
    const host = `Host: ${plane.host}`
    const lines = [host, `Authorization: ${alice}`, 'Transfer-Encoding: chunked']
    const chunked = head('POST /copied-all/x HTTP/1.1', ...lines, 'Connection: close')
    const long = await raw(plane.port, [chunked, '6\r\nabcdef\r\n', '6\r\nabcdef\r\n0\r\n\r\n'], {
      quiet: 2000,
    })
    assert.deepEqual(long.statuses, [200])
    const short = await raw(plane.port, [chunked, '2\r\nab\r\n', '2\r\ncd\r\n0\r\n\r\n'], {
      quiet: 2000,
    })
    assert.deepEqual(short.statuses, [200])
    await raw(plane.port, head('POST /copied-all/cut HTTP/1.1', ...lines) + '2\r\nab\r\n', {
      limit: 300,
    })
    const copies = await arrived(shadow, 1)
    assert.deepEqual(
      copies.map(({ body }) => body),
      ['abcd'],
    )
    main.take()
  })

  it('are not copied with the credential of an open route', async () => {
    assert.equal(
      (await ask('/copied-open/x', { headers: { authorization: 'Basic YTpi' } })).status,
      200,
    )
    assert.deepEqual(headerOf(main.take()[0], 'authorization'), ['Basic YTpi'])
    assert.deepEqual(headerOf((await arrived(shadow, 1))[0], 'authorization'), [])
  })

  it('are not copied when none are asked for, nor before they are admitted', async () => {
    await ask('/copied-never/x')
    const denied = await call(`${plane.gateway.api}/copied/x`)
    assert.equal(denied.status, 401)
    assert.deepEqual(await arrived(shadow, 0), [])
    main.take()
  })

  it('do not wait for copies, and fail for none of them', async () => {
    const held: ServerResponse[] = []
    shadow.answer = (_request, response) => {
      held.push(response)
      return true
    }
    const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => ask(`/copied-few/${n}`)))
    assert.ok(answers.every(({ status }) => status === 200))
    for (let tries = 0; held.length < 2 && tries < 1000; tries++) await delay(20)
    assert.equal(held.length, 2, 'as many copies as may be under way, all of them unanswered')
    assert.equal((await ask('/copied-nowhere/x')).status, 200)
    shadow.answer = (_request, response) => {
      response.destroy()
      return true
    }
    for (const response of held) response.destroy()
    await counted('gone', 'failed', 1)
    await counted('shadow', 'failed', 2)
    await counted('gone', 'sent', 1)
    await counted('shadow', 'skipped', 9)
    shadow.answer = () => false
    main.take()
  })

  it('share one bound over the routes that inherit a mirror', async () => {
    const held: ServerResponse[] = []
    shadow.answer = (_request, response) => {
      held.push(response)
      return true
    }
    const api = plane.gateway.api.replace('api.', 'inheriting.')
    for (const path of ['/a', '/b', '/a', '/b'])
      assert.equal((await call(`${api}${path}`)).status, 200)
    for (let tries = 0; held.length < 1 && tries < 1000; tries++) await delay(20)
    await delay(100)
    assert.equal(held.length, 1)
    shadow.answer = () => false
    held[0]?.end('x')
    main.take()
  })

  /** Waits until a counter of copies has the value. */
  async function counted(upstream: string, outcome: string, expected: number): Promise<void> {
    const line = `proofgate_mirrored_requests_total{upstream="${upstream}",outcome="${outcome}"}`
    let text = ''
    for (let tries = 0; tries < 400; tries++) {
      text = (await call(`${plane.gateway.admin}/metrics`)).text
      if (text.includes(`${line} ${expected}\n`)) return
      await delay(50)
    }
    assert.fail(`${line} is not ${expected}:\n${text}`)
  }
})

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { head, raw } from '../kit/raw.ts'
import { headerOf, RecordingUpstream } from '../kit/upstream.ts'
import type { Seen } from '../kit/upstream.ts'

describe('paths and headers on their way to the upstream', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let plane: DataPlane
  let alice: string

  before(async () => {
    plane = await startDataPlane({
      upstream: await upstream.listen(),
      more: 'trustedProxies: [10.0.0.0/8]',
    })
    alice = plane.mint.token(plane.alice)
  })
  after(async () => {
    await plane.finish().finally(() => upstream.close())
  })

  async function status(target: string, ...lines: string[]): Promise<number> {
    const answer = await raw(
      plane.port,
      head(`GET ${target} HTTP/1.1`, `Host: ${plane.host}`, ...lines, 'Connection: close'),
      { quiet: 3000 },
    )
    assert.equal(answer.statuses.length, 1, `${target}: ${answer.text}`)
    return answer.statuses[0] ?? 0
  }

  /** What the upstream saw of one allowed request. */
  async function through(target: string, ...lines: string[]): Promise<Seen> {
    assert.equal(await status(target, ...lines), 200, target)
    const [seen, ...more] = upstream.take()
    assert.deepEqual(more, [])
    assert.ok(seen)
    return seen
  }

  it('refuses every path that two programs could read differently', async () => {
    for (const path of [
      '/public/../admin/x',
      '/public/%2e%2e/admin/x',
      '/public/.%2e/admin/x',
      '/public/%2E%2E%2Fadmin/x',
      '/public/..%2fadmin/x',
      '/public/..%5cadmin',
      '/public/..\\admin',
      '/public/%2e%2e%5c',
      '/public/;/../admin/x',
      '/public/..;/admin/x',
      '/public/%2e%2e;/admin/x',
      '/public/.;/x',
      '/admin/;/x',
      '/public/./x',
      '//admin/x',
      '/app//../admin/x',
      '/public//x',
      '///admin/x',
      '/admin%00/x',
      '/public/%00',
      '/public/%0a',
      '/public/%0d%0aX: y',
      '/public/%7f',
      '/public/%',
      '/public/%2',
      '/public/%zz',
      '/public/%u0041',
      '/public/a%2fb',
      '/public/a%5Cb',
      '/public/<x>',
      '/public/"',
      '/public/{x}',
      '/public/é',
      '/public/\u0001',
      '/public/x?a=\u0001',
      '/public/x?é',
    ]) {
      const got = await status(path)
      assert.equal(got, 400, path)
      assert.deepEqual(upstream.take(), [], path)
    }
  })

  it('decides on the decoded path and forwards exactly that one', async () => {
    assert.equal(await status('/%61dmin/x'), 401)
    assert.equal(await status('/%70ublic%2Fx'), 400)
    assert.deepEqual(upstream.take(), [])
    for (const [sent, forwarded] of [
      ['/%70ublic/x', '/public/x'],
      ['/public/%78', '/public/x'],
      ['/public/a%7eb', '/public/a~b'],
      ['/public/a%20b', '/public/a%20b'],
      ['/public/%e2%82%ac', '/public/%E2%82%AC'],
      ['/public/%25', '/public/%25'],
      ['/public/%252e%252e', '/public/%252e%252e'],
      ['/public/a;v=1', '/public/a;v=1'],
      ['/public/...', '/public/...'],
      ['/public/x/', '/public/x/'],
      ['/public/x?/../admin&a=%2e%2e', '/public/x?/../admin&a=%2e%2e'],
      ['/public/x?', '/public/x'],
      ['/public/*', '/public/*'],
    ] as const) {
      assert.equal((await through(sent)).url, forwarded, sent)
    }
  })

  it('knows no route by another case, suffix, prefix or query', async () => {
    for (const path of [
      '/ADMIN/x',
      '/aDmin/x',
      '/admin%20/x',
      '/admin./x',
      '/public;/admin',
      '/admin;x=1/x',
      '/publicx/admin',
      '/public',
      '/public/',
      '/',
      '/admin%3f/public',
      '/.proofgate/x',
      '/%2eproofgate/session/callback',
    ]) {
      assert.equal(await status(path), 404, path)
      assert.deepEqual(upstream.take(), [], path)
    }
    for (const path of ['/admin/x?/public/', '/admin/x?skip=/public/*']) {
      assert.equal(await status(path), 401, path)
      assert.deepEqual(upstream.take(), [], path)
    }
  })

  it('decides on the target alone, whatever headers say about it', async () => {
    for (const name of [
      'X-Forwarded-Uri',
      'X-Original-URL',
      'X-Rewrite-URL',
      'X-Envoy-Original-Path',
      'X-Forwarded-Prefix',
      'X-Forwarded-Method',
      'X-HTTP-Method-Override',
    ]) {
      assert.equal(await status('/app/x', `${name}: /public`), 401, name)
      assert.deepEqual(upstream.take(), [])
      const seen = await through('/public/x', `${name}: DELETE`)
      assert.deepEqual(headerOf(seen, name.toLowerCase()), [], name)
    }
  })

  it('finds the host in any case, with a trailing dot, and never by its prefix', async () => {
    const [name = '', port = ''] = plane.host.split(':')
    for (const host of [name.toUpperCase(), `${name}.`]) {
      const answer = await raw(
        plane.port,
        head('GET /public/x HTTP/1.1', `Host: ${host}:${port}`, 'Connection: close'),
      )
      assert.deepEqual(answer.statuses, [200], host)
    }
    for (const host of [name, `${name}:1`, `${name}..:${port}`, `xn--${name}:${port}`]) {
      const answer = await raw(
        plane.port,
        head('GET /public/x HTTP/1.1', `Host: ${host}`, 'Connection: close'),
      )
      assert.deepEqual(answer.statuses, [421], host)
    }
    upstream.take()
  })

  it('lets no spelling of an identity header through, with a person or without', async () => {
    const names = [
      'X-Proofgate-User',
      'X-Proofgate-Groups',
      'X-Proofgate-Assertion',
      'X_Proofgate_User',
      'X.Proofgate.User',
      'x-proofgate_user',
      'X-PROOFGATE-USER',
      "X'Proofgate'Assertion",
      'X~Proofgate!Assertion',
      'X-Proofgate',
      'X-Forwarded-User',
      'X_Forwarded_For',
      'X-Auth-Request-Email',
      'Remote-User',
      'remote_user',
      'X-Remote-Group',
      'Impersonate-User',
      'Impersonate_Extra_x',
      'X-Amzn-Oidc-Data',
      'X-Goog-Authenticated-User-Email',
      'X-Goog-IAP-JWT-Assertion',
      'X-MS-Client-Principal',
      'Proxy-Authorization',
    ]
    const lines = names.map((name) => `${name}: forged`)
    for (const [path, ...extra] of [
      ['/public/x'],
      ['/app/x', `Authorization: Bearer ${alice}`],
    ] as const) {
      const seen = await through(path, ...lines, ...extra)
      assert.ok(!seen.headers.includes('forged'), JSON.stringify(seen.headers))
      assert.equal(headerOf(seen, 'x-proofgate-assertion').length, path === '/app/x' ? 1 : 0)
      assert.ok(!seen.headers.join().includes(alice))
    }
  })

  it('keeps its own headers, whatever Connection names', async () => {
    const named = 'X-Proofgate-Assertion, X-Forwarded-For, x-forwarded-host, X-Request-Id, Host'
    for (const lines of [
      [`Connection: ${named}`],
      [`connection: ${named.toLowerCase()}`],
      ['Connection: keep-alive', `Connection: ${named}`],
    ]) {
      const answer = await raw(
        plane.port,
        head(
          'GET /app/x HTTP/1.1',
          `Host: ${plane.host}`,
          `Authorization: Bearer ${alice}`,
          ...lines,
        ),
      )
      assert.deepEqual(answer.statuses, [200])
      const [seen] = upstream.take()
      assert.equal(headerOf(seen, 'x-proofgate-assertion').length, 1)
      assert.deepEqual(headerOf(seen, 'x-forwarded-for'), ['127.0.0.1'])
      assert.deepEqual(headerOf(seen, 'x-forwarded-host'), [plane.host])
      assert.equal(headerOf(seen, 'x-request-id').length, 1)
      assert.equal(headerOf(seen, 'host').length, 1)
    }
  })

  it('takes hop-by-hop lines and those Connection names away', async () => {
    const seen = await through(
      '/public/x',
      'Keep-Alive: timeout=5',
      'TE: trailers',
      'Trailer: x',
      'Proxy-Connection: keep-alive',
    )
    for (const name of ['keep-alive', 'te', 'trailer', 'proxy-connection']) {
      assert.deepEqual(headerOf(seen, name), [], name)
    }
    const answer = await raw(
      plane.port,
      head(
        'GET /public/x HTTP/1.1',
        `Host: ${plane.host}`,
        'Connection: X-Private',
        'X-Private: 1',
      ),
    )
    assert.deepEqual(answer.statuses, [200])
    assert.deepEqual(headerOf(upstream.take()[0], 'x-private'), [])
  })

  it('believes nobody about the caller address but a trusted proxy', async () => {
    const records = await decisionsDuring(plane, async () => {
      const seen = await through(
        '/public/x',
        'X-Forwarded-For: 10.0.0.1',
        'Forwarded: for=10.0.0.1;proto=https',
        'X-Real-IP: 10.0.0.1',
        'CF-Connecting-IP: 10.0.0.1',
        'True-Client-IP: 10.0.0.1',
        'X-Forwarded-Proto: https',
      )
      assert.ok(!seen.headers.join().includes('10.0.0.1'))
      assert.deepEqual(headerOf(seen, 'x-forwarded-for'), ['127.0.0.1'])
      assert.deepEqual(headerOf(seen, 'x-forwarded-proto'), ['http'])
    })
    assert.equal(records[0]?.where?.address, '127.0.0.1')
  })

  it('takes one credential per request', async () => {
    const bob = plane.mint.token(plane.bob)
    const none = async (...lines: string[]): Promise<number> => {
      const got = await status('/app/x', ...lines)
      assert.deepEqual(upstream.take(), [])
      return got
    }
    assert.equal(await none(`Authorization: Bearer ${alice}`, `Authorization: Bearer ${bob}`), 400)
    assert.equal(await none(`Authorization: DPoP ${alice}`, `Authorization: Bearer ${bob}`), 400)
    assert.equal(await none(`Authorization: Bearer ${alice}, Bearer ${bob}`), 401)
    assert.equal(await none(`Authorization: Bearer ${alice} ${bob}`), 401)
    assert.equal(await none(`Authorization: Bearer\u00a0${alice}`), 401)
    assert.equal(await none(`Authorization: Basic ${alice}`), 401)
    assert.equal(await none('Authorization: '), 401)
    assert.equal(await none(`Authorization: Bearer ${alice}`, 'Cookie: pg_api=abc'), 400)
    assert.equal(await none('Cookie: a=1', 'Cookie: pg_api=abc'), 400)
    assert.equal(await none('DPoP: a', 'DPoP: b', `Authorization: DPoP ${alice}`), 400)
  })

  it('keeps the cookies of the caller but not ours, in both directions', async () => {
    upstream.answer = (_request, response) => {
      response.writeHead(200, [
        'Set-Cookie',
        'theirs=1',
        'Set-Cookie',
        'pg_api=evil',
        'Set-Cookie',
        '__Host-pg_api=evil; Secure; Path=/',
        'Set-Cookie',
        ' pg_session=evil',
        'Set-Cookie',
        '=pg_api=evil',
        'Set-Cookie',
        'pg_flow = evil',
        'X-Proofgate-User',
        'evil',
        'X-Proofgate',
        'evil',
        'Connection',
        'X-Secret',
        'X-Secret',
        'evil',
        'X-Request-Id',
        'evil',
      ])
      response.end('x')
      return true
    }
    const answer = await raw(
      plane.port,
      head('GET /public/x HTTP/1.1', `Host: ${plane.host}`, 'Connection: close'),
    )
    upstream.answer = () => false
    assert.match(answer.text, /theirs=1/)
    assert.doesNotMatch(answer.text, /evil/)
    const seen = await through('/public/x', 'Cookie: a=1; pg_api=x; __Host-pg_session=y; b=2')
    assert.deepEqual(headerOf(seen, 'cookie'), ['a=1; b=2'])
  })

  it('records hostile text as data, bounded and escaped', async () => {
    const agent = `\u001b[31m{"event":"fake"}\u0085${'a'.repeat(9000)}`
    const records = await decisionsDuring(plane, async () => {
      await raw(
        plane.port,
        head(
          `GET /public/${'%e2%80%a8'.repeat(300)} HTTP/1.1`,
          `Host: ${plane.host}`,
          `User-Agent: ${agent.replace('\u001b', '\t')}`,
          'Connection: close',
        ),
      )
    })
    assert.equal(records.length, 1)
    const [record] = records
    assert.ok((record?.where?.userAgent?.length ?? 0) <= 256)
    assert.equal(record?.truncated?.['where.userAgent']?.sha256.length, 64)
    assert.ok(record?.truncated?.['what.path'] !== undefined)
    upstream.take()
  })

  it('writes no credential into a record', async () => {
    const secret = 'sekrit-value'
    const records = await decisionsDuring(
      plane,
      async () => {
        for (const lines of [
          [`Authorization: Bearer ${secret}`],
          [`Authorization: DPoP ${secret}`, `DPoP: ${secret}`],
          [`Cookie: pg_api=${secret}`],
          [`Authorization: Bearer ${secret}`, `Authorization: Bearer ${secret}`],
        ]) {
          assert.notEqual(await status(`/app/x?token=${secret}`, ...lines), 200)
        }
        await raw(
          plane.port,
          `GET /app/x HTTP/1.1\r\nAuthorization: Bearer ${secret}\r\nBad Line\r\n\r\n`,
        )
      },
      5,
    )
    assert.equal(records.length, 5)
    assert.ok(!JSON.stringify(records).includes(secret))
    assert.ok(!plane.gateway.errors().includes(secret))
  })
})

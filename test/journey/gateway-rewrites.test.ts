import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { head, problemIn, raw } from '../kit/raw.ts'
import type { RawAnswer } from '../kit/raw.ts'
import { headerOf, RecordingUpstream } from '../kit/upstream.ts'
import type { Seen } from '../kit/upstream.ts'

const routes = `
      - { method: GET, path: '/app/orders/{id}', rewrite: { path: '/internal/{id}/x' } }
      - { method: ANY, path: '/api/{rest+}', authorizer: open, rewrite: { stripPrefix: /api, addPrefix: /v2 } }
      - { method: GET, path: '/strip/{rest+}', authorizer: open, rewrite: { stripPrefix: /strip } }
      - { method: GET, path: /strip, authorizer: open, rewrite: { stripPrefix: /strip } }
      - { method: GET, path: '/inside/{rest+}', authorizer: open, rewrite: { path: '/a/{rest}/b' } }
      - method: GET
        path: '/app/query/{id}'
        query:
          remove: [debug]
          rename: { q: search }
          set: { id: '{id}', user: '{context:principal.username}' }
          add: { via: 'gateway & co' }
      - { method: GET, path: '/kept/{rest+}', authorizer: open, query: { keep: [a], set: { user: '{context:principal.username}' } } }
      - method: ANY
        path: '/app/headers/{id}'
        headers:
          request:
            set: { X-User: '{context:principal.username}', X-Order: 'order {id}', remote-user: '{context:principal.subject}' }
            add: { X-Tag: '{context:api} {context:route}' }
            remove: [x-debug]
          response: { remove: [server], set: { X-Frame-Options: DENY, x-seen: '{context:requestId}' } }
      - { method: GET, path: '/open/headers', authorizer: open, headers: { request: { set: { X-User: '{context:principal.username}' } } } }
      - { method: GET, path: '/ws/moved/{rest+}', websocket: true, rewrite: { path: '/ws/{rest}' } }
    headers: { response: { set: { X-Api: here, x-frame-options: SAMEORIGIN } } }
`

describe('requests that a route changes on their way', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let plane: DataPlane
  let alice: string

  before(async () => {
    plane = await startDataPlane({ upstream: await upstream.listen(), routes })
    alice = `Authorization: Bearer ${plane.mint.token(plane.alice)}`
  })
  after(async () => {
    await plane.finish().finally(() => upstream.close())
  })

  function send(target: string, ...lines: string[]): Promise<RawAnswer> {
    return raw(
      plane.port,
      head(`GET ${target} HTTP/1.1`, `Host: ${plane.host}`, ...lines, 'Connection: close'),
      { quiet: 3000 },
    )
  }

  async function through(target: string, ...lines: string[]): Promise<Seen> {
    const answer = await send(target, ...lines)
    assert.deepEqual(answer.statuses, [200], `${target}: ${answer.text}`)
    const [seen, ...more] = upstream.take()
    assert.deepEqual(more, [])
    assert.ok(seen)
    return seen
  }

  it('decides on the path as it came and records the one that is forwarded', async () => {
    const records = await decisionsDuring(
      plane,
      async () => {
        assert.equal((await through('/app/orders/%37?a=1', alice)).url, '/internal/7/x?a=1')
        assert.equal((await through('/app/other', alice)).url, '/app/other')
      },
      2,
    )
    const [changed, plain] = records
    assert.equal(changed?.what?.['path'], '/app/orders/7')
    assert.equal(changed.what['forwardedPath'], '/internal/7/x')
    assert.match(String(changed.what['resource']), /\/GET\/app\/orders\/7$/)
    assert.equal(plain?.what?.['forwardedPath'], undefined)
  })

  it('asks the policies about the path as it came, not about the one made of it', async () => {
    const bob = `Authorization: Bearer ${plane.mint.token(plane.bob)}`
    assert.equal((await through('/app/orders/1', bob)).url, '/internal/1/x')
    assert.deepEqual((await send('/internal/1/x', bob)).statuses, [404])
    assert.deepEqual(upstream.take(), [])
  })

  it('strips and adds whole segments only', async () => {
    for (const [sent, seen] of [
      ['/api/orders', '/v2/orders'],
      ['/api/api/x', '/v2/api/x'],
      ['/api/x/', '/v2/x/'],
      ['/strip/x?y', '/x?y'],
      ['/strip', '/'],
      ['/strip?x', '/?x'],
    ] as const) {
      assert.equal((await through(sent)).url, seen, sent)
    }
  })

  it('finds no route behind a prefix that only looks like one', async () => {
    for (const [sent, status] of [
      ['/api../admin', 404],
      ['/apix/admin', 404],
      ['/API/x', 404],
      ['/api', 404],
      ['/api/', 404],
      ['/api;/x', 404],
      ['/api/../internal', 400],
      ['/api/..', 400],
      ['/api%2f..%2finternal', 400],
      ['/api/..%2finternal', 400],
      ['/api/%2e%2e/internal', 400],
      ['/api//evil.example/x', 400],
      ['/api/..;/x', 400],
      ['/strip//evil.example', 400],
    ] as const) {
      const answer = await send(sent)
      assert.deepEqual(answer.statuses, [status], sent)
      assert.deepEqual(upstream.take(), [], sent)
    }
  })

  it('refuses and records a request whose new path would have another form', async () => {
    const records = await decisionsDuring(plane, async () => {
      const answer = await send('/inside/x/')
      assert.deepEqual(answer.statuses, [400])
      assert.equal(problemIn(answer).code, 'gateway.ambiguous_path')
    })
    assert.equal(records[0]?.outcome, 'deny')
    assert.equal(records[0].what?.['forwardedPath'], undefined)
    assert.deepEqual(upstream.take(), [])
    assert.equal((await through('/inside/x/y')).url, '/a/x/y/b')
  })

  it('changes queries by name, in every spelling, and leaves the rest as it was', async () => {
    const seen = await through('/app/query/a&b?x=%2f&d%65bug=1&q=1%2b&id=9&%69d=8&user=bob', alice)
    assert.equal(
      seen.url,
      '/app/query/a&b?x=%2f&search=1%2b&id=a%26b&user=alice&via=gateway%20%26%20co',
    )
    assert.equal((await through('/kept/x?b=1&a=%3B&user=bob&%61=2')).url, '/kept/x?a=%3B&%61=2')
    for (const query of ['a=1;b=2', '%zz', '%ff=1']) {
      const answer = await send(`/kept/x?${query}`)
      assert.equal(problemIn(answer).code, 'gateway.ambiguous_query', query)
    }
    assert.deepEqual(upstream.take(), [])
    assert.equal((await through('/public/x?a=1;b=2&%zz')).url, '/public/x?a=1;b=2&%zz')
  })

  it('sets headers of its own and lets no spelling of the caller stand beside them', async () => {
    const seen = await through(
      '/app/headers/a%20b,c',
      alice,
      'X-User: root',
      'x_user: root',
      'X.User: root',
      'Remote-User: root',
      'X-Debug: 1',
      'X-Tag: theirs',
    )
    assert.deepEqual(headerOf(seen, 'x-user'), ['alice'])
    assert.deepEqual(headerOf(seen, 'x_user'), [])
    assert.deepEqual(headerOf(seen, 'remote-user'), [plane.alice])
    assert.deepEqual(headerOf(seen, 'x-order'), ['order a%20b%2Cc'])
    assert.deepEqual(headerOf(seen, 'x-tag'), ['theirs', 'app ANY%20/app/headers/%7Bid%7D'])
    assert.deepEqual(headerOf(seen, 'x-debug'), [])
    assert.ok(!seen.headers.includes('root'))
    assert.equal(headerOf(seen, 'x-proofgate-assertion').length, 1)
  })

  it('takes no name from the trailers that it sets or removes in the header', async () => {
    const received: string[][] = []
    upstream.answer = (request, response) => {
      request.resume()
      request.on('end', () => {
        received.push(request.rawTrailers)
        response.writeHead(200, { 'transfer-encoding': 'chunked', trailer: 'server, x-b' })
        response.addTrailers({ Server: 'secret/1.0', 'X-B': 'theirs' })
        response.end('x')
      })
      return true
    }
    const answer = await raw(
      plane.port,
      head(
        'POST /app/headers/1 HTTP/1.1',
        `Host: ${plane.host}`,
        alice,
        'Transfer-Encoding: chunked',
        'Connection: close',
      ) + '1\r\na\r\n0\r\nX-User: root\r\nx_user: root\r\nX-Debug: 1\r\nX-A: 1\r\n\r\n',
      { quiet: 3000 },
    )
    upstream.answer = () => false
    assert.deepEqual(answer.statuses, [200])
    assert.deepEqual(received, [['X-A', '1']])
    assert.match(answer.text, /^x-b: theirs\r$/im)
    assert.doesNotMatch(answer.text, /secret/)
  })

  it('takes them out of early hints as well', async () => {
    upstream.answer = (_request, response) => {
      response.writeEarlyHints({ link: '</a>; rel=preload', server: 'secret/1.0' })
      response.end('x')
      return true
    }
    const answer = await send('/app/headers/1', alice)
    upstream.answer = () => false
    assert.match(answer.text, /^HTTP\/1\.1 103 .*\r\nlink: <\/a>/i)
    assert.doesNotMatch(answer.text, /secret/)
  })

  it('names nobody where nobody is known, and still removes what a caller claims', async () => {
    const seen = await through('/open/headers', 'X-User: root')
    assert.deepEqual(headerOf(seen, 'x-user'), [])
  })

  it('lets no parameter start a header of its own', async () => {
    for (const path of [
      '/app/headers/a%0d%0aX-Admin:1',
      '/app/headers/a%00',
      '/app/headers/a\r\nb',
    ]) {
      const { statuses } = await send(path, alice)
      assert.deepEqual(statuses, [400], path)
    }
    assert.deepEqual(upstream.take(), [])
    const seen = await through('/app/headers/%C2%85%E2%80%A8', alice)
    assert.deepEqual(headerOf(seen, 'x-order'), ['order %C2%85%E2%80%A8'])
  })

  it('changes the headers of answers, the API first and then the route', async () => {
    upstream.answer = (_request, response) => {
      response.writeHead(200, {
        server: 'secret/1.0',
        'x-frame-options': 'ALLOW',
        'x-api': 'theirs',
      })
      response.end('x')
      return true
    }
    const answer = await send('/app/headers/1', alice)
    const plain = await send('/public/x')
    upstream.answer = () => false
    assert.doesNotMatch(answer.text, /secret|ALLOW|SAMEORIGIN|theirs/)
    assert.match(answer.text, /^x-api: here\r$/im)
    assert.match(answer.text, /^x-frame-options: DENY\r$/im)
    const [, requestId] = /^x-request-id: (.+)\r$/im.exec(answer.text) ?? []
    assert.match(answer.text, new RegExp(`^x-seen: ${requestId}\r$`, 'im'))
    assert.match(plain.text, /^x-frame-options: SAMEORIGIN\r$/im)
    assert.match(plain.text, /^server: secret/im)
    upstream.take()
  })

  it('rewrites the way of a WebSocket as well', async () => {
    const answer = await raw(
      plane.port,
      head(
        'GET /ws/moved/room HTTP/1.1',
        `Host: ${plane.host}`,
        alice,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ),
    )
    assert.deepEqual(answer.statuses, [101])
    assert.equal(upstream.take()[0]?.url, '/ws/room')
  })
})

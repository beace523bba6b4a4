import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { proofgate } from '../kit/gateway.ts'
import { head, raw } from '../kit/raw.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

describe('explanations and decisions', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let plane: DataPlane

  before(async () => {
    plane = await startDataPlane({
      upstream: await upstream.listen(),
      routes: `  wide:
    host: wide.proofgate.localhost
    upstream: main
    routes:
      - { method: ANY, path: '/{rest+}', authorizer: open }
      - { method: GET, path: '/app/orders/{id}', rewrite: { path: '/internal/{id}' }, query: { set: { by: '{context:principal.username}' } }, mirror: { upstream: main, percent: 0.5 } }
      - { method: GET, path: '/inside/{rest+}', authorizer: open, rewrite: { path: '/a/{rest}/b' } }
      - { method: GET, path: /app/fixed, respond: { status: 218, body: a } }
      - { method: GET, path: '/moved/{id}', authorizer: open, redirect: { to: '/new/{id}', status: 308 } }
      - { method: GET, path: /app/closed, maintenance: { allowGroups: [admins] } }`,
    })
  })
  after(async () => {
    await plane.finish().finally(() => upstream.close())
  })

  it('agree on every request', async () => {
    const wide = plane.host.replace('api.', 'wide.')
    for (const [method, host, path, username] of [
      ['GET', plane.host, '/public/x', undefined],
      ['GET', plane.host, '/app/x', 'alice'],
      ['GET', plane.host, '/app/x', 'bob'],
      ['DELETE', plane.host, '/app/x', 'bob'],
      ['GET', plane.host, '/admin/x', 'bob'],
      ['GET', plane.host, '/nowhere', 'alice'],
      ['GET', plane.host, '/%61dmin/x', 'alice'],
      ['GET', plane.host, '/public/%2f', 'alice'],
      ['GET', plane.host, '/public/../admin/x', 'alice'],
      ['GET', wide, '/.proofgate/x', undefined],
      ['GET', wide, '/x', undefined],
      ['TRACE', wide, '/x', undefined],
    ] as const) {
      const token =
        username === undefined
          ? []
          : [plane.mint.token(username === 'alice' ? plane.alice : plane.bob)]
      const answer = await raw(
        plane.port,
        head(
          `${method} ${path} HTTP/1.1`,
          `Host: ${host}`,
          ...token.map((text) => `Authorization: Bearer ${text}`),
          'Connection: close',
        ),
        { quiet: 3000 },
      )
      const explained = await proofgate([
        'explain',
        method,
        `http://${host}${path}`,
        ...(username === undefined ? [] : ['--as', username]),
        '--json',
        '--data-dir',
        plane.gateway.dataDirectory,
      ])
      const label = `${method} ${host}${path} ${username}: ${explained.stdout}${explained.stderr}`
      assert.notEqual(explained.stdout, '', label)
      const explanation = JSON.parse(explained.stdout)
      assert.equal(explanation.answer === 'allow', answer.statuses[0] === 200, label)
      if (answer.statuses[0] !== 200) {
        assert.ok(answer.text.includes(`"code":"${explanation.reason}"`), `${label} ${answer.text}`)
      }
    }
  })

  async function explain(path: string, username: string): Promise<{ json: any; text: string }> {
    const url = `http://${plane.host.replace('api.', 'wide.')}${path}`
    const asked = ['explain', 'GET', url, '--as', username]
    const where = ['--data-dir', plane.gateway.dataDirectory]
    const [json, text] = await Promise.all([
      proofgate([...asked, ...where, '--json']),
      proofgate([...asked, ...where]),
    ])
    return { json: JSON.parse(json.stdout), text: text.stdout }
  }

  it('say what would be done with a request that is let through', async () => {
    const changed = await explain('/app/orders/7?by=bob&x=1', 'alice')
    assert.equal(changed.json.answer, 'allow')
    assert.equal(changed.json.prospect.target, '/internal/7?x=1&by=alice')
    assert.equal(changed.json.prospect.upstream, 'main')
    assert.match(changed.text, /then +forward \/internal\/7\?x=1&by=alice to main/)
    assert.match(changed.text, /copies +0\.5 % to main/)
    const fixed = await explain('/app/fixed', 'alice')
    assert.match(fixed.text, /then +respond 218/)
    const moved = await explain('/moved/1', 'bob')
    assert.match(moved.text, /then +redirect 308 to \/new\/1/)
  })

  async function run(...args: readonly string[]): ReturnType<typeof proofgate> {
    return proofgate(['explain', ...args, '--data-dir', plane.gateway.dataDirectory])
  }

  it('say which statement decided, and what would have to be different', async () => {
    const allowed = await explain('/app/orders/7', 'alice')
    assert.equal(allowed.json.decidedBy.policy, 'everything')
    assert.match(allowed.text, /answer: allow \(policy\.allowed\), by everything\/#0 \(.*:\d+\)/)
    assert.deepEqual(allowed.json.remedies, [])
    const denied = await explain('/app/orders/7', 'bob')
    assert.equal(denied.json.decidedBy, undefined)
    assert.match(denied.text, /to let it through:\n {2}- no Allow names this action and resource/)
  })

  it('take facts that are given, and refuse what is none', async () => {
    const url = `http://${plane.host}/app/x`
    const given = await run('GET', url, '--as', 'bob', '--fact', 'aws:UserAgent=curl', '--json')
    assert.equal(JSON.parse(given.stdout).method, 'GET', given.stderr)
    const malformed = await run('GET', url, '--fact', 'aws:UserAgent')
    assert.equal(malformed.code, 1)
    assert.match(malformed.stderr, /a fact is a condition key/)
    const late = await run('GET', url, '--at', 'yesterday')
    assert.equal(late.code, 1)
    assert.match(late.stderr, /ISO 8601/)
  })

  it('are made of recorded requests too', async () => {
    const answer = await raw(
      plane.port,
      head(
        'DELETE /app/x HTTP/1.1',
        `Host: ${plane.host}`,
        `Authorization: Bearer ${plane.mint.token(plane.bob)}`,
        'Connection: close',
      ),
      { quiet: 3000 },
    )
    assert.deepEqual(answer.statuses, [403])
    const id = /x-request-id: (?<id>[^\r\n]+)/i.exec(answer.text)?.groups?.['id'] ?? ''
    const [json, text] = await Promise.all([run(id, '--json'), run(id)])
    const explained = JSON.parse(json.stdout)
    assert.equal(explained.method, 'DELETE')
    assert.equal(explained.principal, 'bob')
    assert.equal(explained.recorded.outcome, 'deny')
    assert.equal(explained.answer, 'deny')
    assert.match(text.stdout, /recorded +deny \(policy\./)
    const unknown = await run('no-such-request')
    assert.equal(unknown.code, 1)
    assert.match(unknown.stderr, /there is no recorded request no-such-request/)
  })

  it('say why a request is not let through by what the route would do', async () => {
    const denied = await explain('/app/orders/7', 'bob')
    assert.equal(denied.json.answer, 'deny')
    assert.equal(denied.json.prospect, undefined)
    const inside = await explain('/inside/x/', 'alice')
    assert.equal(inside.json.answer, 'deny')
    assert.equal(inside.json.reason, 'gateway.ambiguous_path')
    assert.equal((await explain('/app/closed', 'alice')).json.answer, 'allow')
    assert.equal((await explain('/moved/', 'alice')).json.prospect.action, 'forward')
  })
})

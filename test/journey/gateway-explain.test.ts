import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { proofgate } from '../kit/gateway.ts'
import { head, raw } from '../kit/raw.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

describe('explanations and decisions', { timeout: 120_000 }, () => {
  const upstream = new RecordingUpstream()
  let plane: DataPlane

  before(async () => {
    plane = await startDataPlane({
      upstream: await upstream.listen(),
      routes: `  wide:
    host: wide.proofgate.localhost
    upstream: main
    routes: [{ method: ANY, path: '/{rest+}', authorizer: open }]`,
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
})

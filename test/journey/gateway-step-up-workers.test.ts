import assert from 'node:assert/strict'
import { it } from 'node:test'
import { hashSecret } from '../../src/core/index.ts'
import { atOnce, databaseOf, inDatabase } from '../kit/flows.ts'
import { configurationFile, startGateway } from '../kit/gateway.ts'
import { SoftPerson } from '../kit/person.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

const navigation = { accept: 'text/html,*/*', 'sec-fetch-mode': 'navigate' }
it('steps up at two threads, which send what was kept once', { timeout: 300_000 }, async () => {
  const upstream = new RecordingUpstream()
  const port = await upstream.listen()
  const text = `version: 1
workers: 2
upstreams: { main: { url: 'http://127.0.0.1:${port}' } }
apis:
  app:
    upstream: main
    routes:
      - { method: ANY, path: /app }
      - { method: ANY, path: '/fresh/{rest+}', proof: { maxAge: 5m } }
people: [{ username: alice, groups: [all] }]
groups: { all: { policies: [everything] } }
policies:
  everything:
    Version: '2012-10-17'
    Statement: [{ Effect: Allow, Action: 'execute-api:Invoke', Resource: '*' }]
`
  const gateway = await startGateway({ command: ['serve', '--config', configurationFile(text)] })
  try {
    const one = new SoftPerson(gateway)
    await one.enrolByLink(gateway.enrolment?.link ?? '')
    const handle = one.client.cookie(gateway.identity, 'pg_session') ?? ''
    inDatabase(databaseOf(gateway), (db) => {
      db.prepare('UPDATE session SET proved_at = proved_at - 600000 WHERE handle_hash = ?').run(
        hashSecret('session', handle),
      )
    })
    const { url } = await one.client.follow(`${gateway.api}/app`, () => false, navigation)
    assert.equal(url, `${gateway.api}/app`)
    const begun = await one.client.call(`${gateway.api}/fresh/x?q=1`, {
      method: 'POST',
      headers: { ...navigation, origin: gateway.api, 'content-type': 'text/plain' },
      body: 'hello',
    })
    assert.equal(begun.status, 303, begun.text)
    const location = String(begun.headers.location)
    const request = location.split('=')[1] ?? ''
    const at = `${gateway.identity}/webauthn/authentication`
    const options = await one.client.post(`${at}/options`, { purpose: 'confirm', stepUp: request })
    assert.equal(options.status, 200, options.text)
    const verified = await one.client.post(
      `${at}/verify`,
      one.authenticator.get(options.json(), { origin: one.origin }),
    )
    assert.equal(verified.status, 200, verified.text)
    const reached = await one.client.follow(location, () => false, navigation)
    assert.equal(reached.url, `${gateway.api}/.proofgate/session/continue?request=${request}`)
    assert.equal(reached.answer.status, 200, reached.answer.text)
    upstream.take()
    const counts = await atOnce(20, () =>
      one.client.call(`${gateway.api}/fresh/x?.proofgate-replay=${request}`, {
        method: 'POST',
        headers: { ...navigation, origin: gateway.api },
      }),
    )
    assert.deepEqual(counts, { 200: 1, 400: 19 })
    assert.deepEqual(
      upstream.take().map((seen) => [seen.url, seen.body]),
      [['/fresh/x?q=1', 'hello']],
    )
    // Every request comes by a connection of its own, and so to either thread.
    for (let times = 0; times < 20; times++) {
      const answer = await one.client.call(`${gateway.api}/fresh/y`, { headers: navigation })
      assert.equal(answer.status, 200)
    }
  } finally {
    await gateway.stop()
    upstream.close()
  }
})

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { hashSecret } from '../../src/core/index.ts'
import { dataPlaneText } from '../kit/data-plane.ts'
import { administer, databaseOf, inDatabase } from '../kit/flows.ts'
import { configurationFile, startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import type { Answer } from '../kit/http.ts'
import { SoftPerson } from '../kit/person.ts'
import { SoftAuthenticator } from '../kit/soft-authenticator.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

const navigation = { accept: 'text/html,*/*', 'sec-fetch-mode': 'navigate' }

describe('keys in a step-up', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let gateway: GatewayProcess
  let alice: SoftPerson
  /** A second key, and one that is for a role only. */
  let spare: SoftAuthenticator
  let sealed: SoftAuthenticator

  before(async () => {
    const options = {
      upstream: await upstream.listen(),
      routes: `      - { method: ANY, path: '/fresh/{rest+}', proof: { maxAge: 5m } }\n`,
    }
    const file = configurationFile(dataPlaneText(options))
    gateway = await startGateway({ command: ['serve', '--config', file] })
    alice = new SoftPerson(gateway)
    await alice.enrolByLink(gateway.enrolment?.link ?? '')
    spare = await addKey()
    sealed = await addKey()
    const more = `roles:
  caller:
    policies: [everything]
    automatic: true
    trust: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: '*', Action: 'sts:AssumeRole' }] }
credentialRoles: [{ credential: ${sealed.credentials[0]?.id ?? ''}, roles: [caller] }]
`
    writeFileSync(file, dataPlaneText({ ...options, more }))
    assert.equal((await administer(gateway, 'POST', '/v1/reload')).status, 200)
  })
  after(async () => {
    await gateway.stop()
    upstream.close()
  })

  async function addKey(): Promise<SoftAuthenticator> {
    const device = new SoftAuthenticator()
    const at = `${gateway.identity}/webauthn/registration`
    const asked = await alice.client.post(`${at}/options`, {})
    const response = device.create(asked.json(), { origin: alice.origin })
    assert.equal((await alice.client.post(`${at}/verify`, response)).status, 200)
    return device
  }

  /** A browser of its own, signed in at the API by this key ten minutes ago. */
  async function browser(key: SoftAuthenticator): Promise<SoftPerson> {
    const one = new SoftPerson(gateway, key)
    assert.equal((await one.signIn()).status, 200)
    const handle = one.client.cookie(gateway.identity, 'pg_session') ?? ''
    inDatabase(databaseOf(gateway), (database) => {
      database
        .prepare(
          `UPDATE session SET proved_at = proved_at - 600000,
             authenticated_at = authenticated_at - 600000 WHERE handle_hash = ?`,
        )
        .run(hashSecret('session', handle))
    })
    const { url } = await one.client.follow(`${gateway.api}/app/x`, () => false, navigation)
    assert.equal(url, `${gateway.api}/app/x`)
    return one
  }

  function open(one: SoftPerson): Promise<Answer> {
    return one.client.call(`${gateway.api}/fresh/x`, { headers: navigation })
  }

  /** Touches `key` for what `one` is asked. */
  async function touch(one: SoftPerson, key: SoftAuthenticator): Promise<Answer> {
    const begun = await open(one)
    assert.equal(begun.status, 303, begun.text)
    const stepUp = String(begun.headers.location).split('=')[1]
    const at = `${gateway.identity}/webauthn/authentication`
    const options = await one.client.post(`${at}/options`, { purpose: 'confirm', stepUp })
    assert.equal(options.status, 200, options.text)
    const response = key.get(options.json(), { origin: one.origin })
    const answer = await one.client.post(`${at}/verify`, response)
    if (answer.status === 200) {
      await one.client.follow(String(begun.headers.location), () => false, navigation)
    }
    return answer
  }

  it('takes any key of the person, and forgets the touch of one that is removed', async () => {
    const one = await browser(alice.authenticator)
    assert.equal((await touch(one, spare)).status, 200)
    assert.equal((await open(one)).status, 200)
    const id = spare.credentials[0]?.id ?? ''
    const removed = await administer(gateway, 'POST', `/v1/credentials/${id}/remove`)
    assert.equal(removed.status, 200, removed.text)
    const again = await open(one)
    assert.equal(again.status, 303, 'what it made fresh is fresh no more')
    assert.match(String(again.headers.location), /\/step-up\?request=/)
  })

  it('takes one that is for some roles only for what it opened itself, and for nothing else', async () => {
    const one = await browser(alice.authenticator)
    const refused = await touch(one, sealed)
    assert.equal(refused.status, 403, refused.text)
    assert.equal(refused.json().code, 'login.credential_restricted')
    assert.equal((await open(one)).status, 303)
    const own = await browser(sealed)
    assert.equal((await touch(own, sealed)).status, 200)
    assert.equal((await open(own)).status, 200)
    const register = `${gateway.identity}/webauthn/registration/options`
    assert.equal(
      (await own.client.post(register, {})).status,
      403,
      'the account stays closed to it',
    )
  })

  it('forgets nothing of a session when another one of the person is touched', async () => {
    const [one, other] = [await browser(alice.authenticator), await browser(alice.authenticator)]
    assert.equal((await touch(one, alice.authenticator)).status, 200)
    assert.equal((await open(one)).status, 200)
    assert.equal((await open(other)).status, 303)
    assert.equal((await other.client.call(`${gateway.api}/app/x`)).status, 200)
  })
})

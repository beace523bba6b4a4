import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { administer, enrolled, houseText, startRecorder } from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import { configurationFile, startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import type { Answer } from '../kit/http.ts'
import { SoftPerson } from '../kit/person.ts'
import { SoftAuthenticator } from '../kit/soft-authenticator.ts'

const trust = `{ Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: '*', Action: 'sts:AssumeRole' }] }`

let recorder: Recorder
let gateway: GatewayProcess
/** With a passkey for everything. */
let owner: SoftPerson
/** The same person with the one that is for a role. */
let glass: SoftPerson
let sealed: SoftAuthenticator

before(async () => {
  recorder = await startRecorder()
  const file = configurationFile(houseText(recorder.url))
  gateway = await startGateway({ command: ['serve', '--config', file] })
  owner = await enrolled(gateway, 'alice')
  sealed = await addKey(owner)
  const id = sealed.credentials[0]?.id ?? ''
  const restricted = `
roles: { reader: { policies: [everything], trust: ${trust} } }
credentialRoles: [{ credential: ${id}, roles: [reader] }]
`
  writeFileSync(file, houseText(recorder.url, restricted))
  assert.equal((await administer(gateway, 'POST', '/v1/reload')).status, 200)
  glass = new SoftPerson(gateway, sealed)
  assert.equal((await glass.signIn()).status, 200)
  await glass.readCsrf()
  await owner.readCsrf()
})
after(async () => {
  await gateway.stop()
  recorder.close()
})

const at = (path: string): string => `${gateway.identity}${path}`

async function addKey(person: SoftPerson): Promise<SoftAuthenticator> {
  const device = new SoftAuthenticator()
  const asked = await person.client.post(at('/webauthn/registration/options'), {})
  assert.equal(asked.status, 200, asked.text)
  const response = device.create(asked.json(), { origin: person.origin })
  const done = await person.client.post(at('/webauthn/registration/verify'), response)
  assert.equal(done.status, 200, done.text)
  return device
}

function refused(answer: Answer): void {
  assert.equal(answer.status, 403, answer.text)
  assert.equal(answer.json().code, 'login.credential_restricted')
}

describe('a passkey that is for some roles only', { timeout: 120_000 }, () => {
  test('adds no passkey to the account', async () => {
    refused(await glass.client.post(at('/webauthn/registration/options'), {}))
    assert.equal((await glass.client.call(at('/enrol'))).status, 403)
  })

  test('reads nothing of what others ask its owner to approve', async () => {
    refused(await glass.client.call(at('/approvals')))
    assert.equal((await owner.client.call(at('/approvals'))).status, 200)
  })

  test('changes nothing about the account, but ends its own sign-in', async () => {
    const { csrf } = glass
    const credentials = await administer(gateway, 'GET', '/v1/people/alice/credentials')
    for (const { id } of credentials.json().credentials as readonly { id: string }[]) {
      refused(await glass.client.form(at(`/account/credentials/${id}/remove`), { csrf }))
      refused(
        await glass.client.form(at(`/account/credentials/${id}/rename`), { csrf, name: 'Mine' }),
      )
    }
    refused(await glass.client.form(at('/account/sessions/end-all'), { csrf }))
    const again = new SoftPerson(gateway, sealed)
    await again.signIn()
    await again.readCsrf()
    const out = await again.client.form(at('/sign-out'), { csrf: again.csrf })
    assert.equal(out.status, 200, out.text)
  })

  test('confirms nothing in a session of another passkey', async () => {
    const asked = await owner.client.post(at('/webauthn/authentication/options'), {
      purpose: 'confirm',
    })
    assert.equal(asked.status, 200, asked.text)
    const response = sealed.get(asked.json(), { origin: owner.origin })
    refused(await owner.client.post(at('/webauthn/authentication/verify'), response))
  })

  test('does not keep the others from managing the account', async () => {
    await addKey(owner)
  })
})

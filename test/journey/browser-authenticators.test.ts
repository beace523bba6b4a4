import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { english } from '../../src/pages/index.ts'
import { withBrowser } from '../kit/browser.ts'
import { administer } from '../kit/flows.ts'
import { startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { newRoot } from '../kit/attestation/authority.ts'
import { assertQuiet, enrolHere, inspect, invite, press, says, statusLogged } from '../kit/live.ts'

const { enrol } = english
const { see } = english.wantedKey
const refusals = english.wantedKey.refused

/** The model Chromium's virtual authenticators say they are, and the key each of their leaves has. */
const model = '01020304-0506-0708-0102-030405060708'
const leafKey = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEjWF+ZclQjmS8xWc6yCpnmdo8FEZo
LCWMRj//31jf0vo+bDeLU9eVxKTf+0GZ7deGLyOrrwIDtLiRG6BWmZThAQ==
-----END PUBLIC KEY-----
`

const directory = temporaryDirectory()
const file = join(directory, 'proofgate.yaml')
const anchors = join(directory, 'anchors.pem')
const somebody = newRoot('Somebody Else').certificate.toString('base64')
const elsewhere = `-----BEGIN CERTIFICATE-----\n${somebody}\n-----END CERTIFICATE-----\n`

let gateway: GatewayProcess

before(async () => {
  writeFileSync(anchors, elsewhere)
  writeFileSync(
    file,
    `version: 1
upstreams: { nobody: { url: 'http://127.0.0.1:9' } }
apis:
  things:
    upstream: nobody
    routes: [{ method: GET, path: /things }]
authenticators:
  attestation: direct
  trustAnchors: [{ file: anchors.pem }]
groups:
  hardware: { authenticators: { allow: hardware-only } }
  bound: { authenticators: { allow: device-bound } }
  model: { authenticators: { aaguids: { allow: [${model}] } } }
  others: { authenticators: { aaguids: { allow: [2fc0579f-8113-47ea-b116-bb5a8db9202a] } } }
`,
  )
  gateway = await startGateway({ command: ['serve', '--config', file] })
})

after(async () => {
  await gateway.kill()
})

async function believe(pem: string): Promise<void> {
  writeFileSync(anchors, pem)
  const answer = await administer(gateway, 'POST', '/v1/reload')
  assert.equal(answer.status, 200, answer.text)
}

async function credentialsOf(username: string): Promise<any[]> {
  const answer = await administer(gateway, 'GET', `/v1/people/${username}/credentials`)
  return answer.json().credentials
}

test('which passkeys may be registered, in a real browser', async (t) => {
  await withBrowser(async ({ newPersona }) => {
    /** Somebody new tries with the virtual authenticator, and reads why not. */
    const refused = async (group: string, text: string, synced = false): Promise<void> => {
      const persona = await newPersona({
        authenticator: { transport: synced ? 'internal' : 'usb', defaultBackupEligibility: synced },
      })
      const username = `${group}-${synced ? 'synced' : 'bound'}-refused`
      await persona.page.goto(await invite(gateway, username, [group]))
      await press(persona.page, enrol.create)
      await says(persona.page, `${text} ${see}`)
      await inspect(persona.page)
      assert.deepEqual(await credentialsOf(username), [])
      assertQuiet(persona, [statusLogged(403)])
      await persona.close()
    }

    const accepted = async (group: string): Promise<any> => {
      const persona = await newPersona({ authenticator: { transport: 'usb' } })
      const username = `${group}-accepted`
      await enrolHere(persona.page, await invite(gateway, username, [group]))
      assertQuiet(persona)
      await persona.close()
      const [credential] = await credentialsOf(username)
      return credential
    }

    await t.test(
      'hardware that nobody vouches for is refused, and the page says what would do',
      () => refused('hardware', refusals.hardware),
    )
    await t.test('a model that is only claimed is refused', () => refused('model', refusals.model))
    await t.test('a key that syncs is refused where keys have to stay', () =>
      refused('bound', refusals.deviceBound, true),
    )

    await believe(`${elsewhere}${leafKey}`)
    await t.test('the same hardware is taken once its key is an anchor', async () => {
      const credential = await accepted('hardware')
      assert.equal(credential.attestation, 'packed')
      assert.equal(credential.attestationTrusted, true)
      assert.equal((await accepted('model')).aaguid, model)
    })
    await t.test('a proved model that is another is refused', () =>
      refused('others', refusals.model),
    )
    await t.test('hardware that syncs its keys is refused', () =>
      refused('hardware', refusals.hardware, true),
    )
  })
})

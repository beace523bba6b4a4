import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { english } from '../../src/pages/index.ts'
import {
  aaguidExtension,
  der,
  goodSubject,
  notAnAuthority,
} from '../kit/attestation-certificate.ts'
import { newRoot, usage } from '../kit/attestation/authority.ts'
import { attesting, serialExtension } from '../kit/attestation/statements.ts'
import { administer, houseText, invite, startRecorder } from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import { startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { SoftPerson } from '../kit/person.ts'
import { SoftAuthenticator } from '../kit/soft-authenticator.ts'

const root = newRoot('Soft Root')
const stranger = newRoot('Soft Root')
const model = Buffer.alloc(16, 0x11)
const yubikey = '2fc0579f-8113-47ea-b116-bb5a8db9202a'

let recorder: Recorder
let gateway: GatewayProcess

before(async () => {
  recorder = await startRecorder()
  const directory = temporaryDirectory()
  const base64 = root.certificate.toString('base64')
  const pem = `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`
  writeFileSync(join(directory, 'root.pem'), pem)
  const house = houseText(
    recorder.url,
    `authenticators:
  attestation: enterprise
  makers: { deny: [Bad Keys] }
  trustAnchors: [{ file: root.pem }]
`,
  ).replace(
    'groups:\n',
    `groups:
  acme: { authenticators: { makers: { allow: [Acme] }, aaguids: { allow: [${yubikey}] } } }
  own: { authenticators: { allow: hardware-only, serials: ['12345678', '0xC0FFEE'] } }
`,
  )
  const file = join(directory, 'proofgate.yaml')
  writeFileSync(file, house)
  gateway = await startGateway({ command: ['serve', '--config', file] })
})
after(async () => {
  await gateway.stop()
  recorder.close()
})

interface Choices {
  readonly maker?: string
  readonly serial?: string
  readonly issuer?: typeof root
}

/** A key of this maker with this serial number (hex). */
function key({ maker = 'Acme Inc.', serial, issuer = root }: Choices = {}): SoftAuthenticator {
  const told = serial === undefined ? [] : [serialExtension(der(0x04, Buffer.from(serial, 'hex')))]
  const attest = attesting('packed', issuer, {
    leaf: {
      subject: goodSubject.map(([type, value]) => [type, type === '2.5.4.10' ? maker : value]),
      extensions: [notAnAuthority, usage('sign'), aaguidExtension(model), ...told],
    },
  })
  return new SoftAuthenticator({ aaguid: model, algorithms: [-7], attest })
}

let people = 0

async function invited(...groups: string[]): Promise<{ username: string; link: string }> {
  const username = `person-${++people}`
  const body = { username, groups: [...groups, 'members'] }
  const made = await administer(gateway, 'POST', '/v1/people', body)
  assert.equal(made.status, 200, made.text)
  return { username, link: await invite(gateway, username) }
}

/** The code of the refusal, or the credential as administrators see it. */
async function enrol(groups: readonly string[], device: SoftAuthenticator): Promise<any> {
  const { username, link } = await invited(...groups)
  const answer = await new SoftPerson(gateway, device).enrol(link.slice(link.lastIndexOf('/') + 1))
  const path = `/v1/people/${username}/credentials`
  const { credentials } = (await administer(gateway, 'GET', path)).json()
  if (answer.status === 200) return credentials[0]
  assert.equal(answer.status, 403, answer.text)
  assert.deepEqual(credentials, [])
  return answer.json().code
}

test('a listed serial number registers however it is written, and stays on record', async () => {
  const printed = await enrol(['own'], key({ serial: '00bc614e' }))
  assert.equal(printed.serial, '0x00bc614e')
  assert.equal((await enrol(['own'], key({ serial: 'c0ffee' }))).serial, '0xc0ffee')
  assert.equal((await enrol([], key())).serial, null)
})

test('other devices of the same make are refused, and so is a serial number nobody vouches for', async () => {
  const code = 'login.own_key_required'
  assert.equal(await enrol(['own'], key()), code)
  assert.equal(await enrol(['own'], key({ serial: '00bc614f' })), code)
  assert.equal(await enrol(['own'], key({ serial: '12345678' })), code)
  const forged = key({ serial: '00bc614e', issuer: stranger })
  assert.equal(await enrol(['own'], forged), 'login.hardware_key_required')
  assert.equal((await enrol([], key({ serial: '00bc614e', issuer: stranger }))).serial, null)
})

test('an allowed maker is proved by a trusted certificate, and a denied one needs no proof', async () => {
  const code = 'login.authenticator_not_allowed'
  assert.equal((await enrol(['acme'], key())).attestationTrusted, true)
  assert.equal(await enrol(['acme'], key({ maker: 'Acmes' })), code)
  assert.equal(await enrol(['acme'], key({ issuer: stranger })), code)
  assert.equal(await enrol(['acme'], new SoftAuthenticator()), code)
  const claimed = Buffer.from(yubikey.replaceAll('-', ''), 'hex')
  assert.equal(await enrol(['acme'], new SoftAuthenticator({ aaguid: claimed })), code)
  assert.equal(await enrol([], key({ maker: 'Bad Keys Ltd' })), code)
  assert.equal(await enrol([], key({ maker: 'Bad Keys Ltd', issuer: stranger })), code)
})

test('the page says before the touch which keys would do, to whom they are asked of', async () => {
  const shown = async (...groups: string[]): Promise<string> => {
    const { link } = await invited(...groups)
    const answer = await new SoftPerson(gateway).client.call(link, {
      headers: { accept: 'text/html' },
    })
    assert.equal(answer.status, 200)
    return answer.text
  }
  const text = english.wantedKey
  const plain = await shown()
  assert.ok(!plain.includes(text.heading))
  const acme = await shown('acme')
  assert.match(acme, /Accepted: any key of Acme or YubiKey 5 NFC\./)
  assert.ok(!acme.includes(text.own))
  const own = await shown('own')
  for (const sentence of [text.hardware, text.own, text.allow]) assert.ok(own.includes(sentence))
  assert.doesNotMatch(own, /12345678|c0ffee/i)
})

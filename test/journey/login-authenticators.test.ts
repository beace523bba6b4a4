import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { newRoot } from '../kit/attestation/authority.ts'
import { attesting } from '../kit/attestation/statements.ts'
import type { AttestedFormat, StatementChoices } from '../kit/attestation/statements.ts'
import { administer, houseText, invite, startRecorder } from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import { proofgate, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { Client } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { obtainTokens, SoftPerson } from '../kit/person.ts'
import { SoftAuthenticator } from '../kit/soft-authenticator.ts'
import type { Device } from '../kit/soft-authenticator.ts'

const root = newRoot('Soft Root')
const stranger = newRoot('Soft Root')
const allowed = Buffer.alloc(16, 0x11)
const denied = Buffer.alloc(16, 0x22)
const other = Buffer.alloc(16, 0x33)
const uuid = (bytes: Buffer) =>
  bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')

let recorder: Recorder
let gateway: GatewayProcess
let file: string

before(async () => {
  recorder = await startRecorder()
  const directory = temporaryDirectory()
  const base64 = root.certificate.toString('base64')
  const pem = `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`
  writeFileSync(join(directory, 'root.pem'), pem)
  const house = houseText(
    recorder.url,
    `authenticators:
  attestation: direct
  algorithms: [ES256, EdDSA, RS256, ML-DSA-87]
  aaguids: { deny: [${uuid(denied)}] }
  trustAnchors: [{ file: root.pem }]
`,
  ).replace(
    'groups:\n',
    `groups:
  hardware: { authenticators: { allow: hardware-only } }
  bound: { authenticators: { allow: device-bound } }
  models: { authenticators: { aaguids: { allow: [${uuid(allowed)}] } } }
  edwards: { authenticators: { algorithms: [EdDSA] } }
  nist: { authenticators: { algorithms: [ES256] } }
  lattices: { authenticators: { algorithms: [ML-DSA-87] } }
`,
  )
  file = join(directory, 'proofgate.yaml')
  writeFileSync(file, house)
  gateway = await startGateway({ command: ['serve', '--config', file] })
})
after(async () => {
  await gateway.stop()
  recorder.close()
})

let people = 0

/** Somebody new in these groups, with a link that was not used yet. */
async function invited(...groups: string[]): Promise<{ username: string; ticket: string }> {
  const username = `person-${++people}`
  const made = await administer(gateway, 'POST', '/v1/people', {
    username,
    groups: [...groups, 'members'],
  })
  assert.equal(made.status, 200, made.text)
  const link = await invite(gateway, username)
  return { username, ticket: link.slice(link.lastIndexOf('/') + 1) }
}

function attested(
  format: AttestedFormat = 'packed',
  device: Partial<Device> = {},
  choices: StatementChoices & { readonly root?: typeof root } = {},
): SoftAuthenticator {
  const attest = attesting(format, choices.root ?? root, choices)
  return new SoftAuthenticator({ aaguid: allowed, algorithms: [-7], attest, ...device })
}

async function credentialsOf(username: string): Promise<any[]> {
  const answer = await administer(gateway, 'GET', `/v1/people/${username}/credentials`)
  return answer.json().credentials
}

/** A refused registration keeps nothing, opens no session, and leaves the link for another key. */
async function refused(
  groups: readonly string[],
  device: SoftAuthenticator,
  code: string,
): Promise<void> {
  const { username, ticket } = await invited(...groups)
  const person = new SoftPerson(gateway, device)
  const answer = await person.enrol(ticket)
  assert.equal(answer.json().code, code, answer.text)
  assert.ok(answer.status === 403 || answer.status === 400)
  for (const line of answer.headers['set-cookie'] ?? []) assert.match(line, /^pg_ceremony=/)
  assert.deepEqual(await credentialsOf(username), [])
  const again = await new SoftPerson(gateway).client.post(
    `${gateway.identity}/webauthn/registration/options`,
    { ticket },
  )
  assert.equal(again.status, 200, again.text)
}

async function accepted(
  groups: readonly string[],
  device: SoftAuthenticator,
): Promise<{ person: SoftPerson; credential: any }> {
  const { username, ticket } = await invited(...groups)
  const person = new SoftPerson(gateway, device)
  const answer: Answer = await person.enrol(ticket)
  assert.equal(answer.status, 200, answer.text)
  return { person, credential: (await credentialsOf(username))[0] }
}

test('the options ask for attestation, and offer what all of the groups allow', async () => {
  const offered = async (...groups: string[]): Promise<any> => {
    const { ticket } = await invited(...groups)
    const path = `${gateway.identity}/webauthn/registration/options`
    return (await new SoftPerson(gateway).client.post(path, { ticket })).json()
  }
  const plain = await offered()
  assert.equal(plain.attestation, 'direct')
  assert.deepEqual(
    plain.pubKeyCredParams.map((one: any) => one.alg),
    [-7, -8, -257, -50],
  )
  assert.deepEqual((await offered('edwards')).pubKeyCredParams, [{ type: 'public-key', alg: -8 }])
  const neither = await offered('edwards', 'nist')
  assert.equal(neither.code, 'login.authenticator_not_allowed')
})

test('hardware-only takes each format that chains to the anchor', async () => {
  for (const format of ['packed', 'fido-u2f', 'tpm', 'android-key', 'apple'] as const) {
    const { credential } = await accepted(['hardware'], attested(format))
    assert.equal(credential.attestation, format)
    assert.equal(credential.attestationTrusted, true)
    assert.equal(credential.aaguid === uuid(allowed), format !== 'fido-u2f')
  }
})

test('hardware-only refuses what proves nothing, and keeps nothing of it', async () => {
  const code = 'login.hardware_key_required'
  await refused(['hardware'], new SoftAuthenticator(), code)
  await refused(['hardware'], new SoftAuthenticator({ attestation: 'packed-self' }), code)
  await refused(
    ['hardware'],
    new SoftAuthenticator({ attestation: 'packed-x5c', aaguid: allowed }),
    code,
  )
  await refused(['hardware'], attested('packed', {}, { root: stranger }), code)
  await refused(
    ['hardware'],
    attested('packed', {}, { root: stranger, chain: [root.certificate] }),
    code,
  )
  await refused(['hardware'], attested('tpm', {}, { area: { attributes: 0x0006_0470 } }), code)
  await refused(['hardware'], attested('packed', { backupEligible: true }), code)
})

test('device-bound refuses what syncs and asks for no proof of make', async () => {
  await refused(
    ['bound'],
    attested('packed', { backupEligible: true }),
    'login.device_bound_key_required',
  )
  const { credential } = await accepted(['bound'], new SoftAuthenticator())
  assert.equal(credential.attestationTrusted, false)
})

test('a model that is only claimed is not on the list of allowed ones', async () => {
  const code = 'login.authenticator_not_allowed'
  await refused(['models'], new SoftAuthenticator({ aaguid: allowed }), code)
  await refused(
    ['models'],
    new SoftAuthenticator({ aaguid: allowed, attestation: 'packed-self' }),
    code,
  )
  await refused(['models'], attested('packed', {}, { root: stranger }), code)
  await refused(['models'], attested('fido-u2f'), code)
  await refused(['models'], attested('packed', { aaguid: other }), code)
  await accepted(['models'], attested())
})

test('a denied model is refused for everybody', async () => {
  await refused([], attested('packed', { aaguid: denied }), 'login.authenticator_not_allowed')
  await refused([], new SoftAuthenticator({ aaguid: denied }), 'login.authenticator_not_allowed')
})

test('a key of an algorithm that was not offered is refused', async () => {
  const { ticket } = await invited('edwards')
  const person = new SoftPerson(gateway, attested())
  await assert.rejects(person.enrol(ticket), { name: 'NotSupportedError' })
  await accepted(['edwards'], new SoftAuthenticator({ algorithms: [-8] }))
})

test('a key of ML-DSA registers, proves what it is, and signs in', async () => {
  const attest = attesting('packed', root)
  for (const device of [
    new SoftAuthenticator({ algorithms: [-50], attestation: 'packed-self' }),
    new SoftAuthenticator({ algorithms: [-50], aaguid: allowed, attest }),
  ]) {
    const { person, credential } = await accepted(['lattices'], device)
    assert.equal(credential.attestationTrusted, device.device.attest !== undefined)
    const again = new SoftPerson(gateway, person.authenticator)
    await again.signIn()
    const { tokens } = await obtainTokens(again)
    assert.ok(tokens.access_token.length > 0)
  }
  await assert.rejects(accepted(['lattices'], attested()), { name: 'NotSupportedError' })
})

test('only trusted hardware signs people in as phrh and hwk', async () => {
  const claims = async (device: SoftAuthenticator): Promise<any> => {
    const { person } = await accepted([], device)
    const { tokens } = await obtainTokens(person)
    const [, payload = ''] = tokens.access_token.split('.')
    return JSON.parse(Buffer.from(payload, 'base64url').toString())
  }
  const hardware = await claims(attested())
  assert.equal(hardware.acr, 'phrh')
  assert.ok(hardware.amr === undefined || hardware.amr.includes('hwk'))
  for (const device of [
    attested('packed', { backupEligible: true }),
    attested('packed', {}, { root: stranger }),
    new SoftAuthenticator({ attestation: 'packed-self', aaguid: allowed }),
  ]) {
    const found = await claims(device)
    assert.equal(found.acr, 'phr')
    assert.ok(found.amr === undefined || !found.amr.includes('hwk'))
  }
})

test('the record of a refusal says what was missing', async () => {
  await refused(
    ['hardware'],
    attested('packed', {}, { root: stranger }),
    'login.hardware_key_required',
  )
  const { stdout } = await proofgate([
    'audit',
    'tail',
    '--data-dir',
    gateway.dataDirectory,
    '--kind',
    'ceremony',
    '--json',
  ])
  assert.match(stdout, /login\.hardware_key_required/)
  assert.match(stdout, /its certificates lead to no anchor/)
})

test('with signIn: hardware-only the passkeys from before that prove nothing sign nobody in', async () => {
  const path = (step: string): string => `${gateway.identity}/webauthn/authentication/${step}`
  const touch = async ({ authenticator, origin }: SoftPerson): Promise<Answer> => {
    const client = new Client()
    const asked = (await client.post(path('options'), { purpose: 'sign-in' })).json()
    return client.post(path('verify'), authenticator.get(asked, { origin }))
  }
  const [soft, synced, hardware] = [
    await accepted([], new SoftAuthenticator()),
    await accepted([], attested('packed', { backupEligible: true })),
    await accepted([], attested()),
  ]
  for (const { person } of [soft, synced, hardware]) {
    assert.equal((await touch(person)).status, 200)
  }
  const text = readFileSync(file, 'utf8')
  const stricter = 'authenticators:\n  allow: hardware-only\n  signIn: hardware-only\n'
  writeFileSync(file, text.replace('authenticators:\n', stricter))
  assert.equal((await administer(gateway, 'POST', '/v1/reload')).status, 200)
  for (const { person } of [soft, synced]) {
    const answer = await touch(person)
    assert.equal(answer.json().code, 'login.hardware_sign_in_required')
    for (const line of answer.headers['set-cookie'] ?? []) assert.match(line, /^pg_ceremony=/)
    const asked = (await person.client.post(path('options'), { purpose: 'confirm' })).json()
    const { authenticator, origin } = person
    const response = authenticator.get(asked, { origin })
    const confirmed = await person.client.post(path('verify'), response)
    assert.equal(confirmed.json().code, 'login.hardware_sign_in_required')
  }
  assert.equal((await touch(hardware.person)).status, 200)
})

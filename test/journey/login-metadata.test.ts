import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { newRoot } from '../kit/attestation/authority.ts'
import { attesting } from '../kit/attestation/statements.ts'
import type { AttestedFormat } from '../kit/attestation/statements.ts'
import {
  administer,
  callApi,
  enrolled,
  eventually,
  houseText,
  invite,
  startRecorder,
} from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import { proofgate, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import type { Answer } from '../kit/http.ts'
import {
  entryOf,
  keyIdentifierOf,
  mintBlob,
  mintRevocationList,
  newSigner,
  pemOf,
  signerName,
} from '../kit/metadata.ts'
import { obtainTokens, SoftPerson } from '../kit/person.ts'
import { newKeyPair, SoftAuthenticator } from '../kit/soft-authenticator.ts'

const maker = newRoot('Maker Root')
const signer = newSigner()
const model = Buffer.alloc(16, 0x11)
const uuid = model.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
const u2fKeys = newKeyPair(-7)
const folder = temporaryDirectory()
const file = join(folder, 'proofgate.yaml')

let recorder: Recorder
let gateway: GatewayProcess

before(async () => {
  recorder = await startRecorder()
  writeFileSync(join(folder, 'root.pem'), pemOf('CERTIFICATE', signer.root.certificate))
  const text = houseText(
    recorder.url,
    `workers: 2
authenticators:
  attestation: direct
  metadata: { roots: [root.pem], signer: ${signerName} }
`,
  )
    .replace(
      'groups:\n',
      `groups:
  hardware: { authenticators: { allow: hardware-only } }
  certified: { authenticators: { certification: L2 } }
  levelled: { policies: [levelled] }
`,
    )
    .replace(
      'policies:\n  everything:',
      `policies:
  levelled:
    Version: '2012-10-17'
    Statement:
      - Effect: Allow
        Action: 'execute-api:Invoke'
        Resource: '*'
        Condition: { StringEquals: { 'proofgate:CertificationLevel': [L2, L2+] } }
  everything:`,
    )
  writeFileSync(file, text)
  gateway = await startGateway({ command: ['serve', '--config', file] })
})
after(async () => {
  await gateway.stop()
  recorder.close()
})

let people = 0
let lists = 0

async function enrol(device: SoftAuthenticator, ...groups: string[]): Promise<Answer> {
  const username = `person-${++people}`
  const body = { username, groups: [...groups, 'members'] }
  const made = await administer(gateway, 'POST', '/v1/people', body)
  assert.equal(made.status, 200, made.text)
  const link = await invite(gateway, username)
  return new SoftPerson(gateway, device).enrol(link.slice(link.lastIndexOf('/') + 1))
}

function attested(format: AttestedFormat = 'packed', root = maker): SoftAuthenticator {
  const choices = format === 'fido-u2f' ? { leafKeys: u2fKeys } : {}
  return new SoftAuthenticator({
    aaguid: model,
    algorithms: [-7],
    attest: attesting(format, root, choices),
  })
}

/** A new list, and what `proofgate mds import` said about it. */
async function bring(entries: readonly unknown[], no = ++lists): ReturnType<typeof proofgate> {
  const blob = join(folder, `${no}.jwt`)
  writeFileSync(blob, mintBlob(signer, entries, { content: { no } }))
  return proofgate(['mds', 'import', blob, '--data-dir', gateway.dataDirectory])
}

test('without a list nothing is trusted, and one that is imported counts at once', async () => {
  const before = await enrol(attested(), 'hardware')
  assert.equal(before.json().code, 'login.hardware_key_required')
  const imported = await bring([entryOf(uuid, ['FIDO_CERTIFIED_L1'], [maker.certificate])])
  assert.equal(imported.code, 0, imported.stderr)
  assert.match(imported.stdout, /in force: list 1, 1 models/)
  const after = await enrol(attested(), 'hardware')
  assert.equal(after.status, 200, after.text)
  const strange = await enrol(attested('packed', newRoot('Maker Root')), 'hardware')
  assert.equal(strange.json().code, 'login.hardware_key_required')
})

test('a level of certification is asked of the model that attestation proves', async () => {
  const low = await enrol(attested(), 'certified')
  assert.equal(low.json().code, 'login.authenticator_not_allowed')
  await bring([entryOf(uuid, ['FIDO_CERTIFIED_L2'], [maker.certificate])])
  const claimed = await enrol(new SoftAuthenticator({ aaguid: model }), 'certified')
  assert.equal(claimed.json().code, 'login.authenticator_not_allowed')
  const high = await enrol(attested(), 'certified')
  assert.equal(high.status, 200, high.text)
})

test('the level is a fact of the sign-in: in tokens, and where policies ask for it', async () => {
  const signedIn = async (device: SoftAuthenticator): Promise<[unknown, number]> => {
    const username = `person-${++people}`
    await administer(gateway, 'POST', '/v1/people', { username, groups: ['levelled'] })
    const { tokens, key } = await obtainTokens(await enrolled(gateway, username, device))
    const [, claims = ''] = tokens.access_token.split('.')
    const { certification } = JSON.parse(Buffer.from(claims, 'base64url').toString())
    const { status } = await callApi(`${gateway.api}/orders`, key, tokens.access_token)
    return [certification, status]
  }
  assert.deepEqual(await signedIn(attested()), ['L2', 200])
  assert.deepEqual(await signedIn(new SoftAuthenticator({ aaguid: model })), [undefined, 403])
  await bring([entryOf(uuid, ['FIDO_CERTIFIED_L1'], [maker.certificate])])
  assert.deepEqual(await signedIn(attested()), ['L1', 403])
  await bring([entryOf(uuid, ['FIDO_CERTIFIED_L2plus'], [maker.certificate])])
  assert.deepEqual(await signedIn(attested()), ['L2+', 200])
  await bring([entryOf(uuid, ['NOT_FIDO_CERTIFIED'], [maker.certificate])])
  assert.deepEqual(await signedIn(attested()), [undefined, 403])
})

test('a U2F key is believed by the entry of its own certificate', async () => {
  const { aaguid: _, ...rest } = entryOf(uuid, [], [maker.certificate])
  const attestationCertificateKeyIdentifiers = [keyIdentifierOf(u2fKeys.publicKey)]
  await bring([{ ...rest, attestationCertificateKeyIdentifiers }])
  assert.equal((await enrol(attested('fido-u2f'), 'hardware')).status, 200)
  assert.equal((await enrol(attested('packed'), 'hardware')).status, 403)
})

test('a model that is reported is refused from the import on, and the record says why', async () => {
  await bring([entryOf(uuid, ['UPDATE_AVAILABLE'], [maker.certificate])])
  assert.equal((await enrol(attested())).status, 200)
  await bring([entryOf(uuid, ['ATTESTATION_KEY_COMPROMISE'], [maker.certificate])])
  for (const device of [attested(), new SoftAuthenticator({ aaguid: model })]) {
    assert.equal((await enrol(device)).json().code, 'login.authenticator_not_allowed')
  }
  const { stdout } = await proofgate(
    ['audit', 'tail', '--data-dir', gateway.dataDirectory, '--json'].concat('--kind', 'ceremony'),
  )
  assert.match(stdout, /metadata reports ATTESTATION_KEY_COMPROMISE/)
  assert.match(stdout, /"metadata":\s*\[\s*"UPDATE_AVAILABLE"/)
})

test('the report names the passkeys of reported models, and no others', async () => {
  const report = async (): Promise<any[]> => {
    const { stdout } = await proofgate([
      'mds',
      'report',
      '--json',
      '--data-dir',
      gateway.dataDirectory,
    ])
    return JSON.parse(stdout).credentials
  }
  assert.equal((await enrol(new SoftAuthenticator({ aaguid: Buffer.alloc(16, 0x55) }))).status, 200)
  const blocked = await report()
  assert.ok(blocked.length > 0)
  for (const { aaguid, verdict, reasons } of blocked) {
    assert.equal(aaguid, uuid)
    assert.equal(verdict, 'block')
    assert.deepEqual(reasons, ['ATTESTATION_KEY_COMPROMISE'])
  }
  await bring([entryOf(uuid, ['FIDO_CERTIFIED'])])
  assert.deepEqual(await report(), [])
  await bring([entryOf(uuid, ['ATTESTATION_KEY_COMPROMISE'], [maker.certificate])])
})

test('an import suspends the keys of a model that is reported, and tells what it did', async () => {
  await bring([entryOf(uuid, ['FIDO_CERTIFIED'], [maker.certificate])])
  const username = `person-${++people}`
  await administer(gateway, 'POST', '/v1/people', { username, groups: ['members'] })
  const person = await enrolled(gateway, username, attested())
  const { tokens, key } = await obtainTokens(person)
  const url = `${gateway.api}/orders`
  assert.equal((await callApi(url, key, tokens.access_token)).status, 200)
  const imported = await bring([entryOf(uuid, ['REVOKED'], [maker.certificate])])
  assert.equal(imported.code, 0, imported.stderr)
  assert.ok(await eventually(() => /passkeys were judged/.test(gateway.errors())))
  assert.match(imported.stdout, new RegExp(`${username} .*suspended.*metadata reports REVOKED`))
  const isOver = async (): Promise<boolean> =>
    (await callApi(url, key, tokens.access_token)).status === 401
  assert.ok(await eventually(isOver))
  assert.equal((await person.signIn()).json().code, 'login.credential_suspended')
  const id = person.authenticator.credentials[0]?.id ?? ''
  assert.equal((await administer(gateway, 'POST', `/v1/credentials/${id}/restore`)).status, 200)
  const judged = await proofgate(
    ['credentials', 'judge', '--json', '--data-dir'].concat(gateway.dataDirectory),
  )
  const row = JSON.parse(judged.stdout).credentials.find((one: any) => one.username === username)
  assert.deepEqual([row.state, row.trusted, row.act, row.done], ['active', false, 'suspend', []])
  assert.equal((await person.signIn()).status, 200)
  const trail = await proofgate(
    ['audit', 'tail', '--json', '--kind', 'system', '--data-dir'].concat(gateway.dataDirectory),
  )
  assert.match(trail.stdout, /credential\.suspend[^]*metadata reports REVOKED/)
  await bring([entryOf(uuid, ['ATTESTATION_KEY_COMPROMISE'], [maker.certificate])])
})

test('stricter rules are held against registered keys at the reload', async () => {
  const made = await enrol(new SoftAuthenticator({ aaguid: Buffer.alloc(16, 0x66) }))
  assert.equal(made.status, 200, made.text)
  const text = readFileSync(file, 'utf8')
  const strict = text.replace(
    '  attestation: direct\n',
    '  attestation: direct\n  allow: hardware-only\n  registered: { refused: suspend }\n',
  )
  writeFileSync(file, strict)
  const state = async (): Promise<unknown> => {
    const { stdout } = await proofgate(
      ['credentials', 'list', `person-${people}`, '--json', '--data-dir'].concat(
        gateway.dataDirectory,
      ),
    )
    return JSON.parse(stdout).credentials[0].state
  }
  assert.ok(await eventually(async () => (await state()) === 'suspended'))
  writeFileSync(file, text)
  const reloaded = async (): Promise<boolean> =>
    (await enrol(new SoftAuthenticator({ aaguid: Buffer.alloc(16, 0x66) }))).status === 200
  assert.ok(await eventually(reloaded))
})

test('lists of revocations are imported alike: for makers, and for whoever signs metadata', async () => {
  await bring([entryOf(uuid, ['FIDO_CERTIFIED'], [maker.certificate])])
  const revoke = (
    [called, { privateKey }]: readonly [string, Pick<typeof maker, 'privateKey'>],
    thisUpdate: string,
    serials: readonly number[],
  ): ReturnType<typeof proofgate> => {
    const list = join(folder, `${called} ${thisUpdate}.crl`)
    writeFileSync(list, mintRevocationList(called, privateKey, { thisUpdate, serials }))
    return proofgate(['mds', 'import', list, '--data-dir', gateway.dataDirectory])
  }
  const makers = ['Maker Root', maker] as const
  const foreign = await revoke(['Maker Root', newRoot('Maker Root')], '260101000000Z', [1])
  assert.match(foreign.stderr, /Nobody who is trusted signed/)
  assert.equal((await enrol(attested(), 'hardware')).status, 200)
  const imported = await revoke(makers, '260101000000Z', [1])
  assert.equal(imported.code, 0, imported.stderr)
  assert.match(imported.stdout, /in force: 1 revoked certificates of CN=Maker Root/)
  assert.match(imported.stdout, /trust lost [1-9]/)
  assert.equal((await enrol(attested(), 'hardware')).json().code, 'login.hardware_key_required')
  const cleared = await revoke(makers, '260102000000Z', [])
  assert.match(cleared.stdout, /trust gained [1-9]/)
  assert.equal((await enrol(attested(), 'hardware')).status, 200)
  const signers = ['Metadata Root', signer.root] as const
  const ended = await revoke(signers, '260101000000Z', [1])
  assert.match(ended.stdout, /nothing is judged while FIDO metadata is unusable/)
  assert.equal((await enrol(attested(), 'hardware')).json().code, 'login.hardware_key_required')
  assert.equal((await revoke(signers, '260102000000Z', [])).code, 0)
  assert.equal((await enrol(attested(), 'hardware')).status, 200)
  await bring([entryOf(uuid, ['ATTESTATION_KEY_COMPROMISE'], [maker.certificate])])
})

test('an older list is refused, on record, and a restart keeps the newer one', async () => {
  const older = await bring([entryOf(uuid, [], [maker.certificate])], 1)
  assert.notEqual(older.code, 0)
  assert.match(older.stderr, /not newer than what is in force/)
  const records = await proofgate(
    ['audit', 'tail', '--data-dir', gateway.dataDirectory, '--json'].concat(
      '--kind',
      'administration',
    ),
  )
  assert.match(records.stdout, /metadata\.older/)
  await gateway.stop()
  const status = await proofgate([
    'mds',
    'status',
    '--json',
    '--data-dir',
    gateway.dataDirectory,
    '--config',
    file,
  ])
  assert.equal(status.code, 0, status.stderr)
  const { state, no, blocked } = JSON.parse(status.stdout)
  assert.deepEqual({ state, no, blocked }, { state: 'current', no: lists, blocked: 1 })
  gateway = await startGateway({
    command: ['serve', '--config', file],
    dataDirectory: gateway.dataDirectory,
  })
  assert.equal((await enrol(attested())).json().code, 'login.authenticator_not_allowed')
})

test('a damaged file is said at the start and vouches for nobody', async () => {
  await gateway.stop()
  writeFileSync(join(gateway.dataDirectory, 'metadata.json'), '{}')
  gateway = await startGateway({
    command: ['serve', '--config', file],
    dataDirectory: gateway.dataDirectory,
  })
  assert.match(gateway.errors(), /FIDO metadata: unusable/)
  const older = await bring([entryOf(uuid, [], [maker.certificate])], 1)
  assert.match(older.stderr, /not newer than what is in force/)
  const report = await proofgate(['mds', 'report', '--data-dir', gateway.dataDirectory])
  assert.match(report.stderr, /FIDO metadata: unusable/)
  assert.equal((await enrol(attested(), 'hardware')).json().code, 'login.hardware_key_required')
})

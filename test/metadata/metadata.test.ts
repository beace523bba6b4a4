import assert from 'node:assert/strict'
import {
  appendFileSync,
  existsSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeDurably } from '../../src/compose/data-directory.ts'
import { isRefusal, manualClock, millis } from '../../src/core/index.ts'
import { Metadata, parseRevocationLists } from '../../src/metadata/index.ts'
import type { Imported, MetadataSettings } from '../../src/metadata/index.ts'
import { certificateAnchor } from '../../src/webauthn/index.ts'
import type { ChainedStatement } from '../../src/webauthn/index.ts'
import { newRoot } from '../kit/attestation/authority.ts'
import { temporaryDirectory } from '../kit/gateway.ts'
import {
  entryOf,
  keyIdentifierOf,
  mintBlob,
  mintRevocationList,
  newFloor,
  newSigner,
  signerName,
} from '../kit/metadata.ts'
import type { BlobChoices } from '../kit/metadata.ts'
import { newKeyPair } from '../kit/soft-authenticator.ts'

const one = '11111111-1111-1111-1111-111111111111'
const two = '22222222-2222-2222-2222-222222222222'
const day = 86_400_000
const signer = newSigner()
const maker = newRoot('Maker Root')
const bare: ChainedStatement = { chain: [], namesModel: false, weakness: undefined }

function settingsOf(changes: Partial<MetadataSettings> = {}): MetadataSettings {
  return {
    roots: [certificateAnchor('root', signer.root.certificate)!],
    revocationLists: [],
    signer: signerName,
    warnAfter: millis(day),
    refuseAfter: millis(30 * day),
    ...changes,
  }
}

/** A folder with a reader over it; `other` is another thread's. */
function begin(given: MetadataSettings | undefined = settingsOf()) {
  const folder = temporaryDirectory()
  const path = join(folder, 'metadata.json')
  const clock = manualClock(Date.UTC(2026, 5, 1))
  let settings: MetadataSettings | undefined = given
  const floor = newFloor()
  const open = () =>
    new Metadata({ path, write: writeDurably, clock, settings: () => settings, floor })
  const metadata = open()
  return {
    metadata,
    path,
    clock,
    open,
    configure: (next: MetadataSettings | undefined) => {
      settings = next
    },
    bring: (entries: readonly unknown[], content = {}, choices: BlobChoices = {}) => {
      const file = join(folder, 'blob.jwt')
      writeFileSync(file, mintBlob(signer, entries, { content, ...choices }))
      return metadata.importFile(file)
    },
    /** The file that was brought last. */
    again: () => metadata.importFile(join(folder, 'blob.jwt')),
  }
}

function codeOf(outcome: unknown): string | undefined {
  return isRefusal(outcome) ? outcome.code : undefined
}

test('a list that was imported describes its models, to every reader and after a restart', () => {
  const { metadata, open, bring } = begin()
  const other = open()
  assert.equal(other.status().state, 'none')
  assert.equal(other.modelOf(one, bare), undefined)
  const imported = bring([
    entryOf(one, ['FIDO_CERTIFIED_L2'], [maker.certificate]),
    entryOf(two, ['REVOKED']),
  ]) as Imported
  assert.deepEqual(imported, {
    no: 7,
    previous: undefined,
    nextUpdate: '2030-01-01',
    models: 2,
    changed: true,
  })
  for (const reader of [metadata, other, open()]) {
    const known = reader.modelOf(one, bare)
    assert.equal(known?.verdict, 'allow')
    assert.equal(known?.certification, 'L2')
    assert.equal(known?.anchors.length, 1)
    assert.deepEqual(reader.modelOf(two, bare)?.reasons, ['REVOKED'])
    assert.equal(reader.modelOf('33333333-3333-3333-3333-333333333333', bare), undefined)
    const { state, blocked, models } = reader.status()
    assert.deepEqual({ state, blocked, models }, { state: 'current', blocked: 1, models: 2 })
  }
})

test('lists never go back, and the same one may come again', () => {
  const { metadata, bring } = begin()
  bring([entryOf(one, ['REVOKED'])])
  const before = metadata.status()
  assert.equal(codeOf(bring([entryOf(one)], { no: 6 })), 'metadata.older')
  assert.equal(codeOf(bring([entryOf(one)], { no: 7 })), 'metadata.older')
  assert.deepEqual(metadata.status(), before)
  assert.equal(metadata.modelOf(one, bare)?.verdict, 'block')
  const next = bring([entryOf(two)], { no: 8 }) as Imported
  assert.equal(next.previous, 7)
  assert.equal(metadata.modelOf(one, bare), undefined)
})

test('the very same list again changes nothing', () => {
  const { metadata } = begin()
  const file = join(temporaryDirectory(), 'blob.jwt')
  writeFileSync(file, `${mintBlob(signer, [entryOf(one)])}\n`)
  assert.equal((metadata.importFile(file) as Imported).changed, true)
  assert.equal((metadata.importFile(file) as Imported).changed, false)
})

test('a list that does not verify replaces nothing and leaves nothing', () => {
  const { metadata, path, bring } = begin()
  const header = { alg: 'none' }
  assert.equal(codeOf(bring([entryOf(one)], {}, { header })), 'metadata.signature')
  assert.equal(existsSync(path), false)
  bring([entryOf(one)])
  const kept = readFileSync(path, 'utf8')
  assert.equal(codeOf(bring([entryOf(one), entryOf(one)], { no: 9 })), 'metadata.malformed')
  assert.equal(codeOf(bring([entryOf(one)], { no: 9 }, { header })), 'metadata.signature')
  assert.equal(readFileSync(path, 'utf8'), kept)
  assert.equal(metadata.status().no, 7)
})

test('a file that is missing, a folder or too large is not read', () => {
  const { metadata } = begin()
  const folder = temporaryDirectory()
  assert.equal(codeOf(metadata.importFile(join(folder, 'none'))), 'metadata.file_unreadable')
  assert.equal(codeOf(metadata.importFile(folder)), 'metadata.file_unreadable')
  const large = join(folder, 'large')
  writeFileSync(large, '')
  truncateSync(large, 33_554_433)
  assert.equal(codeOf(metadata.importFile(large)), 'metadata.file_unreadable')
})

test('a damaged file counts for nothing until a list is imported again', () => {
  const damages: readonly ((path: string) => void)[] = [
    (path) => truncateSync(path, 100),
    (path) => truncateSync(path, 0),
    (path) => appendFileSync(path, 'x'),
    (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('"no":7', '"no":6')),
    (path) =>
      writeFileSync(path, readFileSync(path, 'utf8').replace('"importedAt":1', '"importedAt":2')),
    (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('"blob":"e', '"blob":"f')),
  ]
  for (const damage of damages) {
    const { metadata, path, open, bring } = begin()
    bring([entryOf(one, ['FIDO_CERTIFIED'], [maker.certificate])])
    damage(path)
    for (const reader of [metadata, open()]) {
      assert.equal(reader.status().state, 'unusable')
      assert.match(reader.status().problem ?? '', /damaged/)
      assert.equal(reader.modelOf(one, bare), undefined)
    }
    bring([entryOf(one)], { no: 8 })
    assert.equal(metadata.status().state, 'current')
  }
})

test('a list that is older than the highest number says so', () => {
  const { metadata, path, bring } = begin()
  bring([entryOf(one)])
  const kept = readFileSync(path)
  assert.ok(!metadata.isBehind)
  bring([entryOf(one)], { no: 8 })
  assert.ok(!metadata.isBehind)
  writeFileSync(path, kept)
  assert.ok(metadata.isBehind)
})

test('damage to the file lets no older list in, and no other one of its number', () => {
  for (const damage of [
    (path: string) => truncateSync(path, 100),
    (path: string) => rmSync(path),
  ]) {
    const { metadata, path, bring, again } = begin()
    const first = bring([entryOf(one)])
    assert.equal(codeOf(first), undefined)
    damage(path)
    assert.equal(metadata.status().state, 'unusable')
    assert.equal(codeOf(again()), undefined, 'the very list that was in force')
    damage(path)
    assert.equal(codeOf(bring([entryOf(one)], { no: 6 })), 'metadata.older')
    assert.equal(codeOf(bring([entryOf(one)])), 'metadata.older')
    assert.equal(metadata.status().state, 'unusable')
    assert.equal(codeOf(bring([entryOf(one)], { no: 8 })), undefined)
    assert.equal(metadata.status().state, 'current')
  }
})

test('a late list is called late, an overdue one vouches for nothing and still blocks', () => {
  const { metadata, clock, bring } = begin()
  const entries = [
    entryOf(one, ['FIDO_CERTIFIED'], [maker.certificate]),
    entryOf(two, ['REVOKED'], [maker.certificate]),
  ]
  bring(entries, { nextUpdate: '2026-06-10' })
  clock.advance(millis(9.5 * day))
  assert.equal(metadata.status().state, 'current')
  clock.advance(millis(day))
  assert.equal(metadata.status().state, 'due')
  assert.equal(metadata.modelOf(one, bare)?.anchors.length, 1)
  clock.advance(millis(30 * day))
  assert.equal(metadata.status().state, 'overdue')
  assert.deepEqual(metadata.modelOf(one, bare)?.anchors, [])
  assert.equal(metadata.modelOf(one, bare)?.certification, undefined)
  assert.equal(metadata.modelOf(two, bare)?.verdict, 'block')
  assert.equal(codeOf(bring(entries, { no: 8, nextUpdate: '2026-06-10' })), 'metadata.overdue')
})

test('certificates are judged at the import: those that end later take nothing back', () => {
  const { metadata, clock, bring } = begin()
  bring([entryOf(one)], { nextUpdate: '2050-01-01' })
  clock.advance(millis(21 * 365 * day))
  assert.equal(metadata.status().state, 'current')
})

test('a reload without the root, or with a list that revokes the signer, ends a list that is in force', () => {
  const { metadata, bring, configure } = begin()
  bring([entryOf(one, [], [maker.certificate])])
  configure(settingsOf({ roots: [certificateAnchor('other', newRoot('Other').certificate)!] }))
  assert.equal(metadata.status().state, 'unusable')
  assert.equal(metadata.modelOf(one, bare), undefined)
  const revoking = mintRevocationList('Metadata Root', signer.root.privateKey, { serials: [1] })
  configure(settingsOf({ revocationLists: parseRevocationLists(revoking)! }))
  assert.equal(metadata.status().state, 'unusable')
  configure(undefined)
  assert.equal(metadata.status().state, 'not_configured')
  assert.equal(codeOf(bring([entryOf(one)], { no: 9 })), 'metadata.not_configured')
  configure(settingsOf())
  assert.equal(metadata.status().state, 'current')
})

test('lists do not go back while the one in force is not believed either', () => {
  const { bring, configure, metadata } = begin()
  bring([entryOf(one, ['REVOKED'])])
  const second = newSigner(newRoot('Second Root'))
  configure(settingsOf({ roots: [certificateAnchor('second', second.root.certificate)!] }))
  const file = join(temporaryDirectory(), 'blob.jwt')
  writeFileSync(file, mintBlob(second, [entryOf(one)], { content: { no: 3 } }))
  assert.equal(codeOf(metadata.importFile(file)), 'metadata.older')
})

test('a U2F device is told by the key of its certificate, never by the AAGUID it claims', () => {
  const { metadata, bring } = begin()
  const keys = newKeyPair(-7)
  const leaf = maker.issue({ publicKey: keys.publicKey, aaguid: Buffer.alloc(16) })
  const { aaguid: _, ...rest } = entryOf(one, ['REVOKED'], [maker.certificate])
  const attestationCertificateKeyIdentifiers = [keyIdentifierOf(keys.publicKey)]
  bring([{ ...rest, attestationCertificateKeyIdentifiers }, entryOf(two)])
  const material = certificateAnchor('leaf', leaf)?.material
  assert.ok(material?.kind === 'certificate')
  const statement = { chain: [material.certificate], namesModel: false, weakness: undefined }
  const known = metadata.modelOf(two, statement)
  assert.equal(known?.verdict, 'block')
  assert.equal(known?.anchors[0]?.aaguids, undefined)
  assert.equal(metadata.modelOf(two, { ...statement, namesModel: true })?.verdict, 'allow')
})

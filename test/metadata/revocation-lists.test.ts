import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isRefusal, manualClock } from '../../src/core/index.ts'
import { RevocationLists } from '../../src/metadata/index.ts'
import { Database, sqliteRevocationLists } from '../../src/storage/index.ts'
import { certificateAnchor } from '../../src/webauthn/index.ts'
import type { TrustAnchor } from '../../src/webauthn/index.ts'
import { newRoot, usage } from '../kit/attestation/authority.ts'
import type { Authority } from '../kit/attestation/authority.ts'
import { der, notAnAuthority, sequence } from '../kit/attestation-certificate.ts'
import { temporaryDirectory } from '../kit/gateway.ts'
import { mintRevocationList, pemOf } from '../kit/metadata.ts'
import { newKeyPair } from '../kit/soft-authenticator.ts'

const root = newRoot('Maker Root')
const middle = root.below('Maker Middle')
const anchors = [anchorOf(root)]
const { publicKey } = newKeyPair(-7)

function anchorOf({ certificate }: Pick<Authority, 'certificate'>): TrustAnchor {
  return certificateAnchor('anchor', certificate)!
}

/** Certificates as trust rests on them. */
function pathOf(...ders: readonly Uint8Array[]) {
  return ders.map((one) => {
    const { material } = certificateAnchor('path', one)!
    assert.equal(material.kind, 'certificate')
    return material.certificate
  })
}

function leafOf(issuer: Authority): Buffer {
  return issuer.issue({
    publicKey,
    aaguid: Buffer.alloc(16),
    extensions: [notAnAuthority, usage('sign')],
  })
}

function begin() {
  const folder = temporaryDirectory()
  const path = join(folder, 'proofgate.db')
  const database = Database.open(path, { create: true, durability: 'process' })
  const clock = manualClock(Date.UTC(2026, 5, 1))
  const lists = new RevocationLists(sqliteRevocationLists(database), clock)
  const file = join(folder, 'given')
  return {
    lists,
    clock,
    file,
    /** As another thread or process sees it. */
    open: () =>
      new RevocationLists(
        sqliteRevocationLists(Database.open(path, { create: false, durability: 'process' })),
        clock,
      ),
    bring: (content: string | Uint8Array, from = anchors) => {
      writeFileSync(file, content)
      return lists.importFile(file, from)
    },
  }
}

function codeOf(outcome: unknown): string | undefined {
  return isRefusal(outcome) ? outcome.code : undefined
}

const direct = pathOf(leafOf(root), root.certificate)
const through = pathOf(leafOf(middle), middle.certificate, root.certificate)

test('a leaf that was taken back is not believed, in every thread and after a restart', () => {
  const { lists, open, bring } = begin()
  const other = open()
  assert.equal(other.problemOf(direct), undefined)
  const imported = bring(mintRevocationList('Maker Root', root.privateKey, { serials: [1] }))
  assert.ok(!isRefusal(imported))
  assert.ok(imported.changed)
  assert.match(imported.revocationLists[0]?.issuer ?? '', /Maker Root/)
  for (const reader of [lists, other, open()]) {
    assert.equal(reader.problemOf(direct)?.kind, 'revoked')
    assert.equal(reader.facts[0]?.revoked, 1)
  }
})

test('so is what an authority issued that was taken back', () => {
  const { lists, bring } = begin()
  bring(mintRevocationList('Maker Root', root.privateKey, { serials: [1] }))
  assert.equal(lists.problemOf(through)?.kind, 'revoked')
})

test('others are not touched: other numbers, other authorities, the same name with another key', () => {
  const { lists, bring } = begin()
  bring(mintRevocationList('Maker Root', root.privateKey, { serials: [2] }))
  assert.equal(lists.problemOf(direct), undefined)
  bring(
    mintRevocationList('Maker Root', root.privateKey, {
      serials: [1],
      thisUpdate: '260301000000Z',
    }),
  )
  const namesake = newRoot('Maker Root')
  assert.equal(lists.problemOf(pathOf(leafOf(namesake), namesake.certificate)), undefined)
  const stranger = newRoot('Other')
  assert.equal(lists.problemOf(pathOf(leafOf(stranger), stranger.certificate)), undefined)
  assert.equal(lists.problemOf(pathOf(leafOf(root))), undefined, 'a leaf that was named itself')
})

test('DER is taken as well as PEM', () => {
  const { lists, file, bring } = begin()
  const pem = mintRevocationList('Maker Root', root.privateKey, { serials: [1] })
  const bytes = Buffer.from(pem.replaceAll(/-----[^-]+-----/g, ''), 'base64')
  assert.equal(codeOf(bring(bytes)), undefined)
  assert.ok(lists.isOne(file))
  assert.equal(lists.problemOf(direct)?.kind, 'revoked')
})

test('the list of an authority below an anchor comes with its certificate', () => {
  const { lists, bring } = begin()
  const list = mintRevocationList('Maker Middle', middle.privateKey, { serials: [1] })
  assert.equal(codeOf(bring(list)), 'metadata.revocation_list_untrusted')
  const both = `${pemOf('CERTIFICATE', middle.certificate)}${list}`
  assert.equal(codeOf(bring(both)), undefined)
  assert.equal(lists.problemOf(through)?.kind, 'revoked')
  const stranger = newRoot('Maker Middle')
  const foreign = mintRevocationList('Maker Middle', stranger.privateKey)
  const itself = `${pemOf('CERTIFICATE', stranger.certificate)}${foreign}`
  assert.equal(codeOf(bring(itself)), 'metadata.revocation_list_untrusted')
})

test('a list that no anchor stands behind is not kept', () => {
  const { lists, bring } = begin()
  const good = mintRevocationList('Maker Root', root.privateKey, { serials: [1] })
  const silent = newRoot('Maker Root', { extensions: [...authorityWithout()] })
  const wrong: readonly (readonly [string, readonly TrustAnchor[]])[] = [
    [good, []],
    [good, [anchorOf(newRoot('Maker Root'))]],
    [mintRevocationList('Maker Root', newRoot('x').privateKey), anchors],
    [mintRevocationList('Other', root.privateKey), anchors],
    [mintRevocationList('Maker Root', silent.privateKey), [anchorOf(silent)]],
  ]
  for (const [list, from] of wrong) {
    assert.equal(codeOf(bring(list, [...from])), 'metadata.revocation_list_untrusted')
  }
  assert.deepEqual(lists.lists, [])
})

/** An authority whose key may sign certificates, and no lists. */
function authorityWithout() {
  const basic = { type: '2.5.29.19', critical: true, value: Buffer.from('30030101ff', 'hex') }
  const certify = { type: '2.5.29.15', critical: true, value: Buffer.from('03020204', 'hex') }
  return [basic, certify]
}

test('lists never go back, and the same one may come again', () => {
  const { lists, bring } = begin()
  const list = (thisUpdate: string, serials: readonly number[]): string =>
    mintRevocationList('Maker Root', root.privateKey, { thisUpdate, serials })
  const first = list('260301000000Z', [1])
  bring(first)
  const again = bring(first)
  assert.ok(!isRefusal(again) && !again.changed)
  assert.equal(codeOf(bring(list('260201000000Z', []))), 'metadata.revocation_list_older')
  assert.equal(codeOf(bring(list('260301000000Z', []))), 'metadata.revocation_list_older')
  assert.equal(lists.problemOf(direct)?.kind, 'revoked')
  assert.equal(codeOf(bring(list('260302000000Z', []))), undefined)
  assert.equal(lists.problemOf(direct), undefined)
})

test('of a file with several lists all are kept or none', () => {
  const { lists, bring } = begin()
  const good = mintRevocationList('Maker Root', root.privateKey, { serials: [1] })
  const bad = mintRevocationList('Other', newRoot('Other').privateKey)
  assert.equal(codeOf(bring(`${good}${bad}`)), 'metadata.revocation_list_untrusted')
  assert.deepEqual(lists.lists, [])
})

test('a list that is late clears nobody, and what it names stays revoked', () => {
  const { lists, bring, clock } = begin()
  const nextUpdate = '260701000000Z'
  bring(mintRevocationList('Maker Root', root.privateKey, { serials: [2], nextUpdate }))
  assert.equal(lists.problemOf(direct), undefined)
  clock.advance(40 * 86_400_000)
  assert.equal(lists.problemOf(direct)?.kind, 'overdue')
  const late = mintRevocationList('Maker Root', root.privateKey, {
    nextUpdate,
    thisUpdate: '260601000000Z',
  })
  assert.equal(codeOf(bring(late)), 'metadata.revocation_list_overdue')
})

test('what cannot be read for certain is no list', () => {
  const { lists, file, bring } = begin()
  const good = mintRevocationList('Maker Root', root.privateKey, { serials: [1] })
  const malformed = 'metadata.revocation_list_malformed'
  const critical = der(
    0xa0,
    sequence(
      sequence(
        der(6, Buffer.from('551d1c', 'hex')),
        der(1, Buffer.from([0xff])),
        der(4, Buffer.from('3000', 'hex')),
      ),
    ),
  )
  const wrong = [
    '',
    'nothing',
    'eyJ.eyJ.x',
    good.replace('MII', 'MIX').slice(0, -60),
    pemOf('CERTIFICATE', root.certificate),
    `${good}-----BEGIN X509 CRL-----`,
    mintRevocationList('Maker Root', root.privateKey, { extensions: critical }),
    mintRevocationList('Maker Root', root.privateKey, { thisUpdate: '270101000000Z' }),
  ]
  for (const content of wrong) assert.equal(codeOf(bring(content)), malformed, content.slice(0, 40))
  assert.ok(!lists.isOne(`${file}-missing`))
  assert.equal(codeOf(lists.importFile(`${file}-missing`, anchors)), 'metadata.file_unreadable')
})

import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import { isRefusal } from '../../src/core/index.ts'
import { readBlob } from '../../src/metadata/blob.ts'
import type { Blob } from '../../src/metadata/blob.ts'
import { parseRevocationLists } from '../../src/metadata/index.ts'
import { certificateAnchor } from '../../src/webauthn/index.ts'
import { newRoot } from '../kit/attestation/authority.ts'
import type { Authority } from '../kit/attestation/authority.ts'
import { der, sequence, objectIdentifier, utcTime } from '../kit/attestation-certificate.ts'
import { entryOf, mintBlob, mintRevocationList, newSigner, signerName } from '../kit/metadata.ts'
import type { BlobChoices, Signer } from '../kit/metadata.ts'

const one = '11111111-1111-1111-1111-111111111111'
const two = '22222222-2222-2222-2222-222222222222'
const signer = newSigner()
const at = Date.UTC(2026, 5, 1)
const past = [utcTime('200101000000Z'), utcTime('210101000000Z')] as const

function read(
  text: string,
  more: { roots?: readonly Authority[]; lists?: string; at?: number; signer?: string } = {},
): Blob | string {
  const settings = {
    roots: (more.roots ?? [signer.root]).map(({ certificate }) =>
      certificateAnchor('root', certificate)!,
    ),
    revocationLists: more.lists === undefined ? [] : parseRevocationLists(more.lists)!,
    signer: more.signer ?? signerName,
  }
  const found = readBlob(text, { settings, at: more.at ?? at })
  return isRefusal(found) ? found.code : found
}

function mint(choices: BlobChoices = {}, by: Signer = signer): string {
  return mintBlob(by, [entryOf(one)], choices)
}

test('a list signed below a root is read, by each algorithm that is accepted', () => {
  const found = read(mint())
  assert.ok(typeof found === 'object')
  assert.equal(found.no, 7)
  assert.equal(found.nextUpdate, Date.UTC(2030, 0, 1))
  assert.deepEqual(
    found.models.map(({ aaguid }) => aaguid),
    [one],
  )
  const rsa = newSigner(signer.root, { rsa: true })
  assert.ok(typeof read(mint({}, rsa)) === 'object')
  const inner = signer.root.below('Inner')
  const deep = newSigner(inner)
  assert.ok(typeof read(mint({ chain: [deep.certificate, inner.certificate] }, deep)) === 'object')
})

test('a signer below another root, out of its time or for another name is not believed', () => {
  const other = newRoot('Metadata Root')
  assert.equal(read(mint(), { roots: [other] }), 'metadata.untrusted')
  assert.equal(read(mint(), { roots: [] }), 'metadata.untrusted')
  assert.equal(read(mint(), { signer: 'other.example' }), 'metadata.untrusted')
  assert.equal(
    read(mint({}, newSigner(signer.root, { host: 'evil.example' }))),
    'metadata.untrusted',
  )
  assert.equal(read(mint({}, newSigner(signer.root, { host: '*.example' }))), 'metadata.untrusted')
  const expired = newSigner(signer.root, { leaf: { validity: past } })
  assert.equal(read(mint({}, expired)), 'metadata.untrusted')
  assert.equal(read(mint(), { at: Date.UTC(2024, 0, 1) }), 'metadata.untrusted')
})

test('a chain with an expired link, a missing one or one of another name leads nowhere', () => {
  const expiredRoot = newRoot('Old Root', { validity: past })
  const underOld = newSigner(expiredRoot)
  assert.equal(read(mint({}, underOld), { roots: [expiredRoot] }), 'metadata.untrusted')
  const inner = signer.root.below('Inner', { validity: past })
  const deep = newSigner(inner)
  const chain = [deep.certificate, inner.certificate]
  assert.equal(read(mint({ chain }, deep)), 'metadata.untrusted')
  const good = newSigner(signer.root.below('Inner'))
  assert.equal(read(mint({}, good)), 'metadata.untrusted')
  assert.equal(
    read(mint({ chain: [good.certificate, signer.certificate] }, good)),
    'metadata.untrusted',
  )
  assert.ok(
    typeof read(mint({ chain: [signer.certificate, signer.root.certificate] })) === 'object',
  )
})

test('the signature has to be the signer’s, over these bytes, in an accepted way', () => {
  const whole = mint()
  const [header, , signature] = whole.split('.')
  const changed = Buffer.from(
    JSON.stringify({ no: 9, nextUpdate: '2030-01-01', entries: [entryOf(two)] }),
  )
  assert.equal(
    read(`${header}.${changed.toString('base64url')}.${signature}`),
    'metadata.signature',
  )
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const forged = (input: Buffer) =>
    sign('sha256', input, { key: stranger, dsaEncoding: 'ieee-p1363' })
  assert.equal(read(mint({ signature: forged })), 'metadata.signature')
  assert.equal(
    read(mint({ signature: (input, key) => sign('sha256', input, key) })),
    'metadata.signature',
  )
  assert.equal(read(mint({ signature: () => Buffer.alloc(0) })), 'metadata.signature')
  for (const alg of ['none', 'None', 'HS256', 'RS256', 'ES512', 'EdDSA', 7, undefined]) {
    assert.equal(read(mint({ header: { alg } })), 'metadata.signature', String(alg))
  }
})

test('a header that offers another key, an address of one, or extensions is refused', () => {
  const jwk = signer.publicKey.export({ format: 'jwk' })
  for (const header of [
    { jwk },
    { jku: 'https://mds.example/keys' },
    { x5u: 'https://mds.example/chain' },
    { crit: ['x'], x: 1 },
    { b64: false },
    { x5c: undefined, jwk },
    { x5c: undefined },
    { x5c: [] },
    { x5c: 'text' },
    { x5c: [1] },
    { x5c: ['AAAA'] },
    { x5c: [`${signer.certificate.toString('base64')}\n`] },
    { x5c: Array.from({ length: 9 }, () => signer.certificate.toString('base64')) },
  ]) {
    assert.equal(read(mint({ header })), 'metadata.malformed', JSON.stringify(Object.keys(header)))
  }
})

test('what is no compact JWS of an unambiguous object is malformed', () => {
  const parts = mint().split('.')
  for (const text of ['', 'x', '..', parts.slice(0, 2).join('.'), [...parts, 'x'].join('.')]) {
    assert.equal(read(text), 'metadata.malformed')
  }
  for (const payload of ['', '[]', 'null', '{"no":1,"no":2}', '{', '['.repeat(40)]) {
    assert.equal(read(mint({ payload })), 'metadata.malformed', payload)
  }
  assert.equal(read('x'.repeat(33_554_433)), 'metadata.malformed')
})

test('a list needs its number, the day of the next one, and entries', () => {
  for (const content of [
    { no: undefined },
    { no: '7' },
    { no: -1 },
    { no: 1.5 },
    { nextUpdate: undefined },
    { nextUpdate: '2030-02-31' },
    { nextUpdate: '2030-01-01T00:00:00Z' },
    { entries: undefined },
    { entries: {} },
    { entries: [] },
    { entries: Array.from({ length: 20_001 }, () => ({})) },
  ]) {
    assert.equal(
      read(mint({ content })),
      'metadata.malformed',
      JSON.stringify(content).slice(0, 80),
    )
  }
})

test('a certificate of the chain that its issuer revoked takes the list back', () => {
  const list = (choices = {}, by = signer.root) =>
    mintRevocationList('Metadata Root', by.privateKey, choices)
  assert.ok(typeof read(mint(), { lists: list() }) === 'object')
  assert.ok(typeof read(mint(), { lists: list({ serials: [2, 3] }) }) === 'object')
  assert.equal(read(mint(), { lists: list({ serials: [3, 1] }) }), 'metadata.revoked')
  const inner = signer.root.below('Inner')
  const deep = newSigner(inner)
  const text = mint({ chain: [deep.certificate, inner.certificate] }, deep)
  const ofInner = (serials: number[]) => mintRevocationList('Inner', inner.privateKey, { serials })
  assert.ok(typeof read(text, { lists: `${list()}${ofInner([])}` }) === 'object')
  assert.equal(read(text, { lists: `${list()}${ofInner([1])}` }), 'metadata.revoked')
  assert.equal(read(text, { lists: `${ofInner([])}${list({ serials: [1] })}` }), 'metadata.revoked')
})

test('a list of revocations that is overdue or not its issuer’s clears nobody', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const forged = mintRevocationList('Metadata Root', privateKey)
  assert.equal(read(mint(), { lists: forged }), 'metadata.revoked')
  const old = mintRevocationList('Metadata Root', signer.root.privateKey, {
    nextUpdate: '260101000000Z',
  })
  assert.equal(read(mint(), { lists: old }), 'metadata.revoked')
  const others = mintRevocationList('Somebody Else', privateKey, { serials: [1] })
  assert.ok(typeof read(mint(), { lists: others }) === 'object')
})

test('a list of revocations that cannot be read for certain is not taken at all', () => {
  const good = mintRevocationList('Metadata Root', signer.root.privateKey)
  const extension = (critical: boolean) =>
    der(
      0xa0,
      sequence(
        sequence(
          objectIdentifier('2.5.29.27'),
          ...(critical ? [Buffer.from('0101ff', 'hex')] : []),
          der(0x04, Buffer.from('020101', 'hex')),
        ),
      ),
    )
  const withExtension = (critical: boolean) =>
    mintRevocationList('R', signer.root.privateKey, { extensions: extension(critical) })
  assert.equal(parseRevocationLists(good)?.length, 1)
  assert.equal(parseRevocationLists(withExtension(false))?.length, 1)
  assert.equal(parseRevocationLists(withExtension(true)), undefined)
  assert.equal(parseRevocationLists(''), undefined)
  assert.equal(parseRevocationLists(`${good}-----BEGIN X509 CRL-----\n!\n`), undefined)
  assert.equal(parseRevocationLists(good.replaceAll('X509 CRL', 'CERTIFICATE')), undefined)
  assert.equal(parseRevocationLists(good.replace('\nMI', '\nMA')), undefined)
  assert.equal(parseRevocationLists(good.repeat(33)), undefined)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { certificateAnchor, judgeTrust, leafKeyAnchor } from '../../../src/webauthn/index.ts'
import type { Trust, TrustAnchor } from '../../../src/webauthn/index.ts'
import { der, utcTime } from '../../kit/attestation-certificate.ts'
import {
  authorityConstraints,
  newLatticeRoot,
  newRoot,
  usage,
} from '../../kit/attestation/authority.ts'
import type { Authority } from '../../kit/attestation/authority.ts'
import { attestedFormats, attesting } from '../../kit/attestation/statements.ts'
import type { AttestedFormat, StatementChoices } from '../../kit/attestation/statements.ts'
import { keystore, madeForSigning } from '../../kit/attestation/structures.ts'
import { newKeyPair } from '../../kit/soft-authenticator.ts'
import { accepted, register } from '../fixture.ts'

const aaguid = Buffer.alloc(16, 0x42)
const model = '42424242-4242-4242-4242-424242424242'
const at = Date.UTC(2030, 0, 1)
const root = newRoot('Soft Root')

function anchored(authority: Authority, aaguids?: readonly string[]): TrustAnchor {
  const anchor = certificateAnchor('soft.pem', authority.certificate, aaguids)
  assert.ok(anchor)
  return anchor
}

function judged(
  issuer: Authority,
  anchors: readonly TrustAnchor[],
  choices: StatementChoices & { format?: AttestedFormat; at?: number; device?: object } = {},
): Trust {
  const attest = attesting(choices.format ?? 'packed', issuer, choices)
  const verified = register({ aaguid, algorithms: [-7], attest, ...choices.device })
  accepted(verified)
  const { statement } = verified
  return judgeTrust({ statement, aaguid: verified.aaguid, anchors, at: choices.at ?? at })
}

function trusted(trust: Trust): void {
  assert.ok(trust.trusted)
  assert.equal(trust.anchor, 'soft.pem')
}

function distrusted(trust: Trust, why: RegExp): void {
  assert.equal(trust.trusted, false)
  assert.match(trust.why, why)
}

for (const format of attestedFormats) {
  test(`${format}: trusted when the leaf was issued by an anchor, and only then`, () => {
    trusted(judged(root, [anchored(root)], { format }))
    trusted(judged(root, [anchored(newRoot('Other')), anchored(root)], { format }))
    distrusted(judged(root, [], { format }), /no anchor/)
    distrusted(judged(root, [anchored(newRoot('Other'))], { format }), /no anchor/)
    distrusted(judged(root, [anchored(newRoot('Soft Root'))], { format }), /no anchor/)
  })
}

test('trusted when keys of ML-DSA made the certificate, the statement and the credential', () => {
  const lattice = newLatticeRoot('Soft Root')
  const device = { algorithms: [-50] }
  trusted(judged(lattice, [anchored(lattice)], { device }))
  distrusted(judged(lattice, [anchored(root)], { device }), /no anchor/)
  distrusted(judged(lattice, [anchored(newLatticeRoot('Soft Root'))], { device }), /no anchor/)
})

test('none and self attestation are never trusted, whatever the anchors', () => {
  for (const attestation of ['none', 'packed-self'] as const) {
    const verified = register({ attestation, aaguid })
    accepted(verified)
    const anchors = [anchored(root)]
    distrusted(judgeTrust({ statement: verified.statement, aaguid: model, anchors, at }), /vouches/)
  }
})

test('trusted through authorities in x5c, with or without the anchor among them', () => {
  const outer = root.below('Outer')
  const inner = outer.below('Inner')
  const chain = [inner.certificate, outer.certificate]
  trusted(judged(inner, [anchored(root)], { chain }))
  trusted(judged(inner, [anchored(root)], { chain: [...chain, root.certificate] }))
  trusted(judged(inner, [anchored(outer)], { chain }))
  trusted(judged(inner, [anchored(inner)]))
})

test('not trusted when certificates are missing, in another order or of somebody else', () => {
  const outer = root.below('Outer')
  const inner = outer.below('Inner')
  const anchors = [anchored(root)]
  const other = newRoot('Inner')
  distrusted(judged(inner, anchors), /no anchor/)
  distrusted(judged(inner, anchors, { chain: [inner.certificate] }), /no anchor/)
  distrusted(judged(inner, anchors, { chain: [outer.certificate, inner.certificate] }), /chain/)
  distrusted(judged(inner, anchors, { chain: [root.certificate] }), /do not chain/)
  distrusted(judged(inner, anchors, { chain: [other.certificate] }), /signature/)
})

const authorities: readonly (readonly [string, RegExp, (from: Authority) => Authority])[] = [
  [
    'is no authority',
    /no authority/,
    (from) => from.below('CA', { extensions: [authorityConstraints(false)] }),
  ],
  [
    'does not say that it is one',
    /no authority/,
    (from) => from.below('CA', { extensions: [usage('certify')] }),
  ],
  [
    'may not certify',
    /may not certify/,
    (from) => from.below('CA', { extensions: [authorityConstraints(), usage('sign')] }),
  ],
  [
    'has an unknown critical extension',
    /critical/,
    (from) =>
      from.below('CA', {
        extensions: [
          authorityConstraints(),
          { type: '2.5.29.30', critical: true, value: der(0x30) },
        ],
      }),
  ],
  [
    'has expired',
    /expired/,
    (from) => from.below('CA', { validity: [utcTime('200101000000Z'), utcTime('291231235959Z')] }),
  ],
  [
    'is not yet valid',
    /not yet/,
    (from) => from.below('CA', { validity: [utcTime('300101000001Z'), utcTime('450101000000Z')] }),
  ],
]

for (const [name, why, make] of authorities) {
  test(`not trusted through an issuer that ${name}`, () => {
    const issuer = make(root)
    distrusted(judged(issuer, [anchored(root)], { chain: [issuer.certificate] }), why)
  })
}

test('a genuine leaf is no authority for another', () => {
  const keys = newKeyPair(-7)
  const leaf = root.below('Genuine', {
    extensions: [authorityConstraints(false), usage('sign')],
    publicKey: keys.publicKey,
  })
  const forger: Authority = { ...leaf, privateKey: keys.privateKey }
  distrusted(
    judged(forger, [anchored(root)], { chain: [leaf.certificate] }),
    /no authority|signature/,
  )
  distrusted(judged(leaf, [anchored(leaf)]), /no anchor/)
})

test('a path is not longer than its authorities allow', () => {
  const short = newRoot('Short', { extensions: [authorityConstraints(true, 0), usage('certify')] })
  const below = short.below('Below')
  trusted(judged(short, [anchored(short)]))
  distrusted(judged(below, [anchored(short)], { chain: [below.certificate] }), /no anchor/)
  const limited = root.below('Limited', { extensions: [authorityConstraints(true, 0)] })
  const under = limited.below('Under')
  const chain = [under.certificate, limited.certificate]
  distrusted(judged(under, [anchored(root)], { chain }), /longer/)
  const enough = root.below('Enough', { extensions: [authorityConstraints(true, 1)] })
  const last = enough.below('Last')
  trusted(judged(last, [anchored(root)], { chain: [last.certificate, enough.certificate] }))
})

test('a leaf counts while it is valid, to the second', () => {
  const validity = [utcTime('250101000000Z'), utcTime('270101000000Z')] as const
  const anchors = [anchored(root)]
  const within = (time: number) => judged(root, anchors, { leaf: { validity }, at: time })
  trusted(within(Date.UTC(2025, 0, 1)))
  trusted(within(Date.UTC(2027, 0, 1)))
  distrusted(within(Date.UTC(2025, 0, 1) - 1000), /not yet/)
  distrusted(within(Date.UTC(2027, 0, 1) + 1000), /expired/)
})

test('signatures made with SHA-1 lead nowhere', () => {
  const weak = root.below('Weak')
  const name = der(
    0x30,
    der(0x31, der(0x30, Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from('Weak')))),
  )
  const issuer = { name, privateKey: weak.privateKey, digest: 'sha1' as const }
  distrusted(judged(weak, [anchored(weak)], { leaf: { issuer } }), /no anchor/)
  trusted(judged(weak, [anchored(weak)], { leaf: { issuer: { ...issuer, digest: 'sha384' } } }))
})

test('an anchor can be the very leaf, or its key', () => {
  const keys = newKeyPair(-7)
  const pin = leafKeyAnchor('soft.pem', keys.publicKey)
  trusted(judged(root, [pin], { leafKeys: keys }))
  trusted(judged(newRoot('Other'), [pin], { leafKeys: keys }))
  distrusted(judged(root, [pin]), /no anchor/)
  const validity = [utcTime('250101000000Z'), utcTime('270101000000Z')] as const
  distrusted(judged(root, [pin], { leafKeys: keys, leaf: { validity } }), /expired/)
  const other = leafKeyAnchor('soft.pem', keys.publicKey, ['00000000-0000-0000-0000-000000000001'])
  distrusted(judged(root, [other], { leafKeys: keys }), /no anchor is configured/)
})

test('the key of an authority as a pin is none for what it issues', () => {
  const issuer = root.below('Issuer')
  const certificate = certificateAnchor('soft.pem', issuer.certificate)
  assert.equal(certificate?.material.kind, 'certificate')
  const key =
    certificate.material.kind === 'certificate'
      ? certificate.material.certificate.publicKey
      : undefined
  assert.ok(key)
  distrusted(
    judged(issuer, [leafKeyAnchor('soft.pem', key)], { chain: [issuer.certificate] }),
    /no anchor/,
  )
})

test('an anchor for some models is none for others, nor for a device that signs no model', () => {
  trusted(judged(root, [anchored(root, [model])]))
  distrusted(judged(root, [anchored(root, [model.replace('42', '43')])]), /no anchor is configured/)
  const zero = '00000000-0000-0000-0000-000000000000'
  distrusted(judged(root, [anchored(root, [model, zero])], { format: 'fido-u2f' }), /no anchor is/)
})

test('what may leave its hardware is not trusted, though an anchor vouches for it', () => {
  const anchors = [anchored(root)]
  distrusted(judged(root, anchors, { format: 'tpm', area: { attributes: 0x0006_0470 } }), /stay/)
  const description = { keyLevel: 0 }
  distrusted(judged(root, anchors, { format: 'android-key', description }), /software/)
  const software = { software: madeForSigning, hardware: [keystore.purposes(2)] }
  distrusted(judged(root, anchors, { format: 'android-key', description: software }), /software/)
})

test('an anchor that cannot be read is none', () => {
  assert.equal(certificateAnchor('soft.pem', Buffer.alloc(0)), undefined)
  assert.equal(certificateAnchor('soft.pem', root.certificate.subarray(1)), undefined)
  assert.equal(
    certificateAnchor('soft.pem', Buffer.concat([root.certificate, Buffer.alloc(1)])),
    undefined,
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { aaguidExtension, der, notAnAuthority } from '../../kit/attestation-certificate.ts'
import { newRoot, usage } from '../../kit/attestation/authority.ts'
import { attesting, serialExtension } from '../../kit/attestation/statements.ts'
import type { AttestedFormat, StatementChoices } from '../../kit/attestation/statements.ts'
import { accepted, refusedAs, register } from '../fixture.ts'

const root = newRoot('Soft Root')
const aaguid = Buffer.alloc(16, 0x42)
const subject = [
  ['2.5.4.6', 'AA'],
  ['2.5.4.10', 'Acme Keys Inc.'],
  ['2.5.4.11', 'Authenticator Attestation'],
  ['2.5.4.3', 'Acme Batch 7'],
] as const

function attested(format: AttestedFormat, choices: StatementChoices = {}) {
  return register({ aaguid, algorithms: [-7], attest: attesting(format, root, choices) })
}

function withSerial(value: Uint8Array, critical = false) {
  const extensions = [
    notAnAuthority,
    usage('sign'),
    aaguidExtension(aaguid),
    serialExtension(value, critical),
  ]
  return attested('packed', { leaf: { extensions } })
}

test('packed and fido-u2f tell their maker by the certificate that the maker issued', () => {
  for (const format of ['packed', 'fido-u2f'] as const) {
    const verified = attested(format, { leaf: { subject } })
    accepted(verified)
    assert.deepEqual(verified.statement.device.makers, ['Acme Keys Inc.', 'Acme Batch 7'])
  }
})

test('a name that the holder of a device could choose is not one of its maker', () => {
  const android = attested('android-key', { leaf: { subject } })
  accepted(android)
  assert.deepEqual(android.statement.device.makers, [])
  for (const attestation of ['none', 'packed-self'] as const) {
    const verified = register({ attestation, aaguid })
    accepted(verified)
    assert.deepEqual(verified.statement.device, { makers: [], serial: undefined })
  }
  const apple = attested('apple', { leaf: { subject } })
  accepted(apple)
  assert.deepEqual(apple.statement.device.makers, ['Apple'])
})

test('a serial number is read from its extension, as octets', () => {
  for (const octets of [Buffer.from([0, 1, 2, 3]), Buffer.from('AB-123'), Buffer.alloc(64, 0xff)]) {
    const verified = withSerial(der(0x04, octets))
    accepted(verified)
    assert.equal(verified.statement.device.serial, octets.toString('hex'))
  }
  const plain = attested('packed')
  accepted(plain)
  assert.equal(plain.statement.device.serial, undefined)
})

test('a serial number in any other shape is no serial number, and the statement is refused', () => {
  for (const [what, value] of [
    ['no octets at all', der(0x04)],
    ['more octets than any device has', der(0x04, Buffer.alloc(65, 1))],
    ['a number', der(0x02, Buffer.from([1, 2, 3]))],
    ['text', der(0x0c, Buffer.from('123'))],
    ['bare octets', Buffer.from([0x12, 0x34])],
    ['something after it', Buffer.concat([der(0x04, Buffer.from([1])), Buffer.alloc(1)])],
    ['nothing', Buffer.alloc(0)],
  ] as const) {
    const outcome = withSerial(value)
    refusedAs(outcome, 'attestation_invalid')
    assert.ok('detail' in outcome, what)
  }
  refusedAs(withSerial(der(0x04, Buffer.from([1])), true), 'attestation_invalid')
})

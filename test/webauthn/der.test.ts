import assert from 'node:assert/strict'
import { test } from 'node:test'

import { derChildren, derTag, parseDer } from '../../src/webauthn/der.ts'
import { der, sequence } from '../kit/attestation-certificate.ts'

const hex = (text: string) => Buffer.from(text, 'hex')

test('reads lengths of one, two and three bytes', () => {
  for (const size of [0, 0x7f, 0x80, 0xff, 0x100, 0xffff]) {
    const element = parseDer(der(derTag.octetString, Buffer.alloc(size, 1)))
    assert.equal(element?.content.byteLength, size)
    assert.equal(element.tag, derTag.octetString)
  }
})

const bad: [encoded: Buffer, why: string][] = [
  [hex(''), 'nothing'],
  [hex('04'), 'a tag alone'],
  [hex('0401'), 'cut contents'],
  [hex('040000'), 'a byte after it'],
  [hex('04800000'), 'an indefinite length'],
  [hex('0481'), 'a cut length'],
  [hex('048200'), 'a cut length of two'],
  [Buffer.concat([hex('04817f'), Buffer.alloc(0x7f)]), 'a length longer than needed'],
  [Buffer.concat([hex('04820080'), Buffer.alloc(0x80)]), 'a length of two where one is needed'],
  [Buffer.concat([hex('0483000100'), Buffer.alloc(0x100)]), 'a length of three'],
  [Buffer.concat([hex('0483010000'), Buffer.alloc(0x1_0000)]), 'contents of 65,536 bytes'],
  [hex('1f0100'), 'a tag of two bytes'],
  [hex('bf0100'), 'a constructed tag of two bytes'],
]

for (const [encoded, why] of bad) {
  test(`refuses ${why}`, () => {
    assert.equal(parseDer(encoded), undefined)
  })
}

test('children fill their parent exactly, up to 64 of them', () => {
  const child = der(derTag.integer, Buffer.from([1]))
  const children = (count: number) =>
    derChildren(parseDer(sequence(...Array.from({ length: count }, () => child))), derTag.sequence)
  assert.equal(children(0)?.length, 0)
  assert.equal(children(64)?.length, 64)
  assert.equal(children(65), undefined)
  assert.equal(derChildren(parseDer(sequence(child, hex('0201'))), derTag.sequence), undefined)
})

test('an element of another tag has no children of this one', () => {
  assert.equal(derChildren(parseDer(der(derTag.set)), derTag.sequence), undefined)
  assert.equal(derChildren(undefined, derTag.sequence), undefined)
})

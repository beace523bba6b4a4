import { test } from 'node:test'
import assert from 'node:assert/strict'
import { array, assert as check, constantFrom, oneof, property, string } from 'fast-check'
import { isRefusal, toBase64url } from '../../src/core/index.ts'
import { parseProofHeader } from '../../src/proof/index.ts'

const id = 'AAAAAAAAAAAAAAAAAAAAAA'
const part = (length: number): string => toBase64url(new Uint8Array(length).fill(1))

function response(change: object = {}): object {
  return {
    id: part(32),
    rawId: part(32),
    type: 'public-key',
    response: {
      clientDataJSON: part(120),
      authenticatorData: part(37),
      signature: part(70),
      userHandle: part(16),
      ...change,
    },
    clientExtensionResults: {},
  }
}

function encoded(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64')
}

test('a proof is named by its id alone, or with an assertion', () => {
  assert.deepEqual(parseProofHeader(`id="${id}"`), { id })
  const both = parseProofHeader(`id="${id}", assertion=:${encoded(response())}:`)
  assert.ok(!isRefusal(both) && both.assertion !== undefined)
  assert.equal(both.id, id)
  assert.equal(both.assertion.credentialId, part(32))
  assert.deepEqual(both.assertion.signature, new Uint8Array(70).fill(1))
})

test('members may stand in either order, with blanks beside them', () => {
  const value = `\tassertion=:${encoded(response())}: ,\t id="${id}" `
  const found = parseProofHeader(value)
  assert.ok(!isRefusal(found) && found.assertion !== undefined && found.id === id)
})

test('an assertion of the longest signature fits', () => {
  const longest = response({ signature: part(4627) })
  assert.ok(!isRefusal(parseProofHeader(`id="${id}", assertion=:${encoded(longest)}:`)))
})

const good = encoded(response())
const twice = JSON.stringify(response()).replace('"type"', '"type":"public-key","type"')
const invalid = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')])
const malformed: readonly [string, string][] = [
  ['nothing', ''],
  ['a bare id', id],
  ['a token', `id=${id}`],
  ['a short id', `id="AAAA"`],
  ['a long id', `id="${id}A"`],
  ['an id in single quotes', `id='${id}'`],
  ['an escape in the id', `id="${id.slice(1)}\\"`],
  ['another name', `proof="${id}"`],
  ['a name in upper case', `ID="${id}"`],
  ['blanks around the equals sign', `id = "${id}"`],
  ['an unknown member', `id="${id}", touched`],
  ['a claim that it was touched', `id="${id}", verified=?1`],
  ['a parameter', `id="${id}";v=1`],
  ['a comma at the end', `id="${id}",`],
  ['a comma at the start', `, id="${id}"`],
  ['two ids', `id="${id}", id="${id}"`],
  ['two different ids', `id="${id}", id="${id.replace('A', 'B')}"`],
  ['two assertions', `id="${id}", assertion=:${good}:, assertion=:${good}:`],
  ['an assertion without an id', `assertion=:${good}:`],
  ['an empty assertion', `id="${id}", assertion=::`],
  ['an assertion in quotes', `id="${id}", assertion="${good}"`],
  ['an assertion without its end', `id="${id}", assertion=:${good}`],
  ['something behind the assertion', `id="${id}", assertion=:${good}:x`],
  ['base64url', `id="${id}", assertion=:e30_:`],
  ['base64 without its padding', `id="${id}", assertion=:e30:`],
  ['stray bits in base64', `id="${id}", assertion=:e31=:`],
  ['bytes that are no UTF-8', `id="${id}", assertion=:${invalid.toString('base64')}:`],
  ['no JSON', `id="${id}", assertion=:${encoded('{')}:`],
  ['a member named twice', `id="${id}", assertion=:${encoded(twice)}:`],
  ['an empty object', `id="${id}", assertion=:${encoded({})}:`],
  ['true', `id="${id}", assertion=:${encoded(true)}:`],
  ['a method instead of a signature', `id="${id}", assertion=:${encoded({ method: 'passkey' })}:`],
  ['an empty signature', `id="${id}", assertion=:${encoded(response({ signature: '' }))}:`],
  ['no signature', `id="${id}", assertion=:${encoded(response({ signature: undefined }))}:`],
  [
    'a signature that is too long',
    `id="${id}", assertion=:${encoded(response({ signature: part(4628) }))}:`,
  ],
  ['a null between', `id="${id}\0"`],
  ['more than is read', `id="${id}"${' '.repeat(12_288)}`],
]
for (const [what, value] of malformed) {
  test(`it refuses ${what}`, () => {
    const found = parseProofHeader(value)
    assert.ok(isRefusal(found))
    assert.equal(found.code, 'proof.malformed')
  })
}

test('whatever arrives, it answers', () => {
  const pieces = constantFrom(
    'id=',
    `"${id}"`,
    ', ',
    ',',
    'assertion=',
    ':',
    good,
    '=',
    '"',
    ' ',
    ';',
  )
  const text = oneof(
    string(),
    array(pieces, { maxLength: 12 }).map((all) => all.join('')),
  )
  check(
    property(text, (value) => {
      const found = parseProofHeader(value)
      assert.ok(isRefusal(found) ? found.code === 'proof.malformed' : found.id === id)
    }),
  )
})

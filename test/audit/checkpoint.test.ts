import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { CheckpointKey, digestText, emptyRoot, leafHash } from '../../src/audit/index.ts'
import type { Digest } from '../../src/audit/index.ts'
import { CheckpointSigner, claimedOrigin, requireOrigin } from '../../src/audit/checkpoint.ts'
import { code } from './kit.ts'

const origin = 'gateway.test/audit'
const signer = new CheckpointSigner(origin, generateKeyPairSync('ed25519').privateKey)
const note = signer.sign(42, leafHash('root'))

function opened(text: string, alone = true): string {
  const found = signer.key.open(text, alone)
  return typeof found === 'string' ? found : `opened ${found.size}`
}

test('a checkpoint says origin, size and root in three lines and carries one signature', () => {
  const [first, size, root, blank, signature, ...rest] = note.split('\n')
  assert.equal(first, origin)
  assert.equal(size, '42')
  assert.equal(root, digestText(leafHash('root'), 'base64'))
  assert.equal(blank, '')
  assert.match(signature ?? '', /^\u2014 gateway\.test\/audit [A-Za-z0-9+/]+=*$/)
  assert.deepEqual(rest, [''])
  assert.equal(opened(note), 'opened 42')
})

test('the published example key of the Go checksum database keeps its key id', () => {
  const vkey = 'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8'
  assert.equal(CheckpointKey.parse(vkey)?.print(), vkey)
})

test('a public key survives printing, and any changed character makes it another or none', () => {
  const printed = signer.key.print()
  assert.equal(CheckpointKey.parse(printed)?.print(), printed)
  assert.equal(CheckpointKey.parse(`${printed}\n`)?.print(), printed)
  for (let position = 0; position < printed.length; position++) {
    const changed = printed.slice(0, position) + (printed[position] === 'A' ? 'B' : 'A')
    assert.equal(CheckpointKey.parse(changed + printed.slice(position + 1)), undefined)
  }
  for (const text of ['', '+', 'a+b', 'a+00000000+', `${printed} `, `${printed}\n\n`]) {
    assert.equal(CheckpointKey.parse(text), undefined)
  }
})

test('no changed bit of a checkpoint goes unnoticed', () => {
  const bytes = Buffer.from(note)
  for (let position = 0; position < bytes.length; position++) {
    for (let bit = 0; bit < 8; bit++) {
      const changed = Buffer.from(bytes)
      changed[position] = (changed[position] ?? 0) ^ (1 << bit)
      assert.doesNotMatch(opened(changed.toString('utf8')), /opened/, `byte ${position} bit ${bit}`)
    }
  }
})

test('a checkpoint by another key, or of another log, is refused and says so', () => {
  const other = new CheckpointSigner(origin, generateKeyPairSync('ed25519').privateKey)
  assert.match(opened(other.sign(42, emptyRoot)), /not signed by the key/)
  const elsewhere = new CheckpointSigner('other.test', generateKeyPairSync('ed25519').privateKey)
  assert.match(opened(elsewhere.sign(42, emptyRoot)), /another origin/)
})

test('signatures of witnesses are left alone only where they may stand', () => {
  const witnessed = `${note}\u2014 witness.test AAAAAAAAAAAA\n`
  assert.equal(opened(witnessed, false), 'opened 42')
  assert.match(opened(witnessed, true), /do not belong/)
})

test('what is not a checkpoint is refused even when it is signed', () => {
  for (const text of [
    '',
    '\n\n',
    'a\n\nb\n',
    `${note}x`,
    note.trimEnd(),
    `x${'\n'.repeat(9000)}`,
  ]) {
    assert.doesNotMatch(opened(text), /opened/)
  }
})

test('sizes have one spelling and stay safe integers', () => {
  for (const size of [-1, 1.5, 2 ** 53, Number.NaN]) {
    assert.match(opened(signer.sign(size, emptyRoot)), /not a checkpoint/)
  }
  assert.match(opened(signer.sign(1, '\0'.repeat(31) as Digest)), /not a checkpoint/)
})

test('an origin that cannot name a key is refused', () => {
  requireOrigin(origin)
  for (const bad of ['', 'a b', 'a+b', 'ümlaut', 'line\nbreak', 'x'.repeat(201)]) {
    assert.throws(() => requireOrigin(bad), code('audit.origin'))
  }
  assert.equal(claimedOrigin(note), origin)
  assert.equal(claimedOrigin('no newline'), undefined)
})

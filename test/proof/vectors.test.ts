import { test } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import {
  array,
  assert as check,
  constantFrom,
  property,
  record,
  string,
  tuple,
  uint8Array,
} from 'fast-check'
import { isRefusal, toBase64url } from '../../src/core/index.ts'
import {
  boundHeaders,
  boundNames,
  canonicalRequest,
  challengeFor,
  contentDigest,
  parseProofHeader,
  parseStatement,
  printStatement,
  recordedEvidence,
  replayTouch,
  requestDigest,
} from '../../src/proof/index.ts'
import type { Evidence, Statement } from '../../src/proof/index.ts'
import { naiveCanonical, naiveChallenge, naiveDigest, naiveStatement } from './naive.ts'
import type { NaiveRequest } from './naive.ts'

interface Vectors {
  readonly requests: readonly {
    readonly request: NaiveRequest
    readonly canonical: string
    readonly digest: string
  }[]
  readonly statements: readonly {
    readonly members: Statement
    readonly text: string
    readonly nonce: string
    readonly challenge: string
  }[]
  readonly headers: readonly {
    readonly value: string
    readonly id?: string
    readonly credentialId?: string
  }[]
  readonly party: { readonly rpId: string; readonly origin: string }
  readonly evidence: readonly {
    readonly statement: string
    readonly touches: readonly Evidence[]
  }[]
}

const text = readFileSync(new URL('vectors.json', import.meta.url), 'utf8')
const vectors = JSON.parse(text) as Vectors

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

test('requests have the published digests, by both implementations', () => {
  assert.ok(vectors.requests.length >= 3)
  for (const { request, canonical, digest } of vectors.requests) {
    const content = bytes(request.content)
    assert.equal(canonicalRequest({ ...request, content }), canonical)
    assert.equal(requestDigest({ ...request, content }), digest)
    assert.equal(requestDigest({ ...request, content: contentDigest(content) }), digest)
    assert.equal(naiveCanonical(request), canonical)
    assert.equal(naiveDigest(request), digest)
  }
})

test('statements have the published texts and challenges, by both implementations', () => {
  assert.ok(vectors.statements.length >= 2)
  for (const { members, text: printed, nonce, challenge } of vectors.statements) {
    assert.equal(printStatement(members), printed)
    assert.deepEqual(parseStatement(printed), members)
    assert.equal(toBase64url(challengeFor(bytes(nonce), printed)), challenge)
    assert.equal(naiveStatement({ ...members }), printed)
    assert.equal(naiveChallenge(nonce, printed), challenge)
  }
})

test('headers are read as published, and the others are refused', () => {
  for (const { value, id, credentialId } of vectors.headers) {
    const read = parseProofHeader(value)
    assert.equal(isRefusal(read) ? undefined : read.id, id, value)
    assert.equal(isRefusal(read) ? undefined : read.assertion?.credentialId, credentialId, value)
  }
})

test('published touches verify, and none does with a byte changed', () => {
  const { rpId: relyingParty, origin } = vectors.party
  assert.ok(vectors.evidence.length >= 3)
  for (const { statement, touches } of vectors.evidence) {
    const [touch] = touches
    assert.ok(touch !== undefined)
    const proof = { id: parseStatement(statement)?.id ?? '', statement }
    const replayed = replayTouch(recordedEvidence(proof, touch), { origin, relyingParty })
    assert.ok(typeof replayed !== 'string')
    for (const member of ['nonce', 'clientDataJSON', 'authenticatorData', 'signature'] as const) {
      const changed = Buffer.from(touch[member], 'base64url')
      changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
      const bent: Evidence = { ...touch, [member]: changed.toString('base64url') }
      assert.equal(typeof replayTouch(recordedEvidence(proof, bent)), 'string', member)
    }
    const other = { ...proof, statement: statement.replace('“7”', '“8”') }
    assert.equal(typeof replayTouch(recordedEvidence(other, touch)), 'string')
  }
})

const latin = string({ unit: 'binary-ascii', maxLength: 30 })
const anyRequest = record(
  {
    method: constantFrom('GET', 'DELETE', 'POST'),
    authority: latin,
    target: latin,
    headers: array(tuple(latin, array(string({ unit: 'binary' }), { maxLength: 3 })), {
      maxLength: 3,
    }),
    content: uint8Array({ maxLength: 40 }),
  },
  { noNullPrototype: true },
)

test('both implementations agree on any request, and tell any two apart', () => {
  check(
    property(anyRequest, anyRequest, (one, other) => {
      const plain = { ...one, content: Buffer.from(one.content).toString('hex') }
      assert.equal(canonicalRequest(one), naiveCanonical(plain))
      const isSame =
        JSON.stringify({ ...one, content: [...one.content] }) ===
        JSON.stringify({ ...other, content: [...other.content] })
      assert.equal(requestDigest(one) === requestDigest(other), isSame)
    }),
  )
})

test('a header is bound with all its values, and by its absence', () => {
  const names = boundNames(['If-Match', 'if-match', 'Content-Type'])
  assert.deepEqual(names, ['content-type', 'if-match'])
  const raw = ['Host', 'x', 'IF-Match', '"1"', 'Accept', '*/*', 'if-match', '"2"']
  assert.deepEqual(boundHeaders(names, raw), [
    ['content-type', []],
    ['if-match', ['"1"', '"2"']],
  ])
  const digests = [
    [],
    ['if-match', ''],
    ['if-match', '"1"'],
    ['if-match', '"1"', 'if-match', '"2"'],
    ['if-match', '"2"', 'if-match', '"1"'],
    ['if-match', '"1", "2"'],
    ['content-type', '"1"'],
  ].map((rawHeaders) =>
    requestDigest({
      method: 'PUT',
      authority: 'a',
      target: '/',
      headers: boundHeaders(names, rawHeaders),
      content: new Uint8Array(),
    }),
  )
  assert.equal(new Set(digests).size, digests.length)
})

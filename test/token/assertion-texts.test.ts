import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { AssertionTexts } from '../../src/token/assertion/texts.ts'
import type { AssertionFacts } from '../../src/token/assertion/texts.ts'

const issuer = 'https://auth.example'
const life = { id: 'A'.repeat(22), issuedAt: 1_700_000_000, expiresAt: 1_700_000_060 }
const alice: AssertionFacts = {
  issuer,
  subject: 'person-1',
  username: 'alice',
  groups: ['admins'],
  session: 's1',
  acr: 'phr',
  amr: ['pop', 'user'],
  authTime: 1_699_999_000_500,
  clientId: 'portal',
}

function claimsIn(input: string): unknown {
  const [header, payload, ...more] = input.split('.')
  assert.deepEqual([header, more], ['header', []])
  assert.match(payload ?? '', /^[\w-]+$/)
  return JSON.parse(Buffer.from(payload ?? '', 'base64url').toString('utf8'))
}

/** As JSON knows them: what is not known is not there. */
function claimsOf(facts: AssertionFacts, upstream: string): unknown {
  return JSON.parse(
    JSON.stringify({
      iss: issuer,
      aud: upstream,
      sub: facts.subject,
      subject_issuer: facts.issuer === issuer ? undefined : facts.issuer,
      username: facts.username,
      groups: facts.groups,
      sid: facts.session,
      acr: facts.acr,
      amr: facts.amr,
      auth_time: facts.authTime === undefined ? undefined : Math.floor(facts.authTime / 1000),
      client_id: facts.clientId,
      jti: life.id,
      iat: life.issuedAt,
      exp: life.expiresAt,
    }),
  )
}

test('whatever the facts hold, they are said once each and can be read back', () => {
  const texts = new AssertionTexts('header', issuer)
  const text = fc.string({ unit: 'grapheme', maxLength: 40 })
  const maybe = fc.option(text, { nil: undefined })
  const facts = fc.record({
    issuer: fc.constantFrom(issuer, 'https://other.example'),
    subject: text,
    username: maybe,
    groups: fc.array(text, { maxLength: 3 }),
    session: maybe,
    acr: maybe,
    amr: fc.array(text, { maxLength: 3 }),
    authTime: fc.option(fc.integer({ min: 0, max: 4_000_000_000_000 }), { nil: undefined }),
    clientId: maybe,
  })
  fc.assert(
    fc.property(facts, text, (one, upstream) => {
      const input = texts.signingInput(one, upstream, life)
      assert.deepEqual(claimsIn(input), claimsOf(one, upstream))
      assert.equal(texts.signingInput(one, upstream, life), input)
    }),
  )
})

test('what was found plain before is written as if it were looked at again', () => {
  const texts = new AssertionTexts('header', issuer)
  const lacking = { ...alice, username: undefined, session: undefined }
  for (const facts of [alice, lacking]) {
    const input = texts.signingInput(facts, 'orders', life)
    assert.equal(texts.signingInput({ ...facts, isPlain: true }, 'orders', life), input)
    assert.equal(texts.signingInput({ ...facts, isPlain: false }, 'orders', life), input)
  }
})

test('a text of any length is said whole', () => {
  const texts = new AssertionTexts('header', issuer)
  const long = { ...alice, subject: 's'.repeat(5000), username: '"'.repeat(3000) }
  assert.deepEqual(claimsIn(texts.signingInput(long, 'orders', life)), claimsOf(long, 'orders'))
  assert.deepEqual(claimsIn(texts.signingInput(alice, 'orders', life)), claimsOf(alice, 'orders'))
})

test('who differs in anything never gets the words of another', () => {
  const texts = new AssertionTexts('header', issuer)
  const others: readonly AssertionFacts[] = [
    alice,
    { ...alice, issuer: 'https://other.example' },
    { ...alice, groups: ['readers'] },
    { ...alice, groups: [] },
    { ...alice, acr: undefined },
    { ...alice, amr: ['hwk'] },
    { ...alice, clientId: 'cli' },
    { ...alice, clientId: undefined },
    { ...alice, subject: 'person-2' },
    ...Array.from({ length: 40 }, (_, index) => ({ ...alice, groups: [`group-${index}`] })),
  ]
  for (let turn = 0; turn < 3; turn++) {
    for (const facts of others) {
      for (const upstream of ['orders', 'billing']) {
        const input = texts.signingInput(facts, upstream, life)
        assert.deepEqual(claimsIn(input), claimsOf(facts, upstream))
      }
    }
  }
})

test('members are as JSON has them: a name stands once, also in the text', () => {
  const texts = new AssertionTexts('header', issuer)
  const [, payload = ''] = texts.signingInput(alice, 'orders', life).split('.')
  const text = Buffer.from(payload, 'base64url').toString('latin1')
  for (const name of Object.keys(claimsOf(alice, 'orders') as object)) {
    assert.equal(text.split(`"${name}":`).length, 2, name)
  }
})

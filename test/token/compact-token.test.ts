import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { SlotKey } from '../../src/core/index.ts'
import { CompactToken } from '../../src/token/remembered/compact-token.ts'
import type { TokenFacts } from '../../src/token/remembered/compact-token.ts'

const lists: readonly (readonly string[])[] = [[], ['a'], ['a', 'b'], ['b', 'a']]
const text = fc.oneof(
  fc.constantFrom('a', 'b', 'c'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 128, size: 'max' }),
)
const maybeText = fc.option(text, { nil: undefined })
const list = fc.constantFrom(...lists)
const time = fc.oneof(
  fc.integer({ min: 0, max: 253_402_300_799_000 }),
  fc.integer({ min: 0, max: 253_402_300_799 }).map((seconds) => seconds * 1000),
)
const maybeTime = fc.option(time, { nil: undefined })

const anyFacts: fc.Arbitrary<TokenFacts> = fc.record(
  {
    issuer: text,
    subject: text,
    username: maybeText,
    clientId: maybeText,
    tokenId: maybeText,
    session: maybeText,
    scopes: list,
    groups: list,
    issuedAt: time,
    expiresAt: time,
    authTime: maybeTime,
    acr: maybeText,
    amr: list,
    confirmationThumbprint: maybeText,
    certificateThumbprint: maybeText,
    taken: fc.option(fc.constantFrom({ role: 'a', sessionPolicy: undefined }), { nil: undefined }),
    credential: maybeText,
    openedAt: maybeTime,
    registeredAt: maybeTime,
    transports: list,
    claims: fc.constantFrom({}, { uv: 'true' }),
  },
  { noNullPrototype: true },
)

/** Read one by one, as whoever uses a token does. */
function read(token: CompactToken): TokenFacts {
  const { issuer, subject, username, clientId, tokenId, session, scopes, groups } = token
  const { issuedAt, expiresAt, authTime, acr, amr, credential, taken, claims } = token
  const { confirmationThumbprint, certificateThumbprint, openedAt, registeredAt } = token
  const who = { issuer, subject, username, clientId, tokenId, session, scopes, groups }
  const bound = { confirmationThumbprint, certificateThumbprint, taken, credential }
  const times = { issuedAt, expiresAt, authTime, openedAt, registeredAt }
  return { ...who, ...bound, ...times, acr, amr, claims, transports: token.transports }
}

test('tokens say what was read, however many others say nearly the same', () => {
  fc.assert(
    fc.property(fc.array(anyFacts, { maxLength: 200 }), (all) => {
      const tokens = all.map((facts) => new CompactToken(facts))
      assert.deepEqual(
        tokens.map((token) => read(token)),
        all,
      )
    }),
  )
})

test('a token is not made of ids that could be taken for none or for another', () => {
  const [facts] = fc.sample(anyFacts, 1)
  assert.ok(facts !== undefined)
  for (const name of ['session', 'tokenId', 'credential'] as const) {
    assert.throws(() => new CompactToken({ ...facts, [name]: '' }), { name: 'InvariantError' })
  }
  const session = 'a'.repeat(2048)
  assert.throws(() => new CompactToken({ ...facts, session, tokenId: session }))
  const credential = 'c'.repeat(5000)
  assert.equal(new CompactToken({ ...facts, credential }).credential, credential)
})

test('a token is plain where nothing of what it says of its own is escaped or long', () => {
  const [facts] = fc.sample(anyFacts, 1)
  assert.ok(facts !== undefined)
  const names = [
    'issuer',
    'subject',
    'username',
    'clientId',
    'session',
    'tokenId',
    'credential',
  ] as const
  const all = (value: string | undefined): object =>
    Object.fromEntries(names.map((name) => [name, value]))
  const isPlain = (changes: object): boolean => new CompactToken({ ...facts, ...changes }).isPlain
  const usual = all('AZaz09-_ !#[]~')
  assert.ok(isPlain(usual))
  const optional = ['username', 'clientId', 'session', 'tokenId', 'credential'] as const
  for (const name of optional) assert.ok(isPlain({ ...usual, [name]: undefined }))
  for (const name of names) {
    for (const odd of ['"', '\\', '\u007f', '\n', '\u00e9', '\u2028', '\ud800']) {
      assert.ok(
        !isPlain({ ...usual, [name]: `person${odd}` }),
        `${name} with ${JSON.stringify(odd)}`,
      )
    }
    assert.ok(!isPlain({ ...usual, [name]: 'x'.repeat(513) }), name)
  }
  assert.ok(isPlain({ ...usual, subject: 'x'.repeat(512), username: 'x'.repeat(512) }))
})

test('a token does not change, and holds what is worked out from it all the same', () => {
  const [facts] = fc.sample(anyFacts, 1)
  assert.ok(facts !== undefined)
  const token = new CompactToken(facts)
  Object.freeze(token)
  assert.throws(() => Object.assign(token, { subject: 'somebody else' }), TypeError)
  assert.throws(() => Object.assign(token, { issuer: 'another issuer' }), TypeError)
  assert.throws(() => Object.assign(token, { expiresAt: Infinity }), TypeError)
  const [key, other] = [new SlotKey<string>(), new SlotKey<string>()]
  token.derived.write(key, 'found')
  assert.deepEqual([token.derived.read(key), token.derived.read(other)], ['found', undefined])
  assert.equal(new CompactToken(facts).derived.read(key), undefined)
})

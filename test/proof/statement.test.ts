import { test } from 'node:test'
import assert from 'node:assert/strict'
import {
  array,
  assert as check,
  boolean,
  nat,
  property,
  record,
  string,
  uint8Array,
} from 'fast-check'
import { challengeFor, parseStatement, printStatement } from '../../src/proof/index.ts'
import type { Statement } from '../../src/proof/index.ts'

const statement: Statement = {
  id: 'AAAAAAAAAAAAAAAAAAAAAA',
  request: 'digest',
  method: 'DELETE',
  authority: 'api.example.com',
  target: '/orders/7?force=1',
  sentence: 'Delete order “7”',
  audience: 'https://api.example.com',
  subject: 'person',
  name: 'Ada',
  session: 'session',
  token: '',
  client: '',
  address: '127.0.0.1',
  configuration: 'version',
  decision: 'policy.allowed',
  approvers: { self: true, others: 2, groups: ['ops'], attested: true, separate: true },
  issuedAt: 1_800_000_000_000,
  expiresAt: 1_800_000_120_000,
}
const text = printStatement(statement)

test('a statement is read as it was printed', () => {
  assert.deepEqual(parseStatement(text), statement)
  assert.equal(JSON.parse(text).scope, 'once')
})

test('any statement is read as it was printed', () => {
  const anything = string({ unit: 'binary', maxLength: 50 })
  const texts = Object.fromEntries(
    Object.entries(statement)
      .filter(([, value]) => typeof value === 'string')
      .map(([name]) => [name, anything]),
  )
  const plain = { noNullPrototype: true }
  const approvers = record(
    {
      self: boolean(),
      others: nat(),
      groups: array(anything, { maxLength: 4 }),
      attested: boolean(),
      separate: boolean(),
    },
    plain,
  )
  check(
    property(record({ ...texts, approvers, issuedAt: nat(), expiresAt: nat() }, plain), (some) => {
      const each = some as unknown as Statement
      assert.deepEqual(parseStatement(printStatement(each)), each)
    }),
  )
})

/** The text with a member put in place of another one. */
function changed(change: object): string {
  return JSON.stringify({ ...JSON.parse(text), ...change })
}

const members = JSON.parse(text) as Record<string, unknown>
const { sentence: _sentence, ...without } = members
const refused: readonly [string, string][] = [
  ['nothing', ''],
  ['no JSON', text.slice(1)],
  ['a list', `[${text}]`],
  ['a blank', `${text} `],
  ['a blank inside', text.replace('":"', '": "')],
  ['another type', changed({ type: 'proofgate-statement/2' })],
  ['another scope', changed({ scope: 'until-revoked' })],
  ['no sentence', JSON.stringify(without)],
  ['one member more', changed({ more: 'x' })],
  ['a member twice', text.replace('"method"', '"method":"GET","method"')],
  ['its members in another order', JSON.stringify({ id: statement.id, ...without, ...members })],
  ['an escape that is not needed', text.replace('Ada', '\\u0041da')],
  ['a number for a text', changed({ name: 7 })],
  ['a time with a fraction', changed({ expiresAt: 1.5 })],
  ['a time as a text', changed({ expiresAt: '1800000120000' })],
  ['no approvers', changed({ approvers: null })],
  [
    'approvers who are asked for by a text',
    changed({ approvers: { ...statement.approvers, self: 'true' } }),
  ],
  ['half an approver', changed({ approvers: { ...statement.approvers, others: 0.5 } })],
  ['groups that are none', changed({ approvers: { ...statement.approvers, groups: [7] } })],
  ['more about approvers', changed({ approvers: { ...statement.approvers, more: 1 } })],
  ['more than is read', changed({ target: `/${'x'.repeat(8160)}` })],
]
for (const [what, each] of refused) {
  test(`a statement is not read with ${what}`, () => {
    assert.equal(parseStatement(each), undefined)
  })
}

test('what a key signs changes with each character of the statement and each byte of the nonce', () => {
  const nonce = new Uint8Array(32)
  const challenge = Buffer.from(challengeFor(nonce, text)).toString('hex')
  assert.equal(challenge.length, 64)
  for (let at = 0; at < text.length; at++) {
    const other = `${text.slice(0, at)}${text[at] === 'x' ? 'y' : 'x'}${text.slice(at + 1)}`
    assert.notEqual(Buffer.from(challengeFor(nonce, other)).toString('hex'), challenge)
  }
  check(
    property(uint8Array({ minLength: 32, maxLength: 32 }), (other) => {
      const isSame = Buffer.from(other).equals(nonce)
      const signed = Buffer.from(challengeFor(other, text)).toString('hex')
      assert.equal(signed === challenge, isSame)
    }),
  )
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { StoredRecord } from '../../src/audit/index.ts'
import { Ledger } from './ledger.ts'
import type { Account } from './ledger.ts'
import { isNamed, kindOf, markOf, reasonOf } from './mixture.ts'

const sent = 700

function record(reason: string, what: Record<string, string>): StoredRecord {
  return {
    v: 1,
    seq: 0,
    at: '',
    id: '',
    kind: 'decision',
    action: 'request',
    outcome: 'deny',
    reason,
    what,
  }
}

function recordOf(number: number): StoredRecord {
  return record(reasonOf(number), isNamed(number) ? { path: `/public/${markOf(number)}` } : {})
}

/** The record of each request, but those left out, and others. */
function differences(
  account: Partial<Account>,
  { without = [], others = [] }: { without?: readonly number[]; others?: readonly StoredRecord[] },
): readonly string[] {
  const ledger = new Ledger({ sent, silent: 0, ...account })
  for (let number = 1; number <= sent; number++) {
    if (!without.includes(number)) ledger.take(recordOf(number))
  }
  for (const other of others) ledger.take(other)
  return ledger.close().differences
}

const silence = record('gateway.request_timeout', {})
/** Bytes without a path: NULs. */
const unnamed = 33
/** A plain one, open to all. */
const plain = 2

describe('the records of a soak', () => {
  test('are in balance when each request has the one that it must have', () => {
    assert.deepEqual(differences({}, {}), [])
    const own = { path: '/app/own', sent: 1 }
    const others = [record('gateway.session_ended', { path: '/app/own' })]
    assert.deepEqual(differences({ own }, { others }), [])
    assert.deepEqual(differences({ silent: 1 }, { others: [silence] }), [])
  })

  test('are not when a request has none, or two, or one for another reason', () => {
    assert.equal(isNamed(unnamed), false)
    assert.equal(kindOf(plain), 'open get')
    assert.match(differences({}, { without: [plain] }).join(), /open get m2 has no record/)
    assert.match(differences({}, { without: [unnamed] }).join(), /1 fewer of gateway.malformed/)
    const again = { others: [recordOf(plain)] }
    assert.match(differences({}, again).join(), /open get m2 again/)
    assert.match(differences({}, { others: [recordOf(unnamed)] }).join(), /1 more of gateway.malf/)
    const others = [record('token.invalid', { path: `/public/${markOf(plain)}` })]
    assert.match(differences({}, { without: [plain], others }).join(), /m2 for another reason/)
  })

  test('are not when one is of a request that nobody sent', () => {
    for (const other of [
      recordOf(sent + 2),
      record('gateway.open_route', { path: '/public/m0' }),
      record('gateway.open_route', { path: '/public/x' }),
      record('policy.allowed', { path: '/app/own' }),
    ]) {
      assert.match(differences({}, { others: [other] }).join(), /nobody (?:sent|asked for) this/)
    }
    assert.match(differences({}, { others: [silence] }).join(), /1 records of silence, 0 connec/)
    assert.match(differences({ silent: 1 }, {}).join(), /0 records of silence, 1 connections/)
    const own = { path: '/app/own', sent: 2 }
    const others = [record('policy.allowed', { path: '/app/own' })]
    assert.match(differences({ own }, { others }).join(), /1 records of 2 requests/)
    const late = record('gateway.request_timeout', { method: 'GET' })
    assert.match(
      differences({ silent: 1 }, { others: [late] }).join(),
      /1 more of gateway.request_/,
    )
  })
})

test('every kind of the mixture is reached within a thousand requests', () => {
  const reached = new Set(Array.from({ length: 1000 }, (_, at) => kindOf(at + 1)))
  assert.equal(reached.size, 24)
})

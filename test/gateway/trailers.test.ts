import assert from 'node:assert/strict'
import { test } from 'node:test'
import { outgoingTrailers } from '../../src/gateway/forward/headers.ts'

test('a trailer that names an identity is dropped whatever its spelling, others pass', () => {
  const received = [
    'X-Proofgate-Assertion',
    'forged',
    'x_forwarded.for',
    '10.0.0.1',
    'Authorization',
    'Bearer x',
    'Cookie',
    'pg_api=x',
    'Server-Timing',
    'a;dur=1',
  ]
  assert.deepEqual(outgoingTrailers(received), ['Server-Timing', 'a;dur=1'])
})

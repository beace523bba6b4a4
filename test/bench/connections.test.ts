import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conclude } from '../../bench/sections/connections.ts'

test('what a connection adds is told apart from what its request costs', () => {
  const { rows, ratios } = conclude([
    { name: 'nginx-plain', kept: 10, own: 25 },
    { name: 'haproxy-jwt-es256', kept: 100, own: 120 },
    { name: 'proofgate', kept: 40, own: 100 },
  ])
  assert.deepEqual(
    rows.map(({ figures }) => figures['added, us']),
    [15, 20, 60],
  )
  assert.deepEqual(ratios, {
    'connection each proofgate/nginx-plain': 4,
    'added connection proofgate/nginx-plain': 4,
    'connection each proofgate/haproxy-jwt-es256': 0.833,
    'added connection proofgate/haproxy-jwt-es256': 3,
  })
})

test('without Proofgate there is nothing to compare', () => {
  assert.deepEqual(conclude([{ name: 'nginx-plain', kept: 10, own: 25 }]).ratios, {})
})

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { checkConnection } from './http2.ts'
import type { Http2Tally } from './http2.ts'

test('connections of any bytes are read alike however they are cut, and within their limits', () => {
  const tally: Http2Tally = { sound: 0, wrong: 0, fields: 0, tooLarge: 0, malformed: 0 }
  const seed = Date.now() % 2 ** 31
  for (let index = 0; index < 4000; index++) checkConnection(seed, index, tally)
  for (const [kind, count] of Object.entries(tally)) assert.ok(count > 4, `${kind}: ${count}`)
})

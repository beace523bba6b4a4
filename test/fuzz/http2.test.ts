import assert from 'node:assert/strict'
import { test } from 'node:test'

import { checkConnection } from './http2.ts'
import type { Http2Tally } from './http2.ts'

/** The same in each run of the suite; `npm run fuzz` tries others. */
const seed = 20_261_123

test('connections of any bytes are read alike however they are cut, and within their limits', () => {
  const tally: Http2Tally = { sound: 0, wrong: 0, fields: 0, tooLarge: 0, malformed: 0 }
  for (let index = 0; index < 4000; index++) checkConnection(seed, index, tally)
  for (const [kind, count] of Object.entries(tally)) assert.ok(count > 4, `${kind}: ${count}`)
})

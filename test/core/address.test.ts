import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import { addressFamily } from '../../src/core/index.ts'

const texts = [
  ['127.0.0.1', 4],
  ['255.255.255.255', 4],
  ['::', 6],
  ['::1', 6],
  ['fd00:ec2::254', 6],
  ['::ffff:10.0.0.1', 6],
  ['fe80::1%eth0', 6],
  ['', 0],
  ['localhost', 0],
  ['orders.example', 0],
  ['1.2.3', 0],
  ['1.2.3.256', 0],
  ['01.2.3.4', 0],
  ['127.0.0.1:80', 0],
  ['[::1]', 0],
  ['::1::', 0],
  [':', 0],
  ['1:2:3:4:5:6:7:8:9', 0],
  ['::g', 0],
  [' ::1', 0],
  ['::1\n', 0],
] as const

for (const [text, family] of texts) {
  test(`${JSON.stringify(text)} is of family ${family}, as the runtime has it`, () => {
    assert.equal(addressFamily(text), family)
    assert.equal(isIP(text), family)
  })
}

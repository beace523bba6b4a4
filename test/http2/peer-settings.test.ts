import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { followSettings, HeaderDecoder, Outbox, PeerSettings } from '../../src/http2/index.ts'

function settingsOf(id: number, value: number): Buffer {
  const payload = Buffer.alloc(6)
  payload.writeUInt16BE(id, 0)
  payload.writeUInt32BE(value, 2)
  return payload
}

test('a peer that keeps no table is sent heads that need none, from the next one on', () => {
  const [socket] = duplexPair()
  const side = { peer: new PeerSettings('client'), outbox: new Outbox(socket), streams: [] }
  const fields = [':status', '200', 'x-often', 'the same']
  side.outbox.encoder.encode(fields)
  assert.equal(followSettings(settingsOf(1, 0), side), undefined)
  const blocks = [1, 2].map(() => Buffer.from(side.outbox.encoder.encode(fields), 'latin1'))
  // RFC 7541 6.3: the new size is said before the next head.
  assert.equal(blocks[0]?.[0], 0x20)
  const decoder = new HeaderDecoder(0)
  for (const block of blocks) {
    const read = decoder.decode(block, { bytes: 1000, count: 10 })
    assert.ok('fields' in read)
    assert.deepEqual(read.fields, fields)
  }
})

test('settings that no peer may say end the connection', () => {
  const [socket] = duplexPair()
  const side = { peer: new PeerSettings('client'), outbox: new Outbox(socket), streams: [] }
  assert.equal(followSettings(settingsOf(2, 2), side)?.code, 1)
  assert.equal(followSettings(settingsOf(4, 2 ** 31), side)?.code, 3)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  ErrorCode,
  PeerSettings,
  ReceiveWindow,
  SendWindow,
  Setting,
} from '../../src/http2/index.ts'

function payload(...pairs: readonly (readonly [number, number])[]): Buffer {
  const bytes = Buffer.alloc(pairs.length * 6)
  for (const [index, [setting, value]] of pairs.entries()) {
    bytes.writeUInt16BE(setting, index * 6)
    bytes.writeUInt32BE(value, index * 6 + 2)
  }
  return bytes
}

test('a window to send into may go below zero by SETTINGS, and never above 2^31-1', () => {
  const window = new SendWindow(65_535)
  window.consume(60_000)
  assert.equal(window.grow(-65_535), true)
  assert.equal(window.available, -60_000)
  assert.equal(window.grow(2 ** 31 - 1), true)
  assert.equal(window.grow(60_000), true)
  assert.equal(window.available, 2 ** 31 - 1)
  assert.equal(window.grow(1), false)
  assert.equal(window.available, 2 ** 31 - 1)
})

test('a window to receive into holds what it said, and is given back in halves', () => {
  const window = new ReceiveWindow(100)
  assert.equal(window.receive(60), true)
  assert.equal(window.release(40), 0)
  assert.equal(window.held, 20)
  assert.equal(window.receive(40), true)
  assert.equal(window.release(10), 50)
  assert.equal(window.held, 50)
  assert.equal(window.receive(50), true)
  assert.equal(window.receive(1), false)
})

test('each setting is read, unknown ones are passed over, and the last of a kind counts', () => {
  const settings = new PeerSettings('client')
  const problem = settings.apply(
    payload(
      [Setting.headerTableSize, 0],
      [Setting.headerTableSize, 8192],
      [Setting.enablePush, 0],
      [Setting.maxConcurrentStreams, 0],
      [Setting.initialWindowSize, 2 ** 31 - 1],
      [Setting.maxFrameSize, 2 ** 24 - 1],
      [Setting.maxHeaderListSize, 2 ** 32 - 1],
      [Setting.enableConnectProtocol, 1],
      [0xffff, 7],
      [Setting.maxConcurrentStreams, 9],
    ),
  )
  assert.equal(problem, undefined)
  assert.deepEqual(Object.fromEntries(Object.entries(settings)), {
    headerTableSize: 8192,
    leastHeaderTableSize: 0,
    enablePush: false,
    maxConcurrentStreams: 9,
    initialWindowSize: 2 ** 31 - 1,
    maxFrameSize: 2 ** 24 - 1,
    maxHeaderListSize: 2 ** 32 - 1,
    enableConnectProtocol: true,
  })
  assert.equal(settings.apply(payload()), undefined)
  assert.equal(settings.leastHeaderTableSize, 8192)
})

test('settings that nobody may have end the connection', () => {
  for (const [peer, code, ...pairs] of [
    ['client', ErrorCode.protocol, [Setting.enablePush, 2]],
    ['server', ErrorCode.protocol, [Setting.enablePush, 1]],
    ['client', ErrorCode.flowControl, [Setting.initialWindowSize, 2 ** 31]],
    ['client', ErrorCode.protocol, [Setting.maxFrameSize, 16_383]],
    ['client', ErrorCode.protocol, [Setting.maxFrameSize, 2 ** 24]],
    ['server', ErrorCode.protocol, [Setting.enableConnectProtocol, 2]],
    [
      'server',
      ErrorCode.protocol,
      [Setting.enableConnectProtocol, 1],
      [Setting.enableConnectProtocol, 0],
    ],
    [
      'server',
      ErrorCode.enhanceYourCalm,
      ...Array.from({ length: 65 }, (): [number, number] => [0xffff, 0]),
    ],
  ] as const) {
    assert.equal(new PeerSettings(peer).apply(payload(...pairs))?.code, code, JSON.stringify(pairs))
  }
  assert.equal(new PeerSettings('server').apply(payload([Setting.enablePush, 0])), undefined)
})

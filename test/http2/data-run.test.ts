import assert from 'node:assert/strict'
import { test } from 'node:test'

import { FrameReader } from '../../src/http2/index.ts'
import type { DataPiece, FrameSink } from '../../src/http2/index.ts'
import { data, frame, headers, ping, rstStream, settings } from '../kit/h2-frames.ts'

interface Found {
  readonly stream: number
  readonly text: string
  readonly flowed: number
  readonly ends: boolean
  readonly isSole: boolean
}

/** What one reader hands on of these reads, each in memory of its own. */
function piecesOf(...reads: readonly (readonly Buffer[])[]): Found[] {
  const found: Found[] = []
  const none = (): void => undefined
  const sink: FrameSink = {
    data: (stream, { octets, ...piece }: DataPiece) => {
      found.push({ stream, text: octets.toString('latin1'), ...piece })
    },
    headers: none,
    reset: none,
    settings: none,
    settingsAck: none,
    ping: none,
    pingAck: none,
    goaway: none,
    windowUpdate: none,
    ignored: none,
  }
  const limits = { maxFrameSize: 16_384, maxBlockBytes: 1000, expectPreface: false }
  const reader = new FrameReader(sink, limits)
  for (const read of [[settings()], ...reads]) reader.feed(ownMemory(read))
  return found
}

function ownMemory(pieces: readonly Buffer[]): Buffer {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const memory = Buffer.allocUnsafeSlow(length)
  let at = 0
  for (const piece of pieces) at += piece.copy(memory, at)
  return memory
}

const padded = frame(0, 0x8, 1, Buffer.from('\x02abcd\0\0', 'latin1'))

test('what follows each other on one stream comes as one piece', () => {
  assert.deepEqual(piecesOf([data(1, 'ab'), data(1, 'cde'), data(1, 'f', true)]), [
    { stream: 1, text: 'abcdef', flowed: 6, ends: true, isSole: true },
  ])
})

test('other streams, other frames, padding and ends part pieces', () => {
  const texts = (...read: readonly Buffer[]): string =>
    piecesOf(read)
      .map(({ stream, text, ends }) => `${stream}:${text}${ends ? '.' : ''}`)
      .join(' ')
  assert.equal(texts(data(1, 'a'), data(3, 'b'), data(1, 'c')), '1:a 3:b 1:c')
  assert.equal(texts(data(1, 'a'), ping(), data(1, 'b')), '1:a 1:b')
  assert.equal(texts(data(1, 'a'), rstStream(1, 8), data(3, 'b')), '1:a 3:b')
  assert.equal(texts(data(1, 'a'), data(1, ''), data(1, 'b')), '1:a 1: 1:b')
  assert.equal(texts(data(1, 'a'), padded, data(1, 'b')), '1:a 1:abcd 1:b')
  assert.equal(texts(data(1, 'a', true), data(1, 'b')), '1:a. 1:b')
})

test('a piece goes over reads with its frames, wherever they were cut', () => {
  const all = ownMemory([data(1, 'a'.repeat(50)), data(1, 'b'.repeat(50)), data(1, 'c', true)])
  const whole = `${'a'.repeat(50)}${'b'.repeat(50)}c`
  for (let cut = 1; cut < all.length; cut++) {
    const found = piecesOf([all.subarray(0, cut)], [all.subarray(cut)])
    assert.equal(found.map(({ text }) => text).join(''), whole, `cut at ${cut}`)
    assert.deepEqual(
      found.map(({ ends }) => ends),
      found.map((_, index) => index === found.length - 1),
    )
    assert.ok(
      found.every(({ isSole }) => isSole),
      `cut at ${cut}`,
    )
  }
})

test('a piece is sole only when nothing beside or behind it is in its memory', () => {
  const soles = (...read: readonly Buffer[]): boolean[] =>
    piecesOf(read).map(({ isSole }) => isSole)
  assert.deepEqual(soles(ping(), headers(1, [['a', 'b']]), data(1, 'a'), data(1, 'b')), [true])
  assert.deepEqual(soles(data(1, 'a'), ping()), [false])
  assert.deepEqual(soles(data(1, 'a'), ping().subarray(0, 3)), [true], 'what is cut is copied')
  assert.deepEqual(soles(data(1, 'a'), data(3, 'b')), [false, false])
  assert.deepEqual(soles(data(1, 'a'), data(3, 'b'), data(3, 'c')), [false, false])
  assert.deepEqual(soles(padded, data(1, 'b')), [false, false])
  assert.deepEqual(piecesOf([data(1, 'a'), data(3, 'b')], [data(3, 'c')]).at(-1)?.isSole, true)
  // Memory that is part of a larger one, as the runtime cuts small buffers.
  const memory = Buffer.concat([settings(), data(1, 'a'), Buffer.alloc(5)])
  const found: boolean[] = []
  const none = (): void => undefined
  const sink = new Proxy({} as FrameSink, {
    get: (_, name) =>
      name === 'data' ? (_id: number, piece: DataPiece) => found.push(piece.isSole) : none,
  })
  const limits = { maxFrameSize: 16_384, maxBlockBytes: 1000, expectPreface: false }
  new FrameReader(sink, limits).feed(memory.subarray(0, memory.length - 5))
  assert.deepEqual(found, [false])
})

test('a reader goes on behind memory that was freed in its hands', () => {
  const found: string[] = []
  const none = (): void => undefined
  const sink = new Proxy({} as FrameSink, {
    get: (_, name) => {
      if (name !== 'data') return none
      return (_id: number, { octets, isSole }: DataPiece) => {
        found.push(octets.toString('latin1'))
        if (isSole && octets.buffer instanceof ArrayBuffer) octets.buffer.transfer(0)
      }
    },
  })
  const limits = { maxFrameSize: 16_384, maxBlockBytes: 1000, expectPreface: false }
  const reader = new FrameReader(sink, limits)
  const long = data(1, 'xyz')
  for (const read of [[settings(), data(1, 'ab')], [long.subarray(0, 10)], [long.subarray(10)]]) {
    assert.equal(reader.feed(ownMemory(read)), undefined)
  }
  assert.deepEqual(found, ['ab', 'x', 'yz'])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { FrameScanner } from '../../../src/gateway/http2/frames.ts'
import type { FrameHead } from '../../../src/gateway/http2/frames.ts'
import { frame } from '../../kit/h2-frames.ts'

interface Read extends FrameHead {
  readonly payload: string
}

function readAll(pieces: readonly Buffer[], wanted: (head: FrameHead) => boolean): Read[] {
  const frames: Read[] = []
  let head: FrameHead | undefined
  let payload = ''
  const scanner = new FrameScanner({
    onFrame: (next) => {
      head = next
      payload = ''
      if (!wanted(next)) frames.push({ ...next, payload: '-' })
      return wanted(next)
    },
    onPayload: (piece, last) => {
      payload += piece.toString('hex')
      if (last && head !== undefined) frames.push({ ...head, payload })
    },
  })
  for (const piece of pieces) scanner.scan(piece)
  return frames
}

const frames = fc.array(
  fc.record({
    type: fc.nat(255),
    flags: fc.nat(255),
    stream: fc.nat(0x7fffffff),
    payload: fc.uint8Array({ maxLength: 40 }),
  }),
  { maxLength: 12 },
)

test('frames are read the same however the bytes are cut', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 13 })), (sent, cuts) => {
      const bytes = Buffer.concat(
        sent.map(({ type, flags, stream, payload }) =>
          frame(type, flags, stream, Buffer.from(payload)),
        ),
      )
      const pieces: Buffer[] = []
      let at = 0
      for (const cut of cuts) {
        pieces.push(bytes.subarray(at, at + cut))
        at += cut
      }
      pieces.push(bytes.subarray(at))
      assert.deepEqual(
        readAll(pieces, ({ type }) => type % 2 === 0),
        sent.map(({ type, flags, stream, payload }) => ({
          type,
          flags,
          stream,
          length: payload.length,
          payload: type % 2 === 0 ? Buffer.from(payload).toString('hex') : '-',
        })),
      )
    }),
  )
})

test('the reserved bit is no part of the number of a stream', () => {
  const bytes = frame(0, 0, 0)
  bytes[5] = 0x80
  bytes[8] = 0x03
  assert.equal(readAll([bytes], () => false)[0]?.stream, 3)
})

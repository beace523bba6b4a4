import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { closeFrame, FrameFollower } from '../../src/gateway/forward/frames.ts'
import { decodeFrames, encodeFrame } from '../kit/websocket.ts'

/** Cuts bytes at the given places, in any order and with repeats. */
function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...places].map((start, index) => bytes.subarray(start, places[index]))
}

describe('the frames of a WebSocket', () => {
  const frame = fc.record({
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 130 }),
      fc.constantFrom(new Uint8Array(65_535), new Uint8Array(70_000)),
    ),
    opcode: fc.constantFrom(0, 1, 2, 8, 9, 10),
    final: fc.boolean(),
    masked: fc.boolean(),
  })

  it('are followed to the same place however their bytes arrive', () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 6 }),
        fc.array(fc.nat(200_000), { maxLength: 12 }),
        (frames, cuts) => {
          const follower = new FrameFollower()
          const bytes = Buffer.concat(
            frames.map(({ payload, ...options }) => encodeFrame(Buffer.from(payload), options)),
          )
          for (const piece of split(bytes, cuts)) assert.ok(follower.follow(piece))
          assert.ok(follower.isBetweenFrames)
          assert.equal(follower.dataFrames, frames.filter(({ opcode }) => opcode < 8).length)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('are known to be unfinished at every place within one', () => {
    for (const [length, masked] of [
      [0, true],
      [5, false],
      [125, true],
      [126, true],
      [300, false],
      [66_000, true],
    ] as const) {
      const bytes = encodeFrame(Buffer.alloc(length), { masked })
      const follower = new FrameFollower()
      assert.ok(follower.isBetweenFrames)
      const places = [...bytes.keys()].filter((at) => at < 20 || at > bytes.length - 3)
      let done = 0
      for (const at of places) {
        follower.follow(bytes.subarray(done, at + 1))
        done = at + 1
        assert.equal(follower.isBetweenFrames, done === bytes.length, `${length}: ${at}`)
      }
    }
  })

  it('are no longer followed when one is longer than anything', () => {
    const follower = new FrameFollower()
    assert.ok(follower.follow(Buffer.from([0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255])))
    assert.equal(follower.isBetweenFrames, false)
    assert.ok(follower.follow(Buffer.alloc(1000)))
    assert.equal(follower.isBetweenFrames, false)
  })

  it('make messages, whose fragments count together and whose control frames do not', () => {
    const follow = (...frames: readonly Buffer[]): boolean[] => {
      const follower = new FrameFollower(100)
      return frames.map((bytes) => follower.follow(bytes))
    }
    const text = (length: number, opcode: number, final: boolean): Buffer =>
      encodeFrame(Buffer.alloc(length), { opcode, final })
    assert.deepEqual(follow(text(100, 1, true), text(100, 2, true)), [true, true])
    assert.deepEqual(follow(text(101, 1, true)), [false])
    assert.deepEqual(follow(text(60, 1, false), text(60, 0, true)), [true, false])
    assert.deepEqual(
      follow(text(60, 1, false), text(120, 9, true), text(40, 0, true), text(100, 1, true)),
      [true, true, true, true],
    )
    assert.equal(
      new FrameFollower(100).follow(Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4])),
      false,
      'judged by what the header says, before a byte of it has come',
    )
  })

  it('to close are whole frames with a code and a reason, masked for services only', () => {
    for (const masked of [true, false]) {
      const { frames, rest } = decodeFrames(closeFrame(1008, 'gateway.revoked', masked))
      assert.equal(rest.length, 0)
      const [close] = frames
      assert.deepEqual(
        [close?.opcode, close?.final, close?.masked, close?.payload.readUInt16BE(0)],
        [8, true, masked, 1008],
      )
      assert.equal(close?.payload.subarray(2).toString(), 'gateway.revoked')
    }
  })
})

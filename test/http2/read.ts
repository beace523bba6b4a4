import { FrameReader, FrameType } from '../../src/http2/index.ts'
import type { ConnectionProblem, FrameSink } from '../../src/http2/index.ts'

export function bytes(latin1: string): Buffer {
  return Buffer.from(latin1, 'latin1')
}

/** A frame of any kind, right or wrong. */
export function frame(type: number, flags: number, stream: number, payload: string): string {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream >>> 0, 5)
  return head.toString('latin1') + payload
}

/** Empty SETTINGS, which any connection may begin with. */
export const settings = frame(FrameType.settings, 0, 0, '')

export interface Reading {
  readonly found: string[]
  readonly problem: ConnectionProblem | undefined
}

/** What a reader finds in pieces, a line for each frame. */
export function readFrames(
  pieces: readonly Buffer[],
  options: { readonly expectPreface?: boolean; readonly stopAfter?: number } = {},
): Reading {
  const found: string[] = []
  let piece: { stream: number; text: string; flowed: number } | undefined
  const note = (...words: readonly (string | number)[]): void => {
    if (words[0] !== 'data') piece = undefined
    found.push(words.join(' '))
    if (found.length === options.stopAfter) reader.stop()
  }
  const end = (ends: boolean): string[] => (ends ? ['end'] : [])
  const sink: FrameSink = {
    data: (stream, { octets, flowed, ends }) => {
      // Pieces of a frame are put together again.
      const before = piece?.stream === stream ? piece : { stream, text: '', flowed: 0 }
      if (piece === before) found.pop()
      piece = {
        stream,
        text: before.text + octets.toString('latin1'),
        flowed: before.flowed + flowed,
      }
      note('data', stream, piece.text, piece.flowed, ...end(ends))
      if (ends) piece = undefined
    },
    headers: (stream, block, ends) => {
      note('headers', stream, block.toString('latin1'), ...end(ends))
    },
    reset: (stream, code) => note('reset', stream, code),
    settings: (payload) => note('settings', payload.toString('hex')),
    settingsAck: () => note('settingsAck'),
    ping: (opaque) => note('ping', opaque),
    pingAck: (opaque) => note('pingAck', opaque),
    goaway: (last, code) => note('goaway', last, code),
    windowUpdate: (stream, increment) => note('windowUpdate', stream, increment),
    ignored: (type, stream) => note('ignored', type, stream),
  }
  const reader = new FrameReader(sink, {
    maxFrameSize: 16_384,
    maxBlockBytes: 40_000,
    expectPreface: options.expectPreface ?? false,
  })
  let problem: ConnectionProblem | undefined
  // What is fed is the reader's to change.
  for (const piece of pieces) problem = reader.feed(Buffer.from(piece))
  return { found, problem }
}

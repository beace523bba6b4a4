import { Flag, FrameType } from './codes.ts'

/*
 * Frames as latin1 text, one character for each octet: texts of one turn of the event loop are joined
 * and leave in one write, which costs less than as many buffers.
 */

/** The nine octets in front of a payload (RFC 9113 4.1). */
function frameHead(length: number, type: number, flags: number, stream: number): string {
  return String.fromCharCode(
    length >>> 16,
    (length >>> 8) & 0xff,
    length & 0xff,
    type,
    flags,
    stream >>> 24,
    (stream >>> 16) & 0xff,
    (stream >>> 8) & 0xff,
    stream & 0xff,
  )
}

function uint32(value: number): string {
  return String.fromCharCode(
    value >>> 24,
    (value >>> 16) & 0xff,
    (value >>> 8) & 0xff,
    value & 0xff,
  )
}

/** HEADERS, with CONTINUATION behind it for what is longer than the peer takes in one frame. */
export function headersFrame(
  stream: number,
  block: string,
  options: { readonly endStream: boolean; readonly maxFrameSize: number },
): string {
  const end = options.endStream ? Flag.endStream : 0
  if (block.length <= options.maxFrameSize) {
    return frameHead(block.length, FrameType.headers, end | Flag.endHeaders, stream) + block
  }
  let frames = ''
  for (let at = 0; at < block.length; at += options.maxFrameSize) {
    const piece = block.slice(at, at + options.maxFrameSize)
    const type = at === 0 ? FrameType.headers : FrameType.continuation
    const last = at + piece.length === block.length ? Flag.endHeaders : 0
    frames += frameHead(piece.length, type, (at === 0 ? end : 0) | last, stream) + piece
  }
  return frames
}

/** What goes in front of `length` octets of DATA. Neither may pass the peer's frame size. */
export function dataHead(stream: number, length: number, endStream: boolean): string {
  return frameHead(length, FrameType.data, endStream ? Flag.endStream : 0, stream)
}

export function resetFrame(stream: number, code: number): string {
  return frameHead(4, FrameType.reset, 0, stream) + uint32(code)
}

/** SETTINGS of pairs of identifier (`Setting`) and value. */
export function settingsFrame(settings: readonly (readonly [number, number])[]): string {
  let payload = ''
  for (const [setting, value] of settings) {
    payload += String.fromCharCode(setting >>> 8, setting & 0xff) + uint32(value)
  }
  return frameHead(payload.length, FrameType.settings, 0, 0) + payload
}

export const settingsAck: string = frameHead(0, FrameType.settings, Flag.ack, 0)

/** @param opaque - eight characters. */
export function pingFrame(opaque: string): string {
  return frameHead(8, FrameType.ping, 0, 0) + opaque
}

/** @param opaque - what the peer's PING carried. */
export function pingAck(opaque: string): string {
  return frameHead(8, FrameType.ping, Flag.ack, 0) + opaque
}

/** @param lastStream - the highest stream of the peer's that was or may have been acted on. */
export function goawayFrame(lastStream: number, code: number): string {
  return frameHead(8, FrameType.goaway, 0, 0) + uint32(lastStream) + uint32(code)
}

/** @param stream - 0 for the connection's window. */
export function windowUpdateFrame(stream: number, increment: number): string {
  return frameHead(4, FrameType.windowUpdate, 0, stream) + uint32(increment)
}

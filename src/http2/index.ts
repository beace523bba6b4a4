/**
 * HTTP/2: frames (RFC 9113) and header compression (RFC 7541), read and written without I/O, and the
 * connections and streams of a server on top of them (`connection/`).
 *
 * Guarantees: what is read does not depend on where its pieces were cut; a frame or field block is whole
 * and well-formed or an error; frames, blocks, lists and tables are bounded, and the work for a block by
 * its length; a secret is never put in a table that compresses.
 *
 * Does not: know what a request is, which is for `listener/http2/`, or what a service may answer, which is for
 * `upstream/http2/` with the connections to services.
 */
export {
  ErrorCode,
  FrameType,
  Setting,
  connectionPreface,
  defaultFrameSize,
  defaultHeaderTableSize,
  defaultWindow,
} from './codes.ts'
export { connectionFields } from './connection-fields.ts'
export { Floods } from './connection/floods.ts'
export { Outbox } from './connection/outbox.ts'
export { followSettings } from './connection/peer-settings.ts'
export { RecentIds } from './connection/recent-ids.ts'
export { SendingSide } from './connection/sending-side.ts'
export type { DataPiece } from './data-run.ts'
export { ReceiveWindow, SendWindow } from './flow.ts'
export { FrameReader } from './frame-reader.ts'
export type { FrameReaderOptions, FrameSink } from './frame-reader.ts'
export {
  dataHead,
  goawayFrame,
  headersFrame,
  pingAck,
  pingFrame,
  resetFrame,
  settingsAck,
  settingsFrame,
  windowUpdateFrame,
} from './frame-writer.ts'
export { HeaderDecoder } from './hpack/decoder.ts'
export type { FieldLimits, FieldList } from './hpack/decoder.ts'
export { HeaderEncoder } from './hpack/encoder.ts'
export { ConnectionProblem } from './problem.ts'
export { PeerSettings } from './settings.ts'
export { ServerConnection } from './connection/server.ts'
export type { ServerEvents } from './connection/server.ts'
export type { ServerLimits } from './connection/greeting.ts'
export type { Stream, StreamUser } from './connection/stream.ts'

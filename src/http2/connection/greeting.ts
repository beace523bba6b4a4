import { Setting, defaultWindow } from '../codes.ts'
import { settingsFrame, windowUpdateFrame } from '../frame-writer.ts'

/** What a client may send on one stream, and on all together, ahead of whoever takes it. */
export const streamWindow = 128 * 1024
export const connectionWindow = 512 * 1024

export interface ServerLimits {
  /** Octets of a decoded header section (RFC 9113 6.5.2). */
  readonly headerBytes: number
  /** Streams that a client may have open. */
  readonly streams: number
}

/** What a server says first (RFC 9113 3.4). */
export function greeting(limits: ServerLimits): string {
  const settings = settingsFrame([
    [Setting.maxConcurrentStreams, limits.streams],
    [Setting.initialWindowSize, streamWindow],
    [Setting.maxHeaderListSize, limits.headerBytes],
  ])
  return settings + windowUpdateFrame(0, connectionWindow - defaultWindow)
}

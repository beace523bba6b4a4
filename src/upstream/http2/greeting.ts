import {
  Setting,
  connectionPreface,
  defaultWindow,
  settingsFrame,
  windowUpdateFrame,
} from '../../http2/index.ts'

/**
 * What all streams together may send us ahead. It is given back as it comes, so that one reader that pauses
 * holds up no other: what is held is bounded by the windows of the streams.
 */
export const connectionWindow = 1024 * 1024
/** Of one stream: what a paused reader can make us hold. */
export const streamWindow = 256 * 1024

/** What a client says first (RFC 9113 3.4). */
export function greeting(maxHeaderBytes: number): string {
  const settings = settingsFrame([
    [Setting.enablePush, 0],
    [Setting.initialWindowSize, streamWindow],
    [Setting.maxHeaderListSize, maxHeaderBytes],
  ])
  return connectionPreface + settings + windowUpdateFrame(0, connectionWindow - defaultWindow)
}

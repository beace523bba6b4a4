import { millis } from '../../core/index.ts'
import type { StreamLimits, WebSocketLimits } from '../model.ts'
import { readDuration, readFlag, readSize } from '../scalars.ts'
import type { RouteShape } from '../schema.ts'

const hour = 3_600_000

/** What `websocket: true` means. */
const usual: WebSocketLimits = {
  maxAge: millis(12 * hour),
  idle: millis(5 * 60_000),
  maxMessage: undefined,
  outlivesToken: false,
}

export function readWebSocket({ websocket }: RouteShape): WebSocketLimits | undefined {
  if (typeof websocket !== 'object') return readFlag(websocket) ? usual : undefined
  return {
    maxAge: readDuration(websocket.maxAge),
    idle: readDuration(websocket.idle),
    maxMessage: websocket.maxMessage === undefined ? undefined : readSize(websocket.maxMessage),
    outlivesToken: readFlag(websocket.outlivesToken),
  }
}

export function readStreams({ streams }: RouteShape): StreamLimits {
  return {
    maxAge: readDuration(streams.maxAge),
    idle: readDuration(streams.idle),
    outlivesToken: readFlag(streams.outlivesToken),
  }
}

import { ErrorCode } from '../codes.ts'
import { settingsAck } from '../frame-writer.ts'
import { ConnectionProblem } from '../problem.ts'
import type { PeerSettings } from '../settings.ts'
import type { Outbox } from './outbox.ts'
import type { SendingSide } from './sending-side.ts'

/**
 * Puts what a SETTINGS frame of the peer says in force and acknowledges it (RFC 9113 6.5.3): for header sections
 * from the next one on, for the windows of all streams at once (RFC 9113 6.9.2).
 *
 * @returns why the connection has to end.
 */
export function followSettings(
  payload: Buffer,
  side: {
    readonly peer: PeerSettings
    readonly outbox: Outbox
    readonly streams: Iterable<SendingSide>
  },
): ConnectionProblem | undefined {
  const { peer, outbox, streams } = side
  const before = peer.initialWindowSize
  const problem = peer.apply(payload)
  if (problem !== undefined) return problem
  outbox.encoder.resize(peer.headerTableSize, peer.leastHeaderTableSize)
  outbox.say(settingsAck)
  const difference = peer.initialWindowSize - before
  if (difference === 0) return undefined
  for (const stream of streams) {
    if (!stream.sendWindow.grow(difference)) {
      return new ConnectionProblem(ErrorCode.flowControl, 'settings that make a window too large')
    }
    if (difference > 0) outbox.enter(stream)
  }
  return undefined
}

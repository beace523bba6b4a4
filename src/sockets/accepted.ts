import { Socket } from 'node:net'
import { SocketReader } from './reader.ts'
import { places } from './runtime.ts'

/**
 * The runtime takes the option `onread` for sockets that it connects only, though those it accepts are read by
 * the same code (decision 0013).
 */
type Internals = Socket &
  Record<symbol, unknown> & {
    readonly _handle?: { useUserBuffer?(buffer: Uint8Array): void } | null
  }

/**
 * Lets a socket that was accepted a moment ago, and that nothing was read of, be read by a `SocketReader`
 * rather than by its `data` events; `end`, `pause`, `resume` and all else stay as they are.
 *
 * @returns the reader; `undefined` where that cannot be, as with TLS or another version of the runtime: it is
 *   read by its events then.
 */
export function readAccepted(socket: Socket): SocketReader | undefined {
  return socket.bytesRead > 0 ? undefined : readOver(socket)
}

/** The same for one whose handle was read in this way before, if any. */
export function readOver(socket: Socket): SocketReader | undefined {
  const { _handle: handle } = socket as Internals
  if (places === undefined || typeof handle?.useUserBuffer !== 'function') return undefined
  if (socket.constructor !== Socket) return undefined
  const reader = new SocketReader()
  const internals = socket as Internals
  const first = reader.next()
  internals[places.buffer] = first
  internals[places.generator] = () => reader.next()
  internals[places.callback] = (count: number) => reader.take(count)
  handle.useUserBuffer(first)
  return reader
}

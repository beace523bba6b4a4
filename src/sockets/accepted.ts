import { Socket } from 'node:net'
import { SocketReader } from './reader.ts'

/**
 * Where the runtime keeps what `onread` says. It takes that option for sockets that it connects only, though
 * those it accepts are read by the same code (decision 0013).
 */
interface Places {
  readonly buffer: symbol
  readonly callback: symbol
  readonly generator: symbol
}

type Internals = Socket &
  Record<symbol, unknown> & {
    readonly _handle?: { useUserBuffer?(buffer: Uint8Array): void } | null
  }

const places = findPlaces()

/**
 * Lets a socket that was accepted a moment ago, and that nothing was read of, be read by a `SocketReader`
 * rather than by its `data` events; `end`, `pause`, `resume` and all else stay as they are.
 *
 * @returns the reader; `undefined` where that cannot be, as with TLS or another version of the runtime: it is
 *   read by its events then.
 */
export function readAccepted(socket: Socket): SocketReader | undefined {
  const { _handle: handle } = socket as Internals
  if (places === undefined || typeof handle?.useUserBuffer !== 'function') return undefined
  if (socket.constructor !== Socket || socket.bytesRead > 0) return undefined
  const reader = new SocketReader()
  const internals = socket as Internals
  const first = reader.next()
  internals[places.buffer] = first
  internals[places.generator] = () => reader.next()
  internals[places.callback] = (count: number) => reader.take(count)
  handle.useUserBuffer(first)
  return reader
}

/** Looks at a socket that was told, and is never connected. */
function findPlaces(): Places | undefined {
  const buffer = (): Uint8Array => new Uint8Array(0)
  const callback = (): boolean => true
  const told = new Socket({ onread: { buffer, callback } }) as Internals
  const symbols = Object.getOwnPropertySymbols(told)
  const flag = symbols.find((symbol) => symbol.description === 'kBuffer' && told[symbol] === true)
  const generator = symbols.find((symbol) => told[symbol] === buffer)
  const place = symbols.find((symbol) => told[symbol] === callback)
  if (flag === undefined || generator === undefined || place === undefined) return undefined
  return { buffer: flag, callback: place, generator }
}

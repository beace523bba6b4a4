/**
 * Plain sockets without the runtime's stream machinery, on either side of the gateway: one buffer to read all of
 * them into, and no memory for those that lie idle; those that are accepted also without a socket, until one is
 * needed. Knows nothing of what is read.
 */
export { readAccepted } from './accepted.ts'
export { SocketReader } from './reader.ts'
export type { Consumer } from './reader.ts'
export { acceptWires } from './plain-wire.ts'
export { StreamWire } from './stream-wire.ts'
export type { Left, Wire, WireUser } from './wire.ts'

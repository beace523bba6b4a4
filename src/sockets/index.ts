/**
 * Reading plain sockets without the runtime's stream machinery, on either side of the gateway: one buffer for
 * all of them, and no memory for those that lie idle. Knows nothing of what is read.
 */
export { readAccepted } from './accepted.ts'
export { SocketReader } from './reader.ts'
export type { Consumer } from './reader.ts'

/**
 * Where callers and browsers arrive: one public listener, with TLS and the PROXY protocol in front of it where
 * they are configured, and a server each for HTTP/1.1 and HTTP/2. It guarantees that what is handed to the
 * gateway was read in one way only, from bounded memory and within bounded time, and that behind bytes whose
 * meaning is in doubt nothing is read. It decides nothing about what a request may do.
 */
export type { FrontCounts, FrontSettings } from './arrive/front.ts'
export { canShare, requireFree } from './bind.ts'
export { PublicListener } from './listener.ts'
export type { ListenerLimits } from './listener.ts'
export { WaitingRoom } from './waiting-room.ts'

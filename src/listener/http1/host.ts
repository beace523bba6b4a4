import type { RecentSections } from '../../http1/index.ts'
import type { Reception } from '../../gateway/index.ts'

/** What all connections of a server have in common. */
export interface ConnectionHost<Connection> {
  readonly reception: Reception
  readonly headerBytes: number
  /** Header sections with which connections began of late. */
  readonly recent: RecentSections
  /** Patience, in sweeps: with the first byte of a header and its end, and between requests. */
  readonly headerSweeps: number
  readonly idleSweeps: number
  /** In sweeps: how long a caller may move too little of what it owes. */
  readonly stalledSweeps: number
  readonly keepAliveLines: string
  /** A caller that has ended its side still gets the answer to a request that is whole. */
  readonly halfClose: boolean
  /** Sweeps so far. */
  readonly tick: number
  /** Each answer is the last of its connection. */
  readonly isDraining: boolean
  /** Requests of all connections that are not over. */
  inFlight: number
  closed(connection: Connection): void
}

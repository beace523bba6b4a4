import type { Socket } from 'node:net'

/** Whom a connection tells what happens on it. */
export interface WireUser {
  /**
   * Something was read past the runtime's streams; see `Consumer`.
   *
   * @returns whether more of the same body is to come.
   */
  read(memory: Buffer, length: number, lent: boolean): boolean
  /** Something was read that is the user's to keep. */
  take(chunk: Buffer): void
  /** The other side has ended: nothing follows. */
  ended(): void
  /** What was written has left. */
  drained(): void
  /** The connection is closed. */
  closed(): void
  /** It goes on as another. */
  became(wire: Wire): void
}

/** Tells of the end of a write; of an error when it never left. */
export type Left = (error?: Error | null) => void

/** A connection that was accepted, as a server of ours uses it. */
export interface Wire {
  readonly isGone: boolean
  /** Bytes that were written and have not left. */
  readonly pending: number
  readonly bytesRead: number
  readonly bytesSent: number
  readonly isPaused: boolean
  /** Once, before anything else. */
  begin(user: WireUser): void
  /** @returns `false` when the writer should wait until it has left. */
  write(piece: string | Uint8Array, left?: Left): boolean
  /** Pieces that leave together. @param left - for the last one. */
  writeAll(pieces: readonly (string | Uint8Array)[], left?: Left): boolean
  /** Calls once all that was written has left. */
  whenLeft(left: Left): void
  pause(): void
  resume(): void
  /** What is read is slower taken than it comes. */
  ease(): void
  /** Ends our side once all that was written has left; what still comes is read. */
  end(): void
  /** Closes once all that was written has left. */
  finish(): void
  destroy(): void
  /** The same, so that the other side cannot take it for an end. */
  reset(): void
  /** For who writes to it by themselves; it goes on being read here. */
  socket(): Socket
  /**
   * From now on it is somebody else's: it is paused, and what is read comes out of it.
   *
   * @param ahead - what was read and not taken.
   */
  giveAway(ahead: Buffer | undefined): Socket
}

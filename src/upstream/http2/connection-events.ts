/** Who hears of a connection. */
export interface ConnectionEvents {
  /** Something came. */
  heard(): void
  /** The service has answered a ping of ours. */
  ponged(): void
  /** There is room for streams, for the first time or again. Never from inside a call of a stream. */
  vacated(): void
  /** The connection is gone. */
  closed(): void
}

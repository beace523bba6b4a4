import type { Millis } from '../../core/index.ts'

/** How long something may go on that was decided on once. */
export interface StreamLimits {
  readonly maxAge: Millis
  /** Without a byte either way. */
  readonly idle: Millis
  /** Whether it goes on after the token it was opened with expired. */
  readonly outlivesToken: boolean
}

export interface TunnelLimits extends StreamLimits {
  /** Longest message from the caller in bytes; any when absent. */
  readonly maxMessage: number | undefined
}

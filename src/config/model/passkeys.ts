import type { Millis } from '../../core/index.ts'

/** How long passkeys last, and how many people need. */
export interface ConfiguredPasskeys {
  readonly ageing: {
    /** Absent: they do not age. */
    readonly rotateAfter: Millis | undefined
    readonly warnBefore: Millis
    readonly graceAfter: Millis
    readonly unusedFor: Millis | undefined
  }
  /** How many everyone in a group should have. */
  readonly atLeast: readonly { readonly group: string; readonly count: number }[]
}

/** Letting people in again who have lost their passkeys. */
export interface ConfiguredRecovery {
  /** The group whose people approve. */
  readonly approvers: string
  readonly oldPasskeys: 'suspend' | 'remove'
}

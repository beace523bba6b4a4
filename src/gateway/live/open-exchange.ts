import type { Instant } from '../../core/index.ts'
import type { Admitted } from '../stages.ts'

/** Why something that was let through is ended before its time; each is `gateway.` and this word. */
export type Ending =
  | 'revoked'
  | 'expired'
  | 'policy_changed'
  | 'proof_too_old'
  | 'evidence_unavailable'
  | 'too_old'
  | 'idle'
  | 'message_too_big'
  | 'draining'

/**
 * What was let through and is not over: how long it may last depends on what it has become.
 * An `answer` ends by itself; a `stream` (no length) and a `tunnel` end when somebody ends them.
 */
export type Bond = 'answer' | 'stream' | 'tunnel'

/** One admitted exchange under way. Entering and leaving the books costs a few assignments. */
export abstract class OpenExchange {
  readonly admitted: Admitted
  /** Bytes so far, either way. */
  moved = 0
  /** Neighbours in the books; theirs to set. */
  previous: OpenExchange | undefined
  next: OpenExchange | undefined
  isOpen = false
  /** Books: what had moved when it was last looked at, and since when nothing has. */
  seenMoved = 0
  stillSince: Instant = 0
  /** Books: when it is decided on again; 0 is at once. */
  reviewAt: Instant | undefined
  /** Books: the caller's last touch, when that was looked at again; before that it is the principal's. */
  provedAt: Instant | undefined

  constructor(admitted: Admitted) {
    this.admitted = admitted
  }

  abstract get bond(): Bond

  /** Whether it lasts by its nature, however short it has lasted yet. */
  abstract get isLasting(): boolean

  /** Whether the caller has said anything of its own since this was last asked. */
  abstract takeUse(): boolean

  /** Ends it for both sides. Called once, after it has left the books. */
  abstract close(ending: Ending): void
}

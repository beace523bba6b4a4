import type { AuditRecorder } from '../audit/index.ts'
import type { Clock, Millis } from '../core/index.ts'
import type { Proofs } from '../proof/index.ts'
import type { Handoffs, Revocations, Sessions, StepUps } from '../session/index.ts'
import type { BucketStore, Limit } from '../throttle/index.ts'
import type { AssertionMinter, ProofReplays } from '../token/index.ts'
import type { ApiSessions } from './caller/api-sessions.ts'
import type { Principals } from './caller/principals.ts'
import type { ForwardedHeader } from './incoming/client-address.ts'
import type { LiveExchanges } from './live/live-exchanges.ts'
import type { Api } from './route.ts'
import type { ProofRooms } from './proof/room.ts'
import type { Shedding } from './shed/shedding.ts'

/** What one loaded configuration means for the gateway. Replaced as a whole, never changed. */
export interface GatewayTable {
  /** Content hash of the configuration, for the audit trail. */
  readonly version: string
  /** The same of what decides, for what is asked in one process and used in another. */
  readonly rulesVersion: string
  /** By canonical authority. */
  readonly apis: ReadonlyMap<string, Api>
  readonly principals: Principals
  readonly apiSessions: ApiSessions
  readonly minter: AssertionMinter
  readonly region: string
  readonly addressLimit: Limit
  readonly headerCount: number
  /** Where people sign in: origin and base path. */
  readonly identityBase: string
  readonly issuer: string
  /** Id of the relying party that passkeys are registered with. */
  readonly relyingPartyId: string
  readonly isTrustedProxy: (address: string) => boolean
  readonly forwardedHeader: ForwardedHeader
  /** Whether a fresher or stronger touch could change an answer of the policies. */
  readonly asksFreshness: boolean
}

/** What happened to one request, for metrics and the access log. */
export interface Completed {
  readonly requestId: string
  readonly method: string
  readonly path: string
  readonly api: string | undefined
  readonly route: string | undefined
  /** That was taken, or whose policy decided. */
  readonly role: string | undefined
  readonly status: number
  readonly code: string
  readonly millis: Millis
}

/** What the gateway is made of. */
export interface GatewayParts {
  /** The table in force now. A request reads it once and keeps it to its end. */
  readonly table: () => GatewayTable
  readonly clock: Clock
  readonly buckets: BucketStore
  readonly revocations: Revocations
  readonly sessions: Sessions
  readonly handoffs: Handoffs
  readonly stepUps: StepUps
  readonly proofReplays: ProofReplays
  readonly proofs: Proofs
  readonly proofRooms: ProofRooms
  readonly shedding: Shedding
  readonly live: LiveExchanges
  /** Records are durable before anybody is told of them. */
  readonly audit: AuditRecorder
  readonly onCompleted: (completed: Completed) => void
  readonly onError: (error: unknown, requestId: string) => void
}

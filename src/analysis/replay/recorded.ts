import type { AuditValue, StoredRecord } from '../../audit/index.ts'
import type { Instant } from '../../core/index.ts'
import type { SupposedFacts } from '../explain/supposition.ts'

/** Whom a record names. */
export type RecordedCaller =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'person'; readonly id: string; readonly username: string }
  /** Somebody another issuer vouched for, with groups that no record holds. */
  | { readonly kind: 'external'; readonly name: string }

/** A decision as the audit log has it. */
export interface RecordedRequest {
  readonly id: string
  readonly at: Instant
  readonly caller: RecordedCaller
  readonly method: string
  readonly api: string
  /** Method and path as configured. */
  readonly route: string
  readonly path: string
  readonly address: string
  /** What the record says about conditions; an empty list is a fact that was absent. */
  readonly facts: SupposedFacts
  readonly outcome: 'allow' | 'deny'
  readonly reason: string
  readonly policy: string | undefined
  readonly statement: string | undefined
  /** The credential that the caller signed in with. */
  readonly credential: string | undefined
  /** The role whose policy decided. */
  readonly role: string | undefined
  /** The role that was taken. */
  readonly assumedRole: string | undefined
  /** Version of the configuration that decided. */
  readonly configuration: string
}

/** Why a record cannot be decided on again. */
export type Unjudged =
  /** Refused for want of a route, a caller or room, or by something else that policies have no say in. */
  | 'notByPolicy'
  /** What was asked for is not in the record as a whole. */
  | 'incomplete'

/** What a decision record says; `undefined` for records of other kinds. */
export function readRecorded(record: StoredRecord): RecordedRequest | Unjudged | undefined {
  if (record.kind !== 'decision' || record.action !== 'request') return undefined
  const { outcome, reason } = record
  if (!isByPolicy(record)) return 'notByPolicy'
  // What a token was narrowed to is not recorded.
  if (reason === 'policy.session_policy_does_not_allow') return 'incomplete'
  const place = placeOf(record)
  if (place === undefined) return 'incomplete'
  const text = (name: string): string | undefined => asText(record.what?.[name])
  return {
    ...place,
    id: record.id,
    at: Date.parse(record.at),
    caller: callerOf(record),
    facts: factsOf(record),
    outcome: outcome === 'allow' ? 'allow' : 'deny',
    reason,
    policy: text('policy'),
    statement: text('statement'),
    credential: record.who?.credential,
    role: text('role'),
    assumedRole: text('assumedRole'),
    configuration: text('configuration') ?? '',
  }
}

/** What was asked for, and from where; `undefined` when any of it is missing or was cut. */
function placeOf(
  record: StoredRecord,
): Pick<RecordedRequest, 'method' | 'api' | 'route' | 'path' | 'address'> | undefined {
  if (wasCut(record, ['what.path', 'what.api', 'what.route', 'who.subject'])) return undefined
  const named = ['method', 'api', 'route', 'path'].map((name) => asText(record.what?.[name]))
  const [method, api, route, path, address] = [...named, record.where?.address]
  if (method === undefined || api === undefined || route === undefined) return undefined
  if (path === undefined || address === undefined) return undefined
  return { method, api, route, path, address }
}

/** Whether it was policies, or that a route is open, that decided. */
function isByPolicy({ outcome, reason }: StoredRecord): boolean {
  if (outcome === 'allow') return reason !== 'gateway.preflight'
  return reason.startsWith('policy.')
}

function callerOf({ who }: StoredRecord): RecordedCaller {
  const { subject, username, issuer } = who ?? {}
  if (subject === undefined || subject === 'anonymous') return { kind: 'anonymous' }
  const name = username ?? subject
  if (issuer !== undefined) return { kind: 'external', name: `${issuer}|${name}` }
  return { kind: 'person', id: subject, username: name }
}

/** What is not said here and is no matter of the configuration, nobody knows. */
function factsOf(record: StoredRecord): SupposedFacts {
  const { who, where, what } = record
  const facts: Record<string, readonly string[]> = {}
  const add = (key: string, field: string, value: string | undefined): void => {
    if (!wasCut(record, [field])) facts[key] = value === undefined ? [] : [value]
  }
  add('aws:UserAgent', 'where.userAgent', where?.userAgent)
  add('proofgate:CredentialId', 'who.credential', who?.credential)
  add('proofgate:ClientId', 'who.client', who?.client)
  add('proofgate:SessionId', 'who.session', who?.session)
  const certificate = asText(what?.['certificate'])
  add('proofgate:ClientCertificateFingerprint', 'what.certificate', certificate)
  facts['proofgate:ClientCertificateVerified'] = [String(certificate !== undefined)]
  if (certificate === undefined) {
    for (const name of ['Subject', 'San', 'Issuer', 'Serial']) {
      facts[`proofgate:ClientCertificate${name}`] = []
    }
  }
  return facts
}

function wasCut({ truncated }: StoredRecord, fields: readonly string[]): boolean {
  return truncated !== undefined && fields.some((field) => Object.hasOwn(truncated, field))
}

function asText(value: AuditValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

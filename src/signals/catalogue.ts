import type { AuditOutcome, AuditValue, StoredRecord } from '../audit/index.ts'

/** Which records of the audit log others are told of, and as what. To tell of another kind, add a line to `rules`. */
export const eventTypes = [
  'credential.registered',
  'credential.renamed',
  'credential.removed',
  'credential.suspended',
  'credential.restored',
  'authenticator_clone_suspected',
  'session.new_device',
  'session.ended',
  'session.all_ended',
  'assurance.changed',
  'person.created',
  'person.invited',
  'person.groups_changed',
  'person.disabled',
  'person.enabled',
  'recovery.requested',
  'recovery.approved',
  'recovery.declined',
  'break_glass',
  'approval.requested',
  'approval.granted',
  'approval.denied',
  'approval.disowned',
  'keys.rotated',
  'metadata.imported',
  'configuration.changed',
  'configuration.refused',
] as const

export type EventType = (typeof eventTypes)[number]

export interface EventRule {
  readonly action: string
  readonly outcome: AuditOutcome
  readonly type: EventType
  /** Members of the record's `what` that are told. Invariant: what is not named here stays in the log. */
  readonly tells: readonly string[]
  /** Member of `what` with the id of whom it is about, where that is neither who acted nor named as usual. */
  readonly about: string | undefined
  /** Of records of this action alone, by their `what`. */
  readonly when: (what: Readonly<Record<string, AuditValue>>) => boolean
}

interface Row {
  readonly tells?: readonly string[]
  readonly outcome?: AuditOutcome
  readonly about?: string
  readonly when?: EventRule['when']
}

function on(action: string, type: EventType, row: Row = {}): EventRule {
  const { tells = [], outcome = 'success', about, when = () => true } = row
  return { action, type, tells, outcome, about, when }
}

const failed = 'failure'
const key = ['credential', 'aaguid', 'platform']

const rules: readonly EventRule[] = [
  on('credential.register', 'credential.registered', { tells: key }),
  on('credential.renew', 'credential.registered', { tells: [...key, 'replaced'] }),
  on('credential.rename', 'credential.renamed', { tells: ['credential', 'name'] }),
  on('credential.remove', 'credential.removed', { tells: key }),
  on('credential.suspend', 'credential.suspended', { tells: [...key, 'reason'] }),
  on('credential.restore', 'credential.restored', { tells: key }),
  on('authenticator_clone_suspected', 'authenticator_clone_suspected', {
    tells: key,
    outcome: failed,
  }),
  on('session.new_device', 'session.new_device', { tells: ['browser', 'credential'] }),
  on('session.sign_out', 'session.ended'),
  on('session.end', 'session.ended', { tells: ['ended', 'sessions'] }),
  on('session.end_all', 'session.all_ended', { tells: ['count'] }),
  on('session.prove', 'assurance.changed', {
    tells: ['acr', 'previous'],
    when: ({ acr, previous }) => acr !== undefined && acr !== previous,
  }),
  on('person.create', 'person.created', { tells: ['groups'] }),
  on('person.invite', 'person.invited'),
  on('person.groups', 'person.groups_changed', { tells: ['groups'] }),
  on('person.disable', 'person.disabled', { tells: ['ended'] }),
  on('person.leave', 'person.disabled', { tells: ['ended'] }),
  on('person.enable', 'person.enabled'),
  on('recovery.request', 'recovery.requested', { tells: ['recovery', 'reason'] }),
  on('recovery.approve', 'recovery.approved', { tells: ['recovery'], about: 'for' }),
  on('recovery.decline', 'recovery.declined', { tells: ['recovery'], about: 'for' }),
  on('credential.break_glass', 'break_glass', { tells: [...key, 'reason'] }),
  on('proof.ask', 'approval.requested', {
    tells: ['proof', 'sentence', 'approval', 'api', 'method', 'path'],
  }),
  on('proof.approve', 'approval.granted', { tells: ['proof'] }),
  on('proof.deny', 'approval.denied', { tells: ['proof'] }),
  on('proof.disown', 'approval.disowned', { tells: ['proof'] }),
  on('keys.rotate', 'keys.rotated', { tells: ['keys'] }),
  on('metadata.import', 'metadata.imported', { tells: ['no', 'nextUpdate', 'models'] }),
  on('configuration.load', 'configuration.changed', { tells: ['configuration'] }),
  on('configuration.load', 'configuration.refused', {
    tells: ['configuration', 'failedTests'],
    outcome: failed,
  }),
]

const byAction: ReadonlyMap<string, readonly EventRule[]> = Map.groupBy(
  rules,
  ({ action }) => action,
)

/** Whether records of an action can be events at all. */
export function isEventful(action: string): boolean {
  return byAction.has(action)
}

export function ruleFor({ action, outcome, what = {} }: StoredRecord): EventRule | undefined {
  return byAction.get(action)?.find((rule) => rule.outcome === outcome && rule.when(what))
}

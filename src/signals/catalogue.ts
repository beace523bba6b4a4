import type { AuditOutcome } from '../audit/index.ts'

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
  'assurance.raised',
  'person.created',
  'person.invited',
  'person.groups_changed',
  'person.disabled',
  'person.enabled',
  'break_glass',
  'approval.requested',
  'approval.granted',
  'approval.denied',
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
}

function on(
  action: string,
  type: EventType,
  tells: readonly string[] = [],
  outcome: AuditOutcome = 'success',
): EventRule {
  return { action, type, tells, outcome }
}

const rules: readonly EventRule[] = [
  on('credential.register', 'credential.registered', ['aaguid', 'name']),
  on('credential.rename', 'credential.renamed', ['credential', 'name']),
  on('credential.remove', 'credential.removed', ['credential']),
  on('credential.suspend', 'credential.suspended', ['credential', 'reason']),
  on('credential.restore', 'credential.restored', ['credential']),
  on('authenticator_clone_suspected', 'authenticator_clone_suspected', [], 'failure'),
  on('session.new_device', 'session.new_device', ['browser']),
  on('session.sign_out', 'session.ended'),
  on('session.end', 'session.ended', ['ended', 'sessions']),
  on('session.end_all', 'session.all_ended', ['count']),
  on('person.create', 'person.created', ['groups']),
  on('person.invite', 'person.invited'),
  on('person.groups', 'person.groups_changed', ['groups']),
  on('person.disable', 'person.disabled', ['ended']),
  on('person.enable', 'person.enabled'),
  on('keys.rotate', 'keys.rotated', ['keys']),
  on('metadata.import', 'metadata.imported', ['no', 'nextUpdate', 'models']),
  on('configuration.load', 'configuration.changed', ['configuration']),
  on('configuration.load', 'configuration.refused', ['configuration', 'failedTests'], 'failure'),
]

const byAction: ReadonlyMap<string, readonly EventRule[]> = Map.groupBy(
  rules,
  ({ action }) => action,
)

/** Whether records of an action can be events at all. */
export function isEventful(action: string): boolean {
  return byAction.has(action)
}

export function ruleFor(action: string, outcome: AuditOutcome): EventRule | undefined {
  return byAction.get(action)?.find((rule) => rule.outcome === outcome)
}

import { hash } from 'node:crypto'
import type { AuditValue, StoredRecord } from '../audit/index.ts'
import type { PersonId, PersonStore } from '../identity/index.ts'
import { ruleFor } from './catalogue.ts'
import type { EventRule, EventType } from './catalogue.ts'

/** Something that happened, as others are told of it. */
export interface SecurityEvent {
  /** The same each time it is told, so that whoever hears it twice can notice. */
  readonly id: string
  readonly type: EventType
  /** ISO 8601, UTC. */
  readonly at: string
  /** Whom it is about. */
  readonly subject: { readonly id: string; readonly username?: string } | undefined
  readonly initiatedBy: 'user' | 'admin' | 'system'
  readonly data: Readonly<Record<string, AuditValue>>
}

/** Where events are completed: an administrator names people by their user names. */
export interface EventSources {
  /** Names the audit log among all there are. */
  readonly log: string
  readonly people: Pick<PersonStore, 'load' | 'loadByUsername'>
}

/** The event that a record is; `undefined` for one that nobody is told of. */
export async function eventOf(
  record: StoredRecord,
  sources: EventSources,
): Promise<SecurityEvent | undefined> {
  const rule = ruleFor(record)
  if (rule === undefined) return undefined
  const data = dataOf(record, rule)
  return {
    id: eventId(sources.log, record.seq, rule.type),
    type: rule.type,
    at: record.at,
    subject: await subjectOf(record, rule, sources),
    initiatedBy: initiators[record.kind] ?? 'user',
    data,
  }
}

/** A name that cannot be told from a random one, and is the same for the same record. */
export function eventId(log: string, index: number, of: string): string {
  return hash('sha256', `proofgate/event\0${log}\0${index}\0${of}`, 'base64url').slice(0, 27)
}

const initiators: Readonly<Partial<Record<string, SecurityEvent['initiatedBy']>>> = {
  administration: 'admin',
  configuration: 'system',
  system: 'system',
}

function dataOf(record: StoredRecord, { tells }: EventRule): SecurityEvent['data'] {
  const data: Record<string, AuditValue> = {}
  for (const name of tells) {
    const value = record.what?.[name]
    if (value !== undefined) data[name] = value
  }
  const { credential, session } = record.who ?? {}
  const { address, userAgent } = record.where ?? {}
  const facts = { credential, session, address, userAgent }
  for (const [name, value] of Object.entries(facts)) {
    if (value !== undefined && value !== '') data[name] ??= value
  }
  return data
}

/** An administrator acts on somebody whom the record names; everybody else acts on themselves. */
async function subjectOf(
  record: StoredRecord,
  { about }: EventRule,
  { people }: EventSources,
): Promise<SecurityEvent['subject']> {
  if (record.kind !== 'administration' && about === undefined) {
    const { subject, username } = record.who ?? {}
    if (subject === undefined) return undefined
    return username === undefined ? { id: subject } : { id: subject, username }
  }
  const { [about ?? 'person']: person, username } = record.what ?? {}
  const named =
    typeof username === 'string'
      ? await people.loadByUsername(username)
      : typeof person === 'string'
        ? await people.load(person as PersonId)
        : undefined
  return named === undefined ? undefined : { id: named.id, username: named.username }
}

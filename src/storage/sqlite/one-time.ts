import type { Instant } from '../../core/index.ts'
import type { TicketStore, PersonId, Retirement, Ticket } from '../../identity/index.ts'
import type { Ceremony, CeremonyStore } from '../../login/index.ts'
import type {
  Handoff,
  HandoffStore,
  SessionId,
  StepUp,
  StepUpStore,
  Taken,
} from '../../session/index.ts'
import type { Database } from './database.ts'
import { revocationPosition } from './sessions.ts'

type ValueRow = { value: string; expires_at: number; taken_at: number | null }
type TicketRow = {
  hash: string
  person_id: string
  created_at: number
  expires_at: number
  taken_at: number | null
  retires: string | null
}

export function sqliteCeremonies(database: Database): CeremonyStore {
  return {
    open: async (begun) => {
      const ceremony: Ceremony = { ...begun, asOf: revocationPosition(database) }
      database.run(
        'INSERT INTO ceremony (challenge, value, expires_at) VALUES (?, ?, ?)',
        ceremony.challenge,
        JSON.stringify(ceremony),
        ceremony.expiresAt,
      )
    },
    take: async (challenge, now) =>
      take<Ceremony>(database, 'ceremony', 'challenge', challenge, now),
  }
}

export function sqliteHandoffs(database: Database): HandoffStore {
  return {
    issue: async (handoff) => {
      database.run(
        'INSERT INTO handoff (hash, value, expires_at) VALUES (?, ?, ?)',
        handoff.hash,
        JSON.stringify(handoff),
        handoff.expiresAt,
      )
    },
    take: async (hash, now) => take<Handoff>(database, 'handoff', 'hash', hash, now),
  }
}

export function sqliteStepUps(database: Database): StepUpStore {
  return {
    open: async (stepUp, most) =>
      database.transaction(() => {
        database.run(
          `DELETE FROM step_up WHERE session_id = ? AND value ->> '$.method' = ? AND hash NOT IN
             (SELECT hash FROM step_up WHERE session_id = ? AND value ->> '$.method' = ?
              ORDER BY opened_at DESC LIMIT ?)`,
          stepUp.sessionId,
          stepUp.method,
          stepUp.sessionId,
          stepUp.method,
          most,
        )
        database.run(
          `INSERT INTO step_up (hash, session_id, value, opened_at, expires_at)
           VALUES (?, ?, ?, ?, ?)`,
          stepUp.hash,
          stepUp.sessionId,
          JSON.stringify(stepUp),
          stepUp.openedAt,
          stepUp.expiresAt,
        )
      }),
    load: async (hash) => {
      const row = database.one<{ value: string; session_id: string }>(
        'SELECT value, session_id FROM step_up WHERE hash = ? AND taken_at IS NULL',
        hash,
      )
      if (row === undefined) return undefined
      const stepUp = JSON.parse(row.value) as StepUp
      return { ...stepUp, sessionId: row.session_id as SessionId }
    },
    rebind: async (hash, sessionId) => {
      database.run('UPDATE step_up SET session_id = ? WHERE hash = ?', sessionId, hash)
    },
    take: async (hash, now) => take<StepUp>(database, 'step_up', 'hash', hash, now),
  }
}

export function sqliteTickets(database: Database): TicketStore {
  return {
    issue: async (ticket) => {
      database.run(
        'INSERT INTO ticket (hash, person_id, created_at, expires_at) VALUES (?, ?, ?, ?)',
        ticket.hash,
        ticket.personId,
        ticket.createdAt,
        ticket.expiresAt,
      )
    },
    load: async (hash) => {
      const row = database.one<TicketRow>('SELECT * FROM ticket WHERE hash = ?', hash)
      return row === undefined ? undefined : ticketOf(row)
    },
    revokeFor: async (personId, now) =>
      database.transaction(() => {
        database.run(
          'UPDATE recovery SET decided_at = ? WHERE person_id = ? AND decided_at IS NULL',
          now,
          personId,
        )
        return database.run(
          'UPDATE ticket SET taken_at = ? WHERE person_id = ? AND taken_at IS NULL',
          now,
          personId,
        )
      }),
  }
}

/** One atomic statement decides who takes it; what is read afterwards only explains a no. */
function take<Value>(
  database: Database,
  table: 'ceremony' | 'handoff' | 'step_up',
  key: 'challenge' | 'hash',
  id: string,
  now: Instant,
): Taken<Value> {
  const taken = database.one<ValueRow>(
    `UPDATE ${table} SET taken_at = ? WHERE ${key} = ? AND taken_at IS NULL RETURNING *`,
    now,
    id,
  )
  if (taken !== undefined) {
    if (taken.expires_at <= now) return { outcome: 'expired' }
    return { outcome: 'taken', value: JSON.parse(taken.value) as Value }
  }
  const row = database.one<ValueRow>(`SELECT * FROM ${table} WHERE ${key} = ?`, id)
  return { outcome: row === undefined ? 'unknown' : 'already_taken' }
}

function ticketOf(row: TicketRow): Ticket {
  return {
    hash: row.hash,
    personId: row.person_id as PersonId,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    takenAt: row.taken_at ?? undefined,
    retires: (row.retires ?? undefined) as Retirement | undefined,
  }
}

import type { PersonId, Recovery, RecoveryStore } from '../../identity/index.ts'
import type { Database } from './database.ts'

type RecoveryRow = {
  id: string
  person_id: string
  ticket_hash: string
  code: string
  reason: string
  created_at: number
  expires_at: number
}

export function sqliteRecoveries(database: Database): RecoveryStore {
  return {
    open: async (recovery) =>
      database.transaction(() => {
        database.run(
          'UPDATE recovery SET decided_at = ? WHERE person_id = ? AND decided_at IS NULL',
          recovery.createdAt,
          recovery.personId,
        )
        database.run(
          `INSERT INTO recovery (id, person_id, ticket_hash, code, reason, created_at, expires_at)
           VALUES (?, ?, ?, ?, ?, ?, ?)`,
          recovery.id,
          recovery.personId,
          recovery.ticketHash,
          recovery.code,
          recovery.reason,
          recovery.createdAt,
          recovery.expiresAt,
        )
      }),
    listOpen: async (now) =>
      database
        .all<RecoveryRow>(
          `SELECT * FROM recovery WHERE decided_at IS NULL AND expires_at > ?
           ORDER BY created_at LIMIT 100`,
          now,
        )
        .map(recoveryOf),
    decide: async (id, decision) => database.transaction(() => decide(database, id, decision)),
  }
}

function decide(
  database: Database,
  id: string,
  { by, now, ticket }: Parameters<RecoveryStore['decide']>[1],
): Recovery | undefined {
  const row = database.one<RecoveryRow>(
    `UPDATE recovery SET decided_at = ?, decided_by = ?
     WHERE id = ? AND decided_at IS NULL AND expires_at > ? AND person_id <> ?
       AND EXISTS (SELECT 1 FROM person WHERE person.id = person_id AND disabled = 0)
     RETURNING *`,
    now,
    by,
    id,
    now,
    by,
  )
  if (row === undefined) return undefined
  if (ticket !== undefined) {
    database.run(
      'UPDATE ticket SET taken_at = ? WHERE person_id = ? AND taken_at IS NULL',
      now,
      row.person_id,
    )
    database.run(
      `INSERT INTO ticket (hash, person_id, created_at, expires_at, retires)
       VALUES (?, ?, ?, ?, ?)`,
      row.ticket_hash,
      row.person_id,
      now,
      ticket.expiresAt,
      ticket.retires,
    )
  }
  return recoveryOf(row)
}

function recoveryOf(row: RecoveryRow): Recovery {
  return {
    id: row.id,
    personId: row.person_id as PersonId,
    ticketHash: row.ticket_hash,
    code: row.code,
    reason: row.reason,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }
}

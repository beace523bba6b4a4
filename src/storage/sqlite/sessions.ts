import type { PersonId } from '../../identity/index.ts'
import type {
  KnownDeviceStore,
  ProofFacts,
  Revocation,
  RevocationStore,
  RevokedKind,
  Session,
  SessionId,
  SessionKind,
  SessionOrigin,
  SessionStore,
} from '../../session/index.ts'
import type { Database } from './database.ts'

type SessionRow = {
  id: string
  kind: string
  person_id: string
  facts: string
  confirmation: string | null
  authenticated_at: number
  proved_at: number
  created_at: number
  last_seen_at: number
  expires_at: number
  ended_at: number | null
  audience: string | null
  parent_id: string | null
  name: string
  address: string
}

const select = 'SELECT * FROM session'

export function sqliteSessions(database: Database): SessionStore {
  const one = (where: string, value: string): Session | undefined => {
    const row = database.one<SessionRow>(`${select} WHERE ${where} = ?`, value)
    return row === undefined ? undefined : sessionOf(row)
  }
  return {
    open: async (session, handleHash, origin) =>
      database.transaction(() => {
        if (isOvertaken(database, session, origin)) return 'overtaken'
        insert(database, session, handleHash)
        return 'opened'
      }),
    load: async (id) => one('id', id),
    loadByHandle: async (handleHash) => one('handle_hash', handleHash),
    listFor: async (personId) =>
      database
        .all<SessionRow>(
          `${select} WHERE person_id = ? AND ended_at IS NULL ORDER BY created_at`,
          personId,
        )
        .map(sessionOf),
    list: async () =>
      database
        .all<SessionRow>(`${select} WHERE ended_at IS NULL ORDER BY created_at`)
        .map(sessionOf),
    seen: async (id, at) => {
      database.run('UPDATE session SET last_seen_at = ? WHERE id = ?', at, id)
    },
    prove: async (id, change) => prove(database, id, change),
    strengthen: async (id, handleHash, at) =>
      database.transaction(() => {
        database.run(
          `UPDATE session SET handle_hash = ?, (proved_at, confirmation) =
             (SELECT proved_at, confirmation FROM session AS parent WHERE parent.id = session.parent_id)
           WHERE id = ? AND kind = 'api' AND ended_at IS NULL`,
          handleHash,
          id,
        )
        insertRevocation(database, 'proof', id, at)
      }),
    end: async (id, at) =>
      database.transaction(() => {
        const ended = database.all<{ id: string }>(
          `UPDATE session SET ended_at = ?, handle_hash = NULL
           WHERE (id = ? OR parent_id = ?) AND ended_at IS NULL RETURNING id`,
          at,
          id,
          id,
        )
        for (const row of ended) insertRevocation(database, 'session', row.id, at)
        return ended.map((row) => row.id as SessionId)
      }),
  }
}

export function sqliteRevocations(database: Database): RevocationStore {
  return {
    revoke: async (kind, id, at) => {
      insertRevocation(database, kind, id, at)
    },
    since: (sequence) =>
      database
        .all<{ sequence: number; kind: string; id: string; at: number }>(
          'SELECT * FROM revocation WHERE sequence > ? ORDER BY sequence',
          sequence,
        )
        .map((row): Revocation => ({ ...row, kind: row.kind as RevokedKind })),
  }
}

/** The last position that was given away, also when what had it is deleted. */
export function revocationPosition(database: Database): number {
  const row = database.one<{ seq: number }>(
    `SELECT seq FROM sqlite_sequence WHERE name = 'revocation'`,
  )
  return row?.seq ?? 0
}

/** Part of the transaction that opens a session. */
function isOvertaken(
  database: Database,
  { personId, facts }: Session,
  origin: SessionOrigin,
): boolean {
  if ('parent' in origin) {
    const live = 'SELECT 1 FROM session WHERE id = ? AND ended_at IS NULL'
    return database.one(live, origin.parent) === undefined
  }
  return (
    isDisabled(database, personId) ||
    isRevokedSince(database, { person: personId, credential: facts.credentialId }, origin.asOf)
  )
}

/** Part of the transaction that stores a credential: what let its owner make it has to hold still. */
export function isEnrolmentOvertaken(
  database: Database,
  { person, session, asOf }: { person: string; session: string | undefined; asOf: number },
): boolean {
  if (isDisabled(database, person)) return true
  if (session === undefined) return isRevokedSince(database, { person, credential: '' }, asOf)
  const live = database.one<{ credential: string }>(
    `SELECT facts ->> '$.credentialId' AS credential FROM session
     WHERE id = ? AND person_id = ? AND ended_at IS NULL`,
    session,
    person,
  )
  if (live === undefined) return true
  return isRevokedSince(database, { person, credential: live.credential }, asOf)
}

function isDisabled(database: Database, person: string): boolean {
  const disabled = 'SELECT 1 FROM person WHERE id = ? AND disabled <> 0'
  return database.one(disabled, person) !== undefined
}

function isRevokedSince(
  database: Database,
  { person, credential }: { person: string; credential: string },
  asOf: number,
): boolean {
  const revoked = database.one(
    `SELECT 1 FROM revocation WHERE sequence > ? AND (
       (kind = 'person' AND id = ?) OR (kind IN ('credential', 'credential_until') AND id = ?))`,
    asOf,
    person,
    credential,
  )
  return revoked !== undefined
}

/** Part of the transaction that ends what it names, so that neither happens alone. */
export function insertRevocation(
  database: Database,
  kind: RevokedKind,
  id: string,
  at: number,
): void {
  database.run('INSERT INTO revocation (kind, id, at) VALUES (?, ?, ?)', kind, id, at)
}

/** Part of the transaction that suspends the credential. */
export function endSessionsBy(
  database: Database,
  { person, credential }: { person: string; credential: string },
  at: number,
): void {
  const ended = database.all<{ id: string }>(
    `UPDATE session SET ended_at = ?, handle_hash = NULL
     WHERE person_id = ? AND facts ->> '$.credentialId' = ? AND ended_at IS NULL RETURNING id`,
    at,
    person,
    credential,
  )
  for (const { id } of ended) insertRevocation(database, 'session', id, at)
}

/** Part of the transaction that lets a person in again. */
export function endSessionsOf(database: Database, person: string, at: number): void {
  const ended = database.all<{ id: string }>(
    `UPDATE session SET ended_at = ?, handle_hash = NULL
     WHERE person_id = ? AND ended_at IS NULL RETURNING id`,
    at,
    person,
  )
  for (const { id } of ended) insertRevocation(database, 'session', id, at)
}

/**
 * Part of the transaction that removes a credential: what it opened ends, and what it only made stronger is
 * again what its sign-in made it.
 */
export function weakenSessionsBy(
  database: Database,
  { person, credential }: { person: string; credential: string },
  at: number,
): void {
  const weakened = database.all<{ id: string }>(
    `UPDATE session SET confirmation = NULL, proved_at = authenticated_at
     WHERE person_id = ? AND ended_at IS NULL AND json_extract(confirmation, '$.credentialId') = ?
     RETURNING id`,
    person,
    credential,
  )
  for (const { id } of weakened) insertRevocation(database, 'proof', id, at)
}

function prove(
  database: Database,
  id: SessionId,
  { handleHash, provedAt, confirmation, asOf }: Parameters<SessionStore['prove']>[1],
): 'proved' | 'overtaken' {
  return database.transaction(() => {
    const row = database.one<{ person_id: string }>(
      'SELECT person_id FROM session WHERE id = ? AND ended_at IS NULL',
      id,
    )
    if (row === undefined) return 'overtaken'
    const touched = { person: row.person_id, credential: confirmation.credentialId }
    if (isRevokedSince(database, touched, asOf)) return 'overtaken'
    database.run(
      'UPDATE session SET handle_hash = ?, proved_at = ?, confirmation = ? WHERE id = ?',
      handleHash,
      provedAt,
      JSON.stringify(confirmation),
      id,
    )
    const opened = database.all<{ id: string }>(
      `SELECT id FROM session WHERE parent_id = ? AND kind = 'api' AND ended_at IS NULL`,
      id,
    )
    for (const each of opened) insertRevocation(database, 'proof', each.id, provedAt)
    return 'proved'
  })
}

function insert(database: Database, session: Session, handleHash: string | undefined): void {
  database.run(
    `INSERT INTO session (id, handle_hash, kind, person_id, facts, authenticated_at, proved_at,
       created_at, last_seen_at, expires_at, audience, parent_id, name, address, confirmation)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    session.id,
    handleHash ?? null,
    session.kind,
    session.personId,
    JSON.stringify(session.facts),
    session.authenticatedAt,
    session.provedAt,
    session.createdAt,
    session.lastSeenAt,
    session.expiresAt,
    session.audience ?? null,
    session.parentId ?? null,
    session.name,
    session.address,
    session.confirmation === undefined ? null : JSON.stringify(session.confirmation),
  )
}

function sessionOf(row: SessionRow): Session {
  return {
    id: row.id as SessionId,
    kind: row.kind as SessionKind,
    personId: row.person_id as PersonId,
    facts: JSON.parse(row.facts) as ProofFacts,
    confirmation:
      row.confirmation === null ? undefined : (JSON.parse(row.confirmation) as ProofFacts),
    authenticatedAt: row.authenticated_at,
    provedAt: row.proved_at,
    createdAt: row.created_at,
    lastSeenAt: row.last_seen_at,
    expiresAt: row.expires_at,
    endedAt: row.ended_at ?? undefined,
    audience: row.audience ?? undefined,
    parentId: (row.parent_id ?? undefined) as SessionId | undefined,
    name: row.name,
    address: row.address,
  }
}

export function sqliteKnownDevices(database: Database): KnownDeviceStore {
  return {
    note: async ({ personId, credentialId, browser, at }) =>
      database.transaction(() => {
        const { known, own } = database.one<{ known: number; own: number }>(
          `SELECT count(*) AS known, count(*) FILTER (WHERE credential_id = ? AND browser = ?) AS own
             FROM known_device WHERE person_id = ?`,
          credentialId,
          browser,
          personId,
        ) ?? { known: 0, own: 0 }
        if (own > 0) return 'known'
        database.run(
          'INSERT INTO known_device (person_id, credential_id, browser, first_seen_at) VALUES (?, ?, ?, ?)',
          personId,
          credentialId,
          browser,
          at,
        )
        return known === 0 ? 'first' : 'new'
      }),
  }
}

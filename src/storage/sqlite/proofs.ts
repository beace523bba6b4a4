import type { Instant } from '../../core/index.ts'
import type {
  Evidence,
  PendingAsked,
  PendingProof,
  ProofRecord,
  ProofState,
  ProofStore,
  TakenProof,
} from '../../proof/index.ts'
import type { Database } from './database.ts'

type ProofRow = {
  id: string
  state: ProofState
  holder: string
  owner: string
  statement: string
  browser_session: string | null
  nonce: string
  expires_at: number
}

/** Proofs bound to one request. Each change of state is one statement that names the state it starts from. */
export function sqliteProofs(database: Database): ProofStore {
  return {
    open: async (proof, limits) =>
      database.transaction(() => {
        const mine = count(database, 'owner = ? AND', limits.now, proof.owner)
        const all = count(database, '', limits.now)
        if (mine >= limits.ofOwner || all >= limits.ofAll) return 'too_many'
        insert(database, proof)
        return 'opened'
      }),
    load: async (id) => {
      const row = database.one<ProofRow>('SELECT * FROM request_proof WHERE id = ?', id)
      return row === undefined ? undefined : recordOf(database, row)
    },
    listPending: async (asked) => listPending(database, asked),
    approve: async (id, evidence, rule) =>
      database.transaction(() => approve(database, id, evidence, rule)),
    deny: async (id, now) =>
      database.run(
        `UPDATE request_proof SET state = 'denied'
         WHERE id = ? AND state IN ('pending', 'approved') AND expires_at > ?`,
        id,
        now,
      ) === 1
        ? 'denied'
        : 'not_open',
    take: async (id, from) => take(database, id, from),
  }
}

/**
 * What was kept as something else than a statement waits for nobody. The conditions leave out what cannot be for
 * this person to approve, so that a page is full of what can be.
 */
function listPending(
  database: Database,
  { person, groups, now, after, limit }: PendingAsked,
): readonly PendingProof[] {
  return database
    .all<Pick<ProofRow, 'id' | 'statement' | 'expires_at'>>(
      `SELECT id, statement, expires_at FROM request_proof AS proof
       WHERE state = 'pending' AND expires_at > ? AND (expires_at, id) > (?, ?)
         AND CASE WHEN NOT json_valid(statement) THEN FALSE
           WHEN statement ->> '$.subject' = ? THEN statement ->> '$.approvers.self'
           ELSE statement ->> '$.approvers.others' > 0 AND EXISTS (
             SELECT 1 FROM json_each(statement, '$.approvers.groups') AS one
             WHERE one.value IN (SELECT value FROM json_each(?)))
         END
         AND NOT EXISTS (
           SELECT 1 FROM request_proof_touch WHERE proof_id = proof.id AND person_id = ?)
       ORDER BY expires_at, id LIMIT ?`,
      now,
      after?.expiresAt ?? now,
      after?.id ?? '',
      person,
      JSON.stringify(groups),
      person,
      limit,
    )
    .map(({ id, statement, expires_at: expiresAt }) => ({ id, statement, expiresAt }))
}

function insert(database: Database, proof: Parameters<ProofStore['open']>[0]): void {
  database.run(
    `INSERT INTO request_proof
       (id, state, holder, owner, statement, browser_session, nonce, expires_at)
     VALUES (?, 'pending', ?, ?, ?, ?, ?, ?)`,
    proof.id,
    proof.holder,
    proof.owner,
    proof.statement,
    proof.browserSession ?? null,
    proof.nonce,
    proof.expiresAt,
  )
}

function count(database: Database, of: 'owner = ? AND' | '', now: Instant, owner?: string): number {
  const values = owner === undefined ? [now] : [owner, now]
  const row = database.one<{ waiting: number }>(
    `SELECT count(*) AS waiting FROM request_proof
     WHERE ${of} state IN ('pending', 'approved') AND expires_at > ?`,
    ...values,
  )
  return row?.waiting ?? 0
}

function approve(
  database: Database,
  id: string,
  evidence: Evidence,
  { isEnough, now }: Parameters<ProofStore['approve']>[2],
): Awaited<ReturnType<ProofStore['approve']>> {
  const row = database.one<ProofRow>(
    `SELECT * FROM request_proof WHERE id = ? AND state = 'pending' AND expires_at > ?`,
    id,
    now,
  )
  if (row === undefined) return 'not_pending'
  const added = database.run(
    `INSERT INTO request_proof_touch (proof_id, person_id, evidence) VALUES (?, ?, ?)
     ON CONFLICT DO NOTHING`,
    id,
    evidence.approver,
    JSON.stringify(evidence),
  )
  if (added !== 1) return 'already_approved'
  if (!isEnough(touchesOf(database, id))) return 'added'
  database.run(`UPDATE request_proof SET state = 'approved' WHERE id = ? AND state = 'pending'`, id)
  return 'approved'
}

/** One atomic statement decides; what is read afterwards only explains a no. */
function take(
  database: Database,
  id: string,
  { holder, states, now }: Parameters<ProofStore['take']>[1],
): TakenProof {
  const taken = database.one<ProofRow>(
    `UPDATE request_proof SET state = 'redeemed' WHERE id = ? AND holder = ? AND state IN (?, ?)
     RETURNING *`,
    id,
    holder,
    states[0] ?? null,
    states[1] ?? null,
  )
  if (taken !== undefined) {
    if (taken.expires_at <= now) return { outcome: 'expired' }
    return { outcome: 'taken', proof: recordOf(database, taken) }
  }
  const row = database.one<ProofRow>(
    'SELECT * FROM request_proof WHERE id = ? AND holder = ?',
    id,
    holder,
  )
  if (row === undefined) return { outcome: 'unknown' }
  if (row.state !== 'pending' && row.state !== 'approved') return { outcome: row.state }
  return { outcome: row.expires_at <= now ? 'expired' : 'pending' }
}

function recordOf(database: Database, row: ProofRow): ProofRecord {
  return {
    id: row.id,
    state: row.state,
    holder: row.holder,
    owner: row.owner,
    statement: row.statement,
    browserSession: row.browser_session ?? undefined,
    nonce: row.nonce,
    approvals: touchesOf(database, row.id),
    expiresAt: row.expires_at,
  }
}

function touchesOf(database: Database, id: string): readonly Evidence[] {
  return database
    .all<{ evidence: string }>(
      'SELECT evidence FROM request_proof_touch WHERE proof_id = ? ORDER BY rowid',
      id,
    )
    .map(({ evidence }) => JSON.parse(evidence) as Evidence)
}

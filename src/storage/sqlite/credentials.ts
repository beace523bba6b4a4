import type {
  Credential,
  CredentialId,
  CredentialStore,
  Finding,
  Judgement,
  PersonId,
  Registration,
  Suspended,
} from '../../identity/index.ts'
import type { Database } from './database.ts'
import {
  endSessionsBy,
  endSessionsOf,
  insertRevocation,
  isEnrolmentOvertaken,
  weakenSessionsBy,
} from './sessions.ts'

type CredentialRow = {
  id: string
  person_id: string
  name: string
  public_key: Uint8Array
  algorithm: number
  sign_count: number
  user_verified: number
  backup_eligible: number
  backup_state: number
  transports: string
  aaguid: string
  attestation_format: string
  attestation_trusted: number
  serial: string | null
  attestation_object: Uint8Array
  client_data_json: Uint8Array
  created_at: number
  last_used_at: number | null
  suspended_at: number | null
  suspended_for: string | null
  sealed_at: number | null
  finding: string | null
}

const select = 'SELECT * FROM credential'

export function sqliteCredentials(database: Database): CredentialStore {
  return {
    load: async (id) => {
      const row = database.one<CredentialRow>(`${select} WHERE id = ?`, id)
      return row === undefined ? undefined : credentialOf(row)
    },
    listFor: async (personId) =>
      database
        .all<CredentialRow>(`${select} WHERE person_id = ? ORDER BY created_at`, personId)
        .map(credentialOf),
    list: async () =>
      database.all<CredentialRow>(`${select} ORDER BY person_id, created_at`).map(credentialOf),
    count: async () =>
      database.one<{ total: number }>('SELECT count(*) AS total FROM credential')?.total ?? 0,
    register: async (credential, options) => register(database, credential, options),
    rename: async (id, personId, name) =>
      database.run(
        'UPDATE credential SET name = ? WHERE id = ? AND person_id = ?',
        name,
        id,
        personId,
      ) === 1
        ? 'renamed'
        : 'unknown',
    remove: async (id, personId, options) => remove(database, id, personId, options),
    suspend: async (id, change) => database.transaction(() => suspend(database, id, change)),
    seal: async (id, change) => database.transaction(() => seal(database, id, change)),
    restore: async (id, now) => database.transaction(() => restore(database, id, now)),
    page: async (after, limit) =>
      database
        .all<CredentialRow>(`${select} WHERE id > ? ORDER BY id LIMIT ?`, after ?? '', limit)
        .map(credentialOf),
    judge: async (id, judgement) => database.transaction(() => judge(database, id, judgement)),
    recordUse: async (id, use) =>
      database.run(
        `UPDATE credential SET sign_count = ?, backup_state = ?, last_used_at = ?
         WHERE id = ? AND sign_count = ?`,
        use.signCount,
        Number(use.backupState),
        use.at,
        id,
        use.expectedSignCount,
      ) === 1,
  }
}

function register(
  database: Database,
  credential: Credential,
  { ticket, replaces, session, asOf, now }: Parameters<CredentialStore['register']>[1],
): Registration {
  const { personId } = credential
  return database.transaction(() => {
    if (isEnrolmentOvertaken(database, { person: personId, session, asOf })) return 'overtaken'
    const known = database.one('SELECT 1 FROM credential WHERE id = ?', credential.id)
    if (known !== undefined) return 'credential_exists'
    const taken =
      ticket === undefined
        ? { retires: null }
        : takeTicket(database, { hash: ticket, now }, personId)
    if (typeof taken === 'string') return taken
    if (replaces !== undefined) {
      // Invariant: a suspended credential makes no new one.
      const active = database.one(
        'SELECT 1 FROM credential WHERE id = ? AND person_id = ? AND suspended_at IS NULL',
        replaces,
        personId,
      )
      if (active === undefined) return 'replaced_gone'
      removeOnce(database, replaces, personId, { allowLast: true, now })
    }
    insert(database, credential)
    if (taken.retires !== null) retireOthers(database, credential, taken.retires, now)
    return 'registered'
  })
}

function takeTicket(
  database: Database,
  ticket: { hash: string; now: number },
  personId: PersonId,
): { readonly retires: string | null } | 'ticket_taken' | 'ticket_expired' {
  const taken = database.one<{ retires: string | null }>(
    `UPDATE ticket SET taken_at = ?
     WHERE hash = ? AND person_id = ? AND taken_at IS NULL AND expires_at > ? RETURNING retires`,
    ticket.now,
    ticket.hash,
    personId,
    ticket.now,
  )
  if (taken !== undefined) return taken
  const row = database.one<{ taken_at: number | null }>(
    'SELECT taken_at FROM ticket WHERE hash = ?',
    ticket.hash,
  )
  return row !== undefined && row.taken_at === null ? 'ticket_expired' : 'ticket_taken'
}

/** Somebody is in again, with this credential: whoever has found an earlier one is not. */
function retireOthers(
  database: Database,
  { id, personId }: Credential,
  how: string,
  now: number,
): void {
  const others = database.all<{ id: string }>(
    'SELECT id FROM credential WHERE person_id = ? AND id <> ?',
    personId,
    id,
  )
  for (const other of others) {
    const old = other.id as CredentialId
    if (how === 'remove') removeOnce(database, old, personId, { allowLast: true, now })
    else suspend(database, old, { reason: 'recovery', allowLast: true, now })
  }
  endSessionsOf(database, personId, now)
}

function insert(database: Database, credential: Credential): void {
  database.run(
    `INSERT INTO credential (id, person_id, name, public_key, algorithm, sign_count, user_verified,
       backup_eligible, backup_state, transports, aaguid, attestation_format, attestation_trusted,
       attestation_object, client_data_json, created_at, last_used_at, serial)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    credential.id,
    credential.personId,
    credential.name,
    credential.publicKey,
    credential.algorithm,
    credential.signCount,
    Number(credential.userVerified),
    Number(credential.backupEligible),
    Number(credential.backupState),
    JSON.stringify(credential.transports),
    credential.aaguid,
    credential.attestationFormat,
    Number(credential.attestationTrusted),
    credential.attestationObject,
    credential.clientDataJSON,
    credential.createdAt,
    credential.lastUsedAt ?? null,
    credential.serial ?? null,
  )
}

function remove(
  database: Database,
  id: CredentialId,
  personId: PersonId,
  options: { allowLast: boolean; now: number },
): 'removed' | 'last' | 'unknown' {
  return database.transaction(() => removeOnce(database, id, personId, options))
}

function removeOnce(
  database: Database,
  id: CredentialId,
  personId: PersonId,
  { allowLast, now }: { allowLast: boolean; now: number },
): 'removed' | 'last' | 'unknown' {
  const changes = database.run(
    `DELETE FROM credential WHERE id = ? AND person_id = ?
     AND (? OR EXISTS (${otherActive}))`,
    id,
    personId,
    Number(allowLast),
    personId,
    id,
  )
  if (changes === 1) {
    insertRevocation(database, 'credential', id, now)
    weakenSessionsBy(database, { person: personId, credential: id }, now)
    return 'removed'
  }
  const exists = database.one(
    'SELECT 1 FROM credential WHERE id = ? AND person_id = ?',
    id,
    personId,
  )
  return exists === undefined ? 'unknown' : 'last'
}

/** Of this person, another one than this. */
const otherActive =
  'SELECT 1 FROM credential AS other WHERE other.person_id = ? AND other.id <> ? AND other.suspended_at IS NULL'

function suspend(
  database: Database,
  id: CredentialId,
  { reason, allowLast, now }: { reason: string; allowLast: boolean; now: number },
): Suspended {
  const row = database.one<Pick<CredentialRow, 'person_id' | 'suspended_at'>>(
    'SELECT person_id, suspended_at FROM credential WHERE id = ?',
    id,
  )
  if (row === undefined) return 'unknown'
  if (row.suspended_at !== null) return 'suspended_already'
  const hasOther = database.one(otherActive, row.person_id, id) !== undefined
  if (!allowLast && !hasOther) return 'last'
  suspendNow(database, { id, personId: row.person_id, reason, now })
  return 'suspended'
}

function suspendNow(
  database: Database,
  { id, personId, reason, now }: { id: string; personId: string; reason: string; now: number },
): void {
  database.run(
    'UPDATE credential SET suspended_at = ?, suspended_for = ? WHERE id = ?',
    now,
    reason,
    id,
  )
  insertRevocation(database, 'credential', id, now)
  endSessionsBy(database, { person: personId, credential: id }, now)
}

/** How long a sign-in may take from reading a credential to opening a session. */
const underWay = 5000

/** Compare-and-set, with what follows from it. */
function judge(
  database: Database,
  id: CredentialId,
  { known, attestationTrusted, finding, suspend: reason, now }: Judgement,
): 'judged' | 'stale' {
  const changed = database.one<{ person_id: string }>(
    `UPDATE credential SET attestation_trusted = ?, finding = ?
     WHERE id = ? AND attestation_trusted = ? AND finding IS ? AND suspended_at IS ?
     RETURNING person_id`,
    Number(attestationTrusted),
    printFinding(finding),
    id,
    Number(known.attestationTrusted),
    printFinding(known.finding),
    known.suspension?.since ?? null,
  )
  if (changed === undefined) return 'stale'
  const personId = changed.person_id
  if (reason !== undefined) {
    suspendNow(database, { id, personId, reason, now })
  } else if (known.attestationTrusted && !attestationTrusted && known.suspension === undefined) {
    // Its sessions and tokens say that it is trusted, and so does a sign-in that began before this.
    insertRevocation(database, 'credential_until', id, now + underWay)
    endSessionsBy(database, { person: personId, credential: id }, now)
  }
  return 'judged'
}

function printFinding(finding: Finding | undefined): string | null {
  return finding === undefined
    ? null
    : JSON.stringify({ kind: finding.kind, what: finding.what, act: finding.act })
}

function seal(
  database: Database,
  id: CredentialId,
  { sealedAt, now }: { sealedAt: number | undefined; now: number },
): 'changed' | 'unchanged' | 'unknown' {
  const row = database.one<Pick<CredentialRow, 'person_id' | 'sealed_at' | 'suspended_at'>>(
    'SELECT person_id, sealed_at, suspended_at FROM credential WHERE id = ?',
    id,
  )
  if (row === undefined) return 'unknown'
  if ((row.sealed_at === null) === (sealedAt === undefined)) return 'unchanged'
  database.run('UPDATE credential SET sealed_at = ? WHERE id = ?', sealedAt ?? null, id)
  // A sign-in that began before this would say what the credential was then. The word on a suspended one stands.
  if (row.suspended_at === null) insertRevocation(database, 'credential_until', id, now)
  endSessionsBy(database, { person: row.person_id, credential: id }, now)
  return 'changed'
}

function restore(
  database: Database,
  id: CredentialId,
  now: number,
): 'restored' | 'active' | 'unknown' {
  const row = database.one<Pick<CredentialRow, 'suspended_at'>>(
    'SELECT suspended_at FROM credential WHERE id = ?',
    id,
  )
  if (row === undefined) return 'unknown'
  if (row.suspended_at === null) return 'active'
  database.run('UPDATE credential SET suspended_at = NULL, suspended_for = NULL WHERE id = ?', id)
  insertRevocation(database, 'credential_until', id, now)
  return 'restored'
}

function credentialOf(row: CredentialRow): Credential {
  return {
    id: row.id as CredentialId,
    personId: row.person_id as PersonId,
    name: row.name,
    publicKey: row.public_key,
    algorithm: row.algorithm,
    signCount: row.sign_count,
    userVerified: row.user_verified !== 0,
    backupEligible: row.backup_eligible !== 0,
    backupState: row.backup_state !== 0,
    transports: JSON.parse(row.transports) as string[],
    aaguid: row.aaguid,
    attestationFormat: row.attestation_format,
    attestationTrusted: row.attestation_trusted !== 0,
    serial: row.serial ?? undefined,
    attestationObject: row.attestation_object,
    clientDataJSON: row.client_data_json,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at ?? undefined,
    sealedAt: row.sealed_at ?? undefined,
    suspension:
      row.suspended_at === null
        ? undefined
        : { since: row.suspended_at, reason: row.suspended_for ?? '' },
    finding: row.finding === null ? undefined : (JSON.parse(row.finding) as Finding),
  }
}

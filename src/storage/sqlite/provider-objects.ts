import type { GrantLinkStore, ProviderObject, ProviderObjectStore } from '../../oidc/index.ts'
import type { SessionId } from '../../session/index.ts'
import type { Database } from './database.ts'

type ObjectRow = {
  type: string
  id_hash: string
  payload: string
  grant_id: string | null
  user_code_hash: string | null
  uid: string | null
  expires_at: number | null
  consumed_at: number | null
}

const live = '(expires_at IS NULL OR expires_at > ?)'
const insert = `INSERT INTO provider_object
  (type, id_hash, payload, grant_id, user_code_hash, uid, expires_at, consumed_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
/** `consumed_at` stays: saving an object again never makes a used one fresh. */
const replace = `ON CONFLICT (type, id_hash) DO UPDATE SET payload = excluded.payload,
  grant_id = excluded.grant_id, user_code_hash = excluded.user_code_hash, uid = excluded.uid,
  expires_at = excluded.expires_at`

export function sqliteProviderObjects(database: Database): ProviderObjectStore {
  const one = (where: string, ...values: (string | number)[]): ProviderObject | undefined => {
    const row = database.one<ObjectRow>(
      `SELECT * FROM provider_object WHERE ${where} AND ${live}`,
      ...values,
    )
    return row === undefined ? undefined : objectOf(row)
  }
  return {
    save: async (object) => {
      database.run(`${insert} ${replace}`, ...valuesOf(object))
    },
    saveOnce: async (object) =>
      database.run(`${insert} ON CONFLICT DO NOTHING`, ...valuesOf(object)) === 1,
    find: async (type, idHash, now) => one('type = ? AND id_hash = ?', type, idHash, now),
    findByUserCode: async (type, hash, now) =>
      one('type = ? AND user_code_hash = ?', type, hash, now),
    findByUid: async (type, uid, now) => one('type = ? AND uid = ?', type, uid, now),
    consume: async (type, idHash, at) =>
      database.run(
        `UPDATE provider_object SET consumed_at = ?
         WHERE type = ? AND id_hash = ? AND consumed_at IS NULL`,
        at,
        type,
        idHash,
      ) === 1,
    destroy: async (type, idHash) => {
      database.run('DELETE FROM provider_object WHERE type = ? AND id_hash = ?', type, idHash)
    },
    revokeByGrant: async (grantId) => {
      database.run('DELETE FROM provider_object WHERE grant_id = ?', grantId)
    },
  }
}

export function sqliteGrantLinks(database: Database): GrantLinkStore {
  return {
    link: async (link) => {
      database.run(
        'INSERT INTO grant_link (grant_id, session_id, expires_at) VALUES (?, ?, ?)',
        link.grantId,
        link.sessionId,
        link.expiresAt,
      )
    },
    sessionOf: async (grantId) =>
      database.one<{ session_id: string }>(
        'SELECT session_id FROM grant_link WHERE grant_id = ?',
        grantId,
      )?.session_id as SessionId | undefined,
    grantsOf: async (sessionId) =>
      database
        .all<{ grant_id: string }>(
          'SELECT grant_id FROM grant_link WHERE session_id = ?',
          sessionId,
        )
        .map((row) => row.grant_id),
  }
}

function valuesOf(object: ProviderObject): (string | number | null)[] {
  return [
    object.type,
    object.idHash,
    object.payload,
    object.grantId ?? null,
    object.userCodeHash ?? null,
    object.uid ?? null,
    object.expiresAt ?? null,
    object.consumedAt ?? null,
  ]
}

function objectOf(row: ObjectRow): ProviderObject {
  return {
    type: row.type,
    idHash: row.id_hash,
    payload: row.payload,
    grantId: row.grant_id ?? undefined,
    userCodeHash: row.user_code_hash ?? undefined,
    uid: row.uid ?? undefined,
    expiresAt: row.expires_at ?? undefined,
    consumedAt: row.consumed_at ?? undefined,
  }
}

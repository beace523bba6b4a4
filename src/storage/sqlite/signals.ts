import type { JsonObject } from '../../core/index.ts'
import type { LaneState, LaneStore, WaitingSetStore } from '../../signals/index.ts'
import type { Database } from './database.ts'

type LaneRow = {
  next: number
  failures: number
  failing_since: number | null
  parked_at: number | null
  problem: string | null
  delivered_at: number | null
}

export function sqliteLanes(database: Database): LaneStore {
  return {
    load: async (log, name) => {
      const row = database.one<LaneRow>(
        'SELECT * FROM signal_lane WHERE log = ? AND name = ?',
        log,
        name,
      )
      return row === undefined ? undefined : laneOf(row)
    },
    save: async (log, name, state) => {
      database.run(
        `INSERT OR REPLACE INTO signal_lane
           (log, name, next, failures, failing_since, parked_at, problem, delivered_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        log,
        name,
        state.next,
        state.failures,
        state.failingSince ?? null,
        state.parkedAt ?? null,
        state.problem ?? null,
        state.deliveredAt ?? null,
      )
    },
    keep: async (log, names) => {
      database.run(
        'DELETE FROM signal_lane WHERE log = ? AND name NOT IN (SELECT value FROM json_each(?))',
        log,
        JSON.stringify(names),
      )
    },
  }
}

export function sqliteWaitingSets(database: Database): WaitingSetStore {
  return {
    add: async (receiver, sets) =>
      database.transaction(() => {
        for (const { id, claims } of sets) {
          database.run(
            `INSERT INTO signal_waiting (receiver, id, claims) VALUES (?, ?, ?)
             ON CONFLICT DO NOTHING`,
            receiver,
            id,
            JSON.stringify(claims),
          )
        }
      }),
    list: async (receiver, most) =>
      database
        .all<{ id: string; claims: string }>(
          'SELECT id, claims FROM signal_waiting WHERE receiver = ? ORDER BY position LIMIT ?',
          receiver,
          most,
        )
        .map(({ id, claims }) => ({ id, claims: JSON.parse(claims) as JsonObject })),
    count: async (receiver) =>
      database.one<{ count: number }>(
        'SELECT count(*) AS count FROM signal_waiting WHERE receiver = ?',
        receiver,
      )?.count ?? 0,
    remove: async (receiver, ids) =>
      database.run(
        'DELETE FROM signal_waiting WHERE receiver = ? AND id IN (SELECT value FROM json_each(?))',
        receiver,
        JSON.stringify(ids),
      ),
    keep: async (receivers) => {
      database.run(
        'DELETE FROM signal_waiting WHERE receiver NOT IN (SELECT value FROM json_each(?))',
        JSON.stringify(receivers),
      )
    },
  }
}

function laneOf(row: LaneRow): LaneState {
  return {
    next: row.next,
    failures: row.failures,
    failingSince: row.failing_since ?? undefined,
    parkedAt: row.parked_at ?? undefined,
    problem: row.problem ?? undefined,
    deliveredAt: row.delivered_at ?? undefined,
  }
}

/** Who is told no more, of all logs on this database. */
export function parkedLanes(
  database: Database,
): readonly { readonly name: string; readonly problem: string }[] {
  return database
    .all<{ name: string; problem: string | null }>(
      'SELECT name, problem FROM signal_lane WHERE parked_at IS NOT NULL ORDER BY name',
    )
    .map(({ name, problem }) => ({ name, problem: problem ?? '' }))
}

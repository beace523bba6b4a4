import type { RevocationListStore } from '../../metadata/index.ts'
import type { Database } from './database.ts'

/** Versions grow with each change, so that the highest one tells whether anything did. */
export function sqliteRevocationLists(database: Database): RevocationListStore {
  return {
    version: () =>
      String(
        database.one<{ version: number | null }>(
          'SELECT max(version) AS version FROM revocation_list',
        )?.version ?? 0,
      ),
    all: () =>
      database
        .all<{ issuer_key: string; issuer: string; der: Uint8Array }>(
          'SELECT issuer_key, issuer, der FROM revocation_list ORDER BY issuer_key',
        )
        .map(({ issuer_key: issuerKey, issuer, der }) => ({ issuerKey, issuer, der })),
    keep: (lists) =>
      database.transaction(() => {
        for (const { issuerKey, issuer, der } of lists) {
          database.run(
            `INSERT INTO revocation_list (issuer_key, issuer, der, version)
             VALUES (?, ?, ?, (SELECT coalesce(max(version), 0) + 1 FROM revocation_list))
             ON CONFLICT (issuer_key) DO UPDATE SET
               issuer = excluded.issuer, der = excluded.der, version = excluded.version`,
            issuerKey,
            issuer,
            der,
          )
        }
      }),
  }
}

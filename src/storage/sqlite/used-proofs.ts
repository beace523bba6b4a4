import type { Instant } from '../../core/index.ts'
import type { ProofReplays } from '../../token/index.ts'
import type { Database } from './database.ts'

interface UsedProofs extends ProofReplays {
  take(id: string, expiresAt: Instant): Promise<boolean>
}

interface Waiting {
  readonly id: string
  readonly expiresAt: Instant
  readonly resolve: (isFirst: boolean) => void
  readonly reject: (cause: unknown) => void
}

/**
 * DPoP proofs seen: remembered until no verifier would accept them any more. Those that come in one turn of
 * the event loop share a transaction, which costs as much as the row of one.
 *
 * Invariant: nobody is answered before the transaction is committed; when it fails, all who waited for it fail.
 */
export function sqliteProofReplays(database: Database): UsedProofs {
  let waiting: Waiting[] = []
  const takeAll = (): void => {
    const turn = waiting
    waiting = []
    let first: readonly boolean[]
    try {
      first = takeInOne(database, turn)
    } catch (cause) {
      for (const { reject } of turn) reject(cause)
      return
    }
    for (const [index, { resolve }] of turn.entries()) resolve(first[index] === true)
  }
  return {
    take: (id, expiresAt) => {
      if (waiting.length === 0) setImmediate(takeAll)
      return new Promise((resolve, reject) => {
        waiting.push({ id, expiresAt, resolve, reject })
      })
    },
  }
}

/** Whether each is the first of its id; the same one twice counts once here too. */
function takeInOne(database: Database, turn: readonly Waiting[]): readonly boolean[] {
  const take = ({ id, expiresAt }: Waiting): boolean =>
    database.run(
      'INSERT INTO proof_replay (id, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING',
      id,
      expiresAt,
    ) === 1
  return turn.length === 1 ? turn.map(take) : database.transaction(() => turn.map(take))
}

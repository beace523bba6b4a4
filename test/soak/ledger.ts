import { join } from 'node:path'
import { readRecords } from '../../src/audit/index.ts'
import type { StoredRecord } from '../../src/audit/index.ts'
import { isNamed, kindOf, markOf, numberOf, reasonOf } from './mixture.ts'
import type { Counts } from './traffic.ts'

/** What a run knows of itself, against which its records are held. */
export interface Account extends Pick<Counts, 'sent' | 'silent'> {
  /** Requests beside the load's, each of which ends with this path. */
  readonly own?: { readonly path: string; readonly sent: number }
}

export interface Balance {
  readonly records: number
  readonly reasons: Readonly<Record<string, number>>
  /** Records of connections that said nothing for too long; each is one that the load saw. */
  readonly silent: number
  /** Whatever has no counterpart on the other side, by name; empty when all is accounted for. */
  readonly differences: readonly string[]
}

/** More of them would say nothing new. */
const mostDifferences = 50

/**
 * Holds every decision record to the request that it is of, and every request to its one record: by the mark in
 * the path and by the reason that this request must have. What cannot carry a mark is counted by reason.
 */
export class Ledger {
  readonly #account: Account
  readonly #seen: Uint8Array
  readonly #reasons: Record<string, number> = {}
  /** Records without a mark, by reason, less the requests that they are of. */
  readonly #unnamed = new Map<string, number>()
  readonly #differences: string[] = []
  #records = 0
  #own = 0
  #silent = 0

  constructor(account: Account) {
    this.#account = account
    this.#seen = new Uint8Array(account.sent + 1)
  }

  take(record: StoredRecord): void {
    this.#records += 1
    const { reason } = record
    this.#reasons[reason] = (this.#reasons[reason] ?? 0) + 1
    const path = String(record.what?.['path'] ?? '')
    const number = numberOf(path)
    if (number !== undefined) this.#takeNamed(number, record)
    else if (path !== '' && path === this.#account.own?.path) this.#own += 1
    else if (path !== '') this.#differ(`nobody asked for this: ${JSON.stringify(record)}`)
    else if (isOfSilence(record)) this.#silent += 1
    else this.#unnamed.set(reason, (this.#unnamed.get(reason) ?? 0) + 1)
  }

  close(): Balance {
    const { sent, own, silent } = this.#account
    for (let number = 1; number <= sent; number++) this.#settle(number)
    for (const [reason, more] of this.#unnamed) {
      if (more > 0) this.#differ(`${more} more of ${reason} without a path than were asked for`)
      if (more < 0) this.#differ(`${-more} fewer of ${reason} without a path than were asked for`)
    }
    if (this.#own !== (own?.sent ?? 0)) {
      this.#differ(`${this.#own} records of ${own?.sent} requests for ${own?.path}`)
    }
    if (this.#silent !== silent) {
      this.#differ(`${this.#silent} records of silence, ${silent} connections that were silent`)
    }
    return {
      records: this.#records,
      reasons: this.#reasons,
      silent: this.#silent,
      differences: this.#differences,
    }
  }

  #takeNamed(number: number, record: StoredRecord): void {
    if (number > this.#account.sent || number < 1) {
      this.#differ(`nobody sent this: ${JSON.stringify(record)}`)
      return
    }
    const before = this.#seen[number] ?? 0
    if (before > 0) this.#differ(`${nameOf(number)} again: ${JSON.stringify(record)}`)
    this.#seen[number] = before + 1
    if (record.reason === reasonOf(number)) return
    this.#differ(`${nameOf(number)} for another reason: ${JSON.stringify(record)}`)
  }

  #settle(number: number): void {
    if (isNamed(number)) {
      if (this.#seen[number] === 0) this.#differ(`${nameOf(number)} has no record`)
      return
    }
    const reason = reasonOf(number)
    this.#unnamed.set(reason, (this.#unnamed.get(reason) ?? 0) - 1)
  }

  #differ(difference: string): void {
    if (this.#differences.length < mostDifferences) this.#differences.push(difference)
  }
}

/** A connection on which nothing came in time: there is no request that the record could name. */
function isOfSilence({ reason, what }: StoredRecord): boolean {
  return reason === 'gateway.request_timeout' && what?.['method'] === undefined
}

function nameOf(number: number): string {
  return `${kindOf(number)} ${markOf(number)}`
}

/** Reads the audit logs of the data directories that served a run. */
export async function balance(directories: readonly string[], account: Account): Promise<Balance> {
  const ledger = new Ledger(account)
  for (const directory of directories) {
    for await (const record of readRecords(join(directory, 'audit'), { kind: 'decision' })) {
      if (record.action === 'request') ledger.take(record)
    }
  }
  return ledger.close()
}

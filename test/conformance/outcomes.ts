import { readFileSync } from 'node:fs'
import { corpus } from './corpus.ts'
import type { Case } from './case.ts'

/** What came of one case at one proxy. */
export interface Outcome {
  readonly statuses: readonly number[]
  /** What became of the connection: it took another request, was closed, or gave no answer. */
  readonly connection: 'kept' | 'closed' | 'waits'
  /** What reached the service: `METHOD target` or `METHOD target|body`. */
  readonly seen: readonly string[]
  /** Names that reached the service although the case says that they must not, or spoofed. */
  readonly leaked: readonly string[]
  /** Bytes at the service that RFC 9112 does not allow. */
  readonly odd: readonly string[]
}

/** The outcomes of one case, by proxy. */
export type Compared = Readonly<Record<string, Outcome>>

export const outcomesFile = new URL('outcomes.jsonl', import.meta.url)

export interface Recorded {
  readonly versions: Readonly<Record<string, string>>
  readonly outcomes: ReadonlyMap<string, Compared>
}

/** What `differential.ts` wrote down: the versions in the first line, then a case in each. */
export function readOutcomes(): Recorded {
  const [first = '{}', ...lines] = readFileSync(outcomesFile, 'utf8').trimEnd().split('\n')
  const outcomes = lines.map((line) => {
    const { id, ...compared } = JSON.parse(line)
    return [id, compared] as const
  })
  return { versions: JSON.parse(first), outcomes: new Map(outcomes) }
}

export function printOutcomes({ versions, outcomes }: Recorded): string {
  const lines = [...outcomes].map(([id, compared]) => JSON.stringify({ id, ...compared }))
  return `${[JSON.stringify(versions), ...lines].join('\n')}\n`
}

/** Two proxies agree when the service got the same of both: statuses and connections may differ. */
export function agree(one: Outcome, other: Outcome): boolean {
  return essence(one) === essence(other)
}

function essence({ seen, leaked, odd }: Outcome): string {
  return JSON.stringify([seen.toSorted(), leaked.toSorted(), odd.length > 0])
}

/** Proxies that disagree with ours about a case. */
export function dissenters(compared: Compared): readonly string[] {
  const ours = compared['Proofgate']
  if (ours === undefined) return Object.keys(compared)
  return Object.keys(compared).filter((name) => {
    const theirs = compared[name]
    return theirs === undefined || !agree(ours, theirs)
  })
}

export function caseOf(id: string): Case | undefined {
  return corpus.find((one) => one.id === id)
}

/** Long texts stand for themselves by their beginning and length. */
export function short(text: string): string {
  return text.length > 120 ? `${text.slice(0, 100)}... ${text.length} characters` : text
}

import type { StoredRecord } from '../../audit/index.ts'
import type { AccessView } from '../explain/access-view.ts'
import type { PolicySource } from '../../policy/index.ts'
import { readRecorded } from '../replay/recorded.ts'
import type { RecordedRequest } from '../replay/recorded.ts'
import { draftOf } from './draft.ts'
import type { DraftStatement, StatementReport } from './draft.ts'
import { addUse, RouteFinder } from './use.ts'
import type { StatementUse } from './use.ts'

/** Whoever policies are attached to. */
export interface Subject {
  readonly kind: 'group' | 'role' | 'person'
  readonly name: string
  /** In their order. */
  readonly policies: readonly string[]
  /** Whether a caller acts by what is attached here. Role is the one that decided. */
  readonly includes: (caller: RecordedRequest['caller'], role: string | undefined) => boolean
}

/** What can be drafted for. */
export interface Drafting {
  readonly view: AccessView
  /** By name. */
  readonly policies: ReadonlyMap<string, PolicySource>
  readonly subjects: readonly Subject[]
  /** Called for each request, with how many there were. */
  readonly onRequest?: (count: number) => void
}

/** The least that whoever is named here needs, by what they did. */
export interface Draft {
  readonly kind: Subject['kind']
  readonly name: string
  /** `undefined` when nothing was used: there is nothing to allow. */
  readonly document:
    | { readonly Version: '2012-10-17'; readonly Statement: readonly DraftStatement[] }
    | undefined
  readonly statements: readonly StatementReport[]
}

export interface Suggestion {
  /** Recorded requests that were looked at. */
  readonly requests: number
  readonly first: string | undefined
  readonly last: string | undefined
  /** Those that a policy allowed. */
  readonly allowed: number
  /** Those of them that no draft is made of. */
  readonly leftOut: {
    /** No route takes them any more. */
    readonly noRoute: number
    /** Nobody who is drafted for acts by the policy that allowed them. */
    readonly otherwise: number
  }
  readonly drafts: readonly Draft[]
}

/** Drafts policies that allow what was done, and not more than the present ones do. */
export async function suggest(
  records: AsyncIterable<StoredRecord>,
  { view, policies, subjects, onRequest }: Drafting,
): Promise<Suggestion> {
  const finder = new RouteFinder(view)
  const uses = new Map(subjects.map((one) => [one, new Map<string, StatementUse>()]))
  const leftOut = { noRoute: 0, otherwise: 0 }
  let [requests, allowed] = [0, 0]
  let [first, last]: (string | undefined)[] = []
  for await (const record of records) {
    const request = readRecorded(record)
    if (request === undefined) continue
    requests += 1
    first ??= record.at
    last = record.at
    onRequest?.(requests)
    if (typeof request === 'string' || !isDecided(request)) continue
    if (request.outcome === 'allow') allowed += 1
    const outcome = place(request, { finder, uses })
    if (outcome !== 'placed' && request.outcome === 'allow') leftOut[outcome] += 1
  }
  const drafts = subjects.map((one) => drafted(one, { policies, uses: uses.get(one) }))
  return { requests, first, last, allowed, leftOut, drafts }
}

/** Whether a statement decided. */
function isDecided({ reason, policy }: RecordedRequest): boolean {
  return policy !== undefined && (reason === 'policy.allowed' || reason === 'policy.explicit_deny')
}

function place(
  request: RecordedRequest,
  known: {
    readonly finder: RouteFinder
    readonly uses: ReadonlyMap<Subject, Map<string, StatementUse>>
  },
): 'placed' | 'noRoute' | 'otherwise' {
  const met = known.finder.find(request)
  if (met === undefined) return 'noRoute'
  let outcome: 'placed' | 'otherwise' = 'otherwise'
  for (const [subject, uses] of known.uses) {
    const { policies, includes } = subject
    if (!policies.includes(request.policy ?? '') || !includes(request.caller, request.role))
      continue
    addUse(uses, request, met)
    outcome = 'placed'
  }
  return outcome
}

function drafted(
  { kind, name, policies: names }: Subject,
  {
    policies,
    uses = new Map(),
  }: {
    readonly policies: ReadonlyMap<string, PolicySource>
    readonly uses: ReadonlyMap<string, StatementUse> | undefined
  },
): Draft {
  const sources = [...new Set(names)].flatMap((one) => policies.get(one) ?? [])
  const { statements, reports } = draftOf(sources, uses)
  const isEmpty = statements.every(({ Effect }) => Effect !== 'Allow')
  const document = isEmpty ? undefined : ({ Version: '2012-10-17', Statement: statements } as const)
  return { kind, name, document, statements: reports }
}

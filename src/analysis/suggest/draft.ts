import { compilePolicies, selectsTemplate, UnknownFactError } from '../../policy/index.ts'
import type {
  CompiledStatement,
  PolicySource,
  Selection,
  Statement,
  Template,
} from '../../policy/index.ts'
import { escaped, useKey } from './use.ts'
import type { RouteUse, StatementUse } from './use.ts'

/** A statement as a document writes it. */
export type DraftStatement = Readonly<Record<string, unknown>>

/** What a statement of the present policies was good for. */
export interface StatementReport {
  readonly policy: string
  readonly statement: string
  readonly effect: 'Allow' | 'Deny'
  /** `file:line` */
  readonly place: string | undefined
  /** Requests that it decided. */
  readonly count: number
  readonly first: string | undefined
  readonly last: string | undefined
  readonly callers: readonly string[]
  /** How many more requests came from callers who are not listed. */
  readonly otherCallers: number
  readonly routes: readonly {
    readonly api: string
    readonly route: string
    readonly count: number
  }[]
  /** What became of it: only the routes that were used, the whole, or nothing. */
  readonly kept: 'narrowed' | 'whole' | 'dropped'
}

export interface Drafted {
  readonly statements: readonly DraftStatement[]
  readonly reports: readonly StatementReport[]
}

/**
 * Narrows policies to what was used of them.
 *
 * Invariant: each Allow of the draft is for no more than one Allow of the policies, on the same conditions, and
 * every Deny stays: so the draft allows nothing that they do not.
 */
export function draftOf(
  policies: readonly PolicySource[],
  uses: ReadonlyMap<string, StatementUse>,
): Drafted {
  const sids = new Set<string>()
  const found = policies.flatMap((source) =>
    compilePolicies([source]).statements.map((compiled, index) => {
      const statement = source.document.statements[index]
      const use = uses.get(useKey(compiled.policy, compiled.label))
      const isPlain = source.document.version !== '2012-10-17'
      const made =
        statement === undefined ? undefined : narrowed(compiled, { statement, use, isPlain })
      return { compiled, use, made }
    }),
  )
  return {
    statements: found.flatMap(({ compiled, made }) =>
      made === undefined ? [] : [withSid(compiled.label, made.written, sids)],
    ),
    reports: found.map(({ compiled, use, made }) =>
      reportOf(compiled, use, made?.kept ?? 'dropped'),
    ),
  }
}

interface Source {
  readonly statement: Statement
  readonly use: StatementUse | undefined
  /** Whether `${` is plain text there. */
  readonly isPlain: boolean
}

function narrowed(
  compiled: CompiledStatement,
  source: Source,
): { readonly written: DraftStatement; readonly kept: 'narrowed' | 'whole' } | undefined {
  const { statement, use } = source
  if (statement.effect === 'Deny') return { written: wholly(source), kept: 'whole' }
  if (use === undefined) return undefined
  const resources = resourcesOf(compiled, [...use.routes.values()])
  if (resources === undefined) return { written: wholly(source), kept: 'whole' }
  const condition = conditionOf(source)
  const written = {
    Effect: 'Allow',
    Action: 'execute-api:Invoke',
    Resource: resources,
    ...condition,
  }
  return { written, kept: 'narrowed' }
}

/** More of them make no statement that somebody reads. */
const mostResources = 60

/** The routes that were used as far as the statement is for the whole of them, else what was asked for there. */
function resourcesOf(
  compiled: CompiledStatement,
  routes: readonly RouteUse[],
): readonly string[] | undefined {
  const found = new Set<string>()
  for (const route of routes) {
    const suggested = suggestedFor(compiled, route)
    if (suggested === undefined) return undefined
    for (const resource of suggested) found.add(resource)
  }
  return found.size > mostResources ? undefined : [...found].sort()
}

function suggestedFor(
  compiled: CompiledStatement,
  { pattern, resources }: RouteUse,
): readonly string[] | undefined {
  if (isFor(compiled, templateOf(pattern))) return [pattern]
  const asked = [...(resources ?? [])]
  const isKnown = asked.length > 0 && asked.every((text) => isFor(compiled, [{ text }]))
  return isKnown ? asked.map(escaped) : undefined
}

/** Whether the statement selects all of it, whoever asks. */
function isFor({ resource }: CompiledStatement, template: Template): boolean {
  const unknown = (key: string): never => {
    throw new UnknownFactError(key)
  }
  return selectsTemplate(resource, template, unknown) === 'yes'
}

function templateOf(pattern: string): Template {
  const escapes = /\$\{([*?$])\}/g
  return pattern
    .split(/(?<!\{)\*/)
    .flatMap((text, index) => [
      ...(index === 0 ? [] : (['any'] as const)),
      { text: text.replaceAll(escapes, '$1') },
    ])
}

function wholly(source: Source): DraftStatement {
  const { effect, action, resource } = source.statement
  return {
    Effect: effect,
    ...selection('Action', action, false),
    ...selection('Resource', resource, source.isPlain),
    ...conditionOf(source),
  }
}

function selection(
  name: string,
  { values, inverted }: Selection,
  isPlain: boolean,
): DraftStatement {
  return { [`${inverted ? 'Not' : ''}${name}`]: values.map((value) => asText(value, isPlain)) }
}

function conditionOf({ statement: { conditions }, isPlain }: Source): DraftStatement {
  if (conditions.length === 0) return {}
  const block: Record<string, Record<string, readonly string[]>> = {}
  for (const { operator, key, values } of conditions) {
    const written = values.map((value) => asText(value, isPlain))
    block[operator] = { ...block[operator], [key]: written }
  }
  return { Condition: block }
}

function asText(value: string, isPlain: boolean): string {
  return isPlain ? value.replaceAll('${', '${$}{') : value
}

/** Sids are unique in a document; a statement without one stays without. */
function withSid(label: string, written: DraftStatement, taken: Set<string>): DraftStatement {
  if (label.startsWith('#')) return written
  let sid = label
  for (let more = 2; taken.has(sid); more += 1) sid = `${label}${more}`
  taken.add(sid)
  return { Sid: sid, ...written }
}

function reportOf(
  { policy, label, effect, place }: CompiledStatement,
  use: StatementUse | undefined,
  kept: StatementReport['kept'],
): StatementReport {
  const routes = [...(use?.routes.values() ?? [])].sort((a, b) => b.count - a.count)
  return {
    policy,
    statement: label,
    effect,
    place,
    count: use?.count ?? 0,
    first: use?.first,
    last: use?.last,
    callers: [...(use?.callers.keys() ?? [])].sort(),
    otherCallers: use?.others ?? 0,
    routes: routes.map(({ api, route, count }) => ({ api, route, count })),
    kept,
  }
}

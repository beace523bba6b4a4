import type { CompiledStatement, ContextLookup, Naming, PolicyRequest } from '../policy/index.ts'
import { firstMiss, isFilledBy, namingOf, selects } from '../policy/index.ts'
import type { EvalDecision, MatchedStatement } from './answer.ts'
import type { AskedKey, PolicyList, StatementSource } from './policy-list.ts'

/** A set of policies of the request, with what AWS calls its kind. */
export interface PolicySet {
  readonly type: string
  readonly list: PolicyList
}

/** A statement that applies to the request. */
export interface Hit {
  readonly type: string
  readonly source: StatementSource
  readonly statement: CompiledStatement
  /** How it names who asks; `undefined` where it names nobody. */
  readonly naming: Naming | undefined
}

/** Every statement of the set that applies. What cannot be evaluated does not. */
export function hitsIn({ type, list }: PolicySet, request: PolicyRequest): readonly Hit[] {
  const action = request.action.toLowerCase()
  return list.compiled.statements.flatMap((statement, index) => {
    const source = list.sources[index]
    if (source === undefined || !applies(statement, request, action)) return []
    const { principal } = statement
    const naming = principal === undefined ? undefined : namingOf(principal, request.principal)
    return [{ type, source, statement, naming }]
  })
}

function applies(statement: CompiledStatement, request: PolicyRequest, action: string): boolean {
  try {
    return firstMiss(statement, request, action) === undefined
  } catch {
    return false
  }
}

/** What the hits of one set say by themselves. */
export function verdictOf(hits: readonly Hit[]): EvalDecision {
  if (hits.some(({ statement }) => statement.effect === 'Deny')) return 'explicitDeny'
  return hits.length === 0 ? 'implicitDeny' : 'allowed'
}

export function matchedStatement({ type, source }: Hit): MatchedStatement {
  const { start, end } = source.places()
  return {
    SourcePolicyId: source.policy,
    SourcePolicyType: type,
    StartPosition: start,
    EndPosition: end,
  }
}

/**
 * The keys, as first written, that statements about this action and resource ask for and that are not
 * given. A resource that waits for a variable counts as this one.
 */
export function missingKeys(
  sets: readonly PolicySet[],
  request: PolicyRequest,
  isGiven: (lowercaseKey: string) => boolean,
): readonly string[] {
  const missing = new Map<string, string>()
  for (const { name, lower } of sets.flatMap(({ list }) => keysAskedOf(list, request))) {
    if (!isGiven(lower) && !missing.has(lower)) missing.set(lower, name)
  }
  return [...missing.values()]
}

function keysAskedOf({ compiled, sources }: PolicyList, request: PolicyRequest): AskedKey[] {
  const action = request.action.toLowerCase()
  return compiled.statements.flatMap((statement, index) => {
    const source = sources[index]
    if (source === undefined || !isAbout(statement, request, action)) return []
    return [...source.resourceKeys, ...source.conditionKeys]
  })
}

function isAbout(statement: CompiledStatement, request: PolicyRequest, action: string): boolean {
  const { principal, resource } = statement
  const { context } = request
  if (principal !== undefined && namingOf(principal, request.principal) === undefined) return false
  if (!selects(statement.action, action, context)) return false
  try {
    return selects(resource, request.resource, context) || waits(statement, context)
  } catch {
    return true
  }
}

function waits({ resource }: CompiledStatement, context: ContextLookup): boolean {
  return resource.patterns.some((pattern) => !isFilledBy(pattern, context))
}

import { isJsonObject, ownProperty } from '../../core/index.ts'
import type { Brand, JsonObject } from '../../core/index.ts'
import { kindRules } from './kind.ts'
import type { PolicyKind } from './kind.ts'
import { ProblemList, show, within } from './problem.ts'
import type { PolicyProblem } from './problem.ts'
import { refuseUnknown } from './reader.ts'
import { parseStatement } from './statement.ts'
import type { Statement, StatementSetting } from './statement.ts'

export type PolicyVersion = '2012-10-17' | '2008-10-17'

/**
 * A policy document that was found to be sound: every pattern, operator and value in it compiles.
 * Only `parsePolicyDocument` makes one.
 */
export type PolicyDocument = Brand<
  {
    readonly kind: PolicyKind
    /** Under 2008-10-17 `${...}` is plain text. */
    readonly version: PolicyVersion
    readonly id: string | undefined
    readonly statements: readonly Statement[]
  },
  'PolicyDocument'
>

/** How a document is read that is not attached to anything. */
export interface Reading {
  /** What `execute-api:/stage/METHOD/path` in a resource policy is short for. */
  readonly apiArn?: string
  /**
   * Whether what AWS accepts is no fault: a document without `Version`, which is one of 2008-10-17, an
   * empty `Condition`, which asks nothing, and a condition key without a prefix.
   */
  readonly asAws?: boolean
  /** Characters of the compact JSON, in place of what its kind may have. */
  readonly largest?: number
}

/**
 * Reads a policy document from parsed JSON or YAML. The result holds either `document` or `problems`,
 * never both, and has no prototype, so that `'problems' in result` tells them apart. All problems come
 * at once. The document is a copy: nothing of `value` stays reachable.
 *
 * Text should come through `parseJson` of core, which refuses a key that is written twice.
 *
 * @param kind - what it is going to be attached to; it allows `Principal` and bounds the size.
 */
export function parsePolicyDocument(
  value: unknown,
  kind: PolicyKind,
  reading: Reading = {},
): { readonly document: PolicyDocument } | { readonly problems: readonly PolicyProblem[] } {
  const problems = new ProblemList()
  const document = readDocument(value, kind, reading, problems)
  if (document === undefined || problems.found.length > 0) {
    return Object.assign(Object.create(null) as object, { problems: problems.found })
  }
  return Object.assign(Object.create(null) as object, { document })
}

function readDocument(
  value: unknown,
  kind: PolicyKind,
  reading: Reading,
  problems: ProblemList,
): PolicyDocument | undefined {
  if (!isJsonObject(value)) {
    const message = `found ${show(value)}, expected a policy document`
    const hint = 'write {"Version": "2012-10-17", "Statement": [...]}'
    problems.add('', 'policy.wrong_type', message, hint)
    return undefined
  }
  const rules = kindRules[kind]
  const largest = option(reading, 'largest') ?? rules.largest
  if (spend(value, largest, deepestNesting) < 0) {
    const message = `the document is nested too deeply or longer than ${largest} characters`
    problems.add('', 'policy.too_large', message, 'split it into several policies')
    return undefined
  }
  refuseUnknown(value, ['Version', 'Id', 'Statement'], '', problems)
  const asAws = option(reading, 'asAws') === true
  const version =
    asAws && !Object.hasOwn(value, 'Version') ? '2008-10-17' : readVersion(value, problems)
  const id = readId(value, problems)
  const variables = version === '2012-10-17'
  const statements = readStatements(
    value,
    { rules, variables, apiArn: option(reading, 'apiArn'), asAws },
    problems,
  )
  if (version === undefined) return undefined
  return { kind, version, id, statements } as PolicyDocument
}

const deepestNesting = 8

/** An option that was really given. */
function option<Name extends keyof Reading>(
  reading: Reading,
  name: Name,
): Reading[Name] | undefined {
  return Object.hasOwn(reading, name) ? reading[name] : undefined
}

/** What is left of the budget after the value was written as compact JSON; negative when too little. */
function spend(value: unknown, budget: number, depth: number): number {
  if (budget < 0 || depth < 0) return -1
  if (typeof value === 'string') return budget - value.length - 2
  if (typeof value !== 'object' || value === null) return budget - show(value).length
  const keys = Object.keys(value)
  let left = budget - (keys.length === 0 ? 2 : 1)
  for (const key of keys) {
    if (!Array.isArray(value)) left -= key.length + 3
    left = spend(ownProperty(value, key), left, depth - 1) - 1
    if (left < 0) return -1
  }
  return left
}

function readVersion(document: JsonObject, problems: ProblemList): PolicyVersion | undefined {
  const version = ownProperty(document, 'Version')
  if (version === '2012-10-17' || version === '2008-10-17') return version
  const hint = 'write "Version": "2012-10-17"'
  if (version === undefined) {
    problems.add('', 'policy.missing', 'the document has no Version', hint)
  } else {
    const message = `found the version ${show(version)}, expected "2012-10-17" or "2008-10-17"`
    const code = typeof version === 'string' ? 'policy.bad_version' : 'policy.wrong_type'
    problems.add('/Version', code, message, hint)
  }
  return undefined
}

function readId(document: JsonObject, problems: ProblemList): string | undefined {
  const id = ownProperty(document, 'Id')
  if (id === undefined || typeof id === 'string') return id
  const message = `found ${show(id)}, expected text`
  problems.add('/Id', 'policy.wrong_type', message, 'put the value in double quotes')
  return undefined
}

function readStatements(
  document: JsonObject,
  setting: StatementSetting,
  problems: ProblemList,
): readonly Statement[] {
  if (!Object.hasOwn(document, 'Statement')) {
    const hint = 'write "Statement": [{"Effect": ..., "Action": ..., "Resource": ...}]'
    problems.add('', 'policy.missing', 'the document has no Statement', hint)
    return []
  }
  const value = document['Statement']
  if (!Array.isArray(value)) {
    return [parseStatement(value, setting, '/Statement', problems)].filter(isStatement)
  }
  if (value.length === 0) {
    const message = 'the document has no statement'
    problems.add('/Statement', 'policy.empty', message, 'write at least one statement')
  }
  const statements = value.map((item: unknown, index) =>
    parseStatement(item, setting, within('/Statement', index), problems),
  )
  refuseSameSid(statements, problems)
  return statements.filter(isStatement)
}

function isStatement(statement: Statement | undefined): statement is Statement {
  return statement !== undefined
}

/** A decision names its statement by Sid, so a Sid stands for one statement. */
function refuseSameSid(
  statements: readonly (Statement | undefined)[],
  problems: ProblemList,
): void {
  const seen = new Set<string>()
  for (const [index, statement] of statements.entries()) {
    if (statement?.sid === undefined) continue
    if (seen.has(statement.sid)) {
      const message = `the Sid ${show(statement.sid)} is used by an earlier statement`
      const pointer = within(within('/Statement', index), 'Sid')
      problems.add(pointer, 'policy.duplicate', message, 'give each statement its own Sid')
    }
    seen.add(statement.sid)
  }
}

import { invariant, ownProperty } from '../core/index.ts'
import { parseResource } from './value/arn.ts'
import type { Condition } from './document/condition.ts'
import { decidedBy } from './decision.ts'
import type { Decision } from './decision.ts'
import type { PolicyDocument } from './document/document.ts'
import { parseBool } from './document/operand.ts'
import type { Test } from './document/operand.ts'
import { parseOperator } from './document/operator.ts'
import type { Operator, Quantifier } from './document/operator.ts'
import { StatementList } from './lookup/statement-list.ts'
import type { PolicyKind } from './document/kind.ts'
import type { Pattern } from './value/pattern.ts'
import type { PrincipalSelection } from './document/principal.ts'
import { isValueProblem } from './document/problem.ts'
import type { ValueProblem } from './document/problem.ts'
import { parseAction } from './document/statement.ts'
import type { Effect, Selection, Statement } from './document/statement.ts'

/** A document under the name that decisions and explanations give it. */
export interface PolicySource {
  readonly name: string
  readonly document: PolicyDocument
  /** Where statement i stands, `file:line`. */
  readonly places?: readonly string[]
  /** The role it is attached to; decisions name it. */
  readonly role?: string
}

/** Statements that count alike, ready to be evaluated. Immutable; share it freely. */
export interface CompiledPolicies {
  /** In the order of the sources and their documents. */
  readonly statements: readonly CompiledStatement[]
  readonly denies: StatementList
  readonly allows: StatementList
}

export interface CompiledStatement {
  readonly policy: string
  readonly kind: PolicyKind
  readonly role: string | undefined
  /** The Sid, or `#` and the index. */
  readonly label: string
  readonly place: string | undefined
  readonly effect: Effect
  /** Absent where the policy is attached to whom it is about. */
  readonly principal: PrincipalSelection | undefined
  readonly action: CompiledSelection
  readonly resource: CompiledSelection
  readonly conditions: readonly CompiledCondition[]
  /** The answer when this statement decides, made once. */
  readonly decision: Decision
}

export interface CompiledSelection {
  /** `Action`, `NotAction`, `Resource` or `NotResource`. */
  readonly element: string
  readonly patterns: readonly Pattern[]
  readonly inverted: boolean
}

export interface CompiledCondition {
  /** `Condition/StringEquals/aws:username`. */
  readonly element: string
  /** In lower case. */
  readonly key: string
  readonly values: readonly string[]
  readonly quantifier: Quantifier
  readonly negated: boolean
  /** One per value; empty for `Null`. */
  readonly tests: readonly Test[]
  /** The answer when the request does not have the key. */
  readonly whenAbsent: boolean
  /** The answer of `Null` when the request has it; `undefined` when the tests answer. */
  readonly whenPresent: boolean | undefined
}

/** Compiles policies whose statements count alike. The order of sources changes no decision's effect. */
export function compilePolicies(sources: readonly PolicySource[]): CompiledPolicies {
  const statements = sources.flatMap((source) =>
    source.document.statements.map((statement, index) =>
      compileStatement(statement, index, source),
    ),
  )
  return Object.freeze({
    statements,
    denies: new StatementList(statements.filter(({ effect }) => effect === 'Deny')),
    allows: new StatementList(statements.filter(({ effect }) => effect === 'Allow')),
  })
}

function compileStatement(
  statement: Statement,
  index: number,
  source: PolicySource,
): CompiledStatement {
  const variables = source.document.version === '2012-10-17'
  const name = {
    policy: source.name,
    kind: source.document.kind,
    role: ownProperty(source, 'role') as string | undefined,
    label: statement.sid ?? `#${index}`,
  }
  const places = ownProperty(source, 'places') as readonly string[] | undefined
  return Object.freeze({
    ...name,
    place: places?.[index],
    effect: statement.effect,
    principal: statement.principal,
    action: compileSelection('Action', statement.action, parseAction),
    resource: compileSelection('Resource', statement.resource, (text) =>
      parseResource(text, variables),
    ),
    conditions: statement.conditions.map((condition) => compileCondition(condition, variables)),
    decision: decidedBy(name, statement.effect),
  })
}

function compileSelection(
  name: string,
  { values, inverted }: Selection,
  parse: (text: string) => Pattern | ValueProblem,
): CompiledSelection {
  const patterns = values.map((value) => sound(parse(value)))
  return { element: inverted ? `Not${name}` : name, patterns, inverted }
}

function compileCondition(condition: Condition, variables: boolean): CompiledCondition {
  const { key, values } = condition
  const operator = sound(parseOperator(condition.operator))
  const { operand, quantifier, negated } = operator
  const named = { element: `Condition/${operator.name}/${key}`, key: key.toLowerCase(), values }
  if (operand === undefined) {
    const asked = new Set(values.map(parseBool))
    const [whenAbsent, whenPresent] = [asked.has(true), asked.has(false)]
    return { ...named, quantifier, negated, tests: [], whenAbsent, whenPresent }
  }
  const tests = values.map((value) => sound(operand(value, variables)))
  const whenAbsent = holdsWhenAbsent(operator)
  return { ...named, quantifier, negated, tests, whenAbsent, whenPresent: undefined }
}

/**
 * A key the request does not have: `...IfExists` holds; `ForAllValues:` holds for want of a value that
 * fails; `ForAnyValue:` does not for want of one that passes; else only the complements hold.
 */
function holdsWhenAbsent({ ifExists, quantifier, negated }: Operator): boolean {
  if (ifExists || quantifier === 'for-all') return true
  return quantifier === 'for-any' ? false : negated
}

/** Invariant: what a parsed document holds compiles, since the parser has compiled it before. */
function sound<Value extends object>(value: Value | ValueProblem): Value {
  invariant(!isValueProblem(value), 'a parsed policy document does not compile')
  return value
}

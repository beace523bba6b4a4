import { isJsonObject, ownProperty } from '../../core/index.ts'
import { parseOperator } from './operator.ts'
import type { Operator } from './operator.ts'
import { parseBool } from './operand.ts'
import { contextKeyForm } from '../value/pattern.ts'
import { isValueProblem, show, within } from './problem.ts'
import type { ProblemList } from './problem.ts'
import { readTexts } from './reader.ts'
import type { PlacedText } from './reader.ts'

/** One operator on one key: the values are alternatives. */
export interface Condition {
  /** As written: `ForAnyValue:StringLikeIfExists`. */
  readonly operator: string
  /** As written; condition keys are not case-sensitive. */
  readonly key: string
  /** Numbers and booleans as text. */
  readonly values: readonly string[]
}

export interface ConditionSetting {
  /** Whether `${...}` is a variable. */
  readonly variables: boolean
  /** Whether a block may hold nothing, as in AWS, and then asks nothing; and keys need no prefix. */
  readonly asAws: boolean
}

/** Reads a `Condition` block: every operator and every key in it must hold. */
export function parseConditions(
  block: unknown,
  { variables, asAws }: ConditionSetting,
  pointer: string,
  problems: ProblemList,
): readonly Condition[] {
  return members(block, asAws, pointer, problems).flatMap(([name, keys]) => {
    const place = within(pointer, name)
    const operator = parseOperator(name)
    if (isValueProblem(operator)) {
      problems.addValue(place, operator)
      return []
    }
    refuseTwice(Object.keys(isJsonObject(keys) ? keys : {}), place, problems)
    return members(keys, asAws, place, problems).flatMap(([key, value]) =>
      parseCondition({ operator, key, value, variables, asAws }, within(place, key), problems),
    )
  })
}

function parseCondition(
  source: {
    readonly operator: Operator
    readonly key: string
    readonly value: unknown
  } & ConditionSetting,
  pointer: string,
  problems: ProblemList,
): readonly Condition[] {
  const { operator, key, value, variables, asAws } = source
  if (!contextKeyForm.test(asAws && !key.includes(':') ? `x:${key}` : key)) {
    const message = `${show(key)} is not a condition key`
    problems.add(pointer, 'policy.bad_value', message, 'write prefix:Name, such as aws:SourceIp')
    return []
  }
  const texts = readTexts(value, 'any-scalar', pointer, problems)
  for (const text of texts) checkValue(operator, text, variables, problems)
  return [{ operator: operator.name, key, values: texts.map(({ text }) => text) }]
}

function checkValue(
  operator: Operator,
  { text, pointer }: PlacedText,
  variables: boolean,
  problems: ProblemList,
): void {
  if (operator.operand === undefined) {
    if (parseBool(text) !== undefined) return
    const hint = '"true" asks that the key is absent, "false" that it is present'
    problems.add(pointer, 'policy.bad_value', `Null compares "true" or "false"`, hint)
    return
  }
  const test = operator.operand(text, variables)
  if (isValueProblem(test)) problems.addValue(pointer, test)
}

/** The members of an object that must hold at least one, but for `mayBeEmpty`. */
function members(
  value: unknown,
  mayBeEmpty: boolean,
  pointer: string,
  problems: ProblemList,
): readonly (readonly [string, unknown])[] {
  if (!isJsonObject(value)) {
    const message = `found ${show(value)}, expected an object`
    const hint = 'write {"Operator": {"prefix:Key": "value"}}'
    problems.add(pointer, 'policy.wrong_type', message, hint)
    return []
  }
  const names = Object.keys(value)
  if (names.length === 0 && !mayBeEmpty) {
    const hint = 'leave the block out when there is nothing to ask'
    problems.add(pointer, 'policy.empty', 'the block is empty', hint)
  }
  return names.map((name) => [name, ownProperty(value, name)])
}

/** Keys that differ only in case are one key; a reader may see only one of them. */
function refuseTwice(keys: readonly string[], pointer: string, problems: ProblemList): void {
  const seen = new Set<string>()
  for (const key of keys) {
    if (seen.has(key.toLowerCase())) {
      const message = `the condition key ${show(key)} is written twice under one operator`
      const hint = 'put the values into one list'
      problems.add(within(pointer, key), 'policy.duplicate', message, hint)
    }
    seen.add(key.toLowerCase())
  }
}

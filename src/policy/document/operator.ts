import {
  addressOperand,
  arnOperand,
  binaryOperand,
  boolOperand,
  dateOperand,
  numericOperand,
  order,
  stringOperand,
} from './operand.ts'
import type { OperandReader } from './operand.ts'
import { nearest, show } from './problem.ts'
import type { ValueProblem } from './problem.ts'

/** How a condition treats a fact with several values. */
export type Quantifier = 'none' | 'for-all' | 'for-any'

/** A condition operator as written, taken apart. */
export interface Operator {
  /** As written: `ForAnyValue:StringLikeIfExists`. */
  readonly name: string
  readonly quantifier: Quantifier
  readonly ifExists: boolean
  /** Whether it is the complement of its relation: `StringNotEquals`, `NotIpAddress`. */
  readonly negated: boolean
  /** How a value of the policy is read; absent for `Null`, which looks only at presence. */
  readonly operand: OperandReader | undefined
}

/** Reads an operator's name; names are case-sensitive. */
export function parseOperator(name: string): Operator | ValueProblem {
  const { quantifier, base, ifExists } = takeApart(name)
  if (base === 'Null') {
    if (quantifier !== 'none' || ifExists) {
      return unsupported(name, 'Null takes no ForAllValues:, ForAnyValue: and no IfExists')
    }
    return { name, quantifier, ifExists, negated: false, operand: undefined }
  }
  const known = operators.get(base)
  if (known === undefined) return unknownOperator(name, base)
  return { name, quantifier, ifExists, negated: known.negated, operand: known.operand }
}

interface KnownOperator {
  readonly negated: boolean
  readonly operand: OperandReader
}

const exact = stringOperand({ wildcards: false, ignoreCase: false })
const exactIgnoreCase = stringOperand({ wildcards: false, ignoreCase: true })
const like = stringOperand({ wildcards: true, ignoreCase: false })

const operators: ReadonlyMap<string, KnownOperator> = new Map([
  ['StringEquals', positive(exact)],
  ['StringNotEquals', complement(exact)],
  ['StringEqualsIgnoreCase', positive(exactIgnoreCase)],
  ['StringNotEqualsIgnoreCase', complement(exactIgnoreCase)],
  ['StringLike', positive(like)],
  ['StringNotLike', complement(like)],
  ['NumericEquals', positive(numericOperand(order.equal))],
  ['NumericNotEquals', complement(numericOperand(order.equal))],
  ['NumericLessThan', positive(numericOperand(order.less))],
  ['NumericLessThanEquals', positive(numericOperand(order.lessOrEqual))],
  ['NumericGreaterThan', positive(numericOperand(order.greater))],
  ['NumericGreaterThanEquals', positive(numericOperand(order.greaterOrEqual))],
  ['DateEquals', positive(dateOperand(order.equal))],
  ['DateNotEquals', complement(dateOperand(order.equal))],
  ['DateLessThan', positive(dateOperand(order.less))],
  ['DateLessThanEquals', positive(dateOperand(order.lessOrEqual))],
  ['DateGreaterThan', positive(dateOperand(order.greater))],
  ['DateGreaterThanEquals', positive(dateOperand(order.greaterOrEqual))],
  ['Bool', positive(boolOperand)],
  ['BinaryEquals', positive(binaryOperand)],
  ['IpAddress', positive(addressOperand)],
  ['NotIpAddress', complement(addressOperand)],
  ['ArnEquals', positive(arnOperand)],
  ['ArnNotEquals', complement(arnOperand)],
  ['ArnLike', positive(arnOperand)],
  ['ArnNotLike', complement(arnOperand)],
])

function positive(operand: OperandReader): KnownOperator {
  return { negated: false, operand }
}

function complement(operand: OperandReader): KnownOperator {
  return { negated: true, operand }
}

const prefixes: readonly (readonly [text: string, quantifier: Quantifier])[] = [
  ['ForAllValues:', 'for-all'],
  ['ForAnyValue:', 'for-any'],
]

function takeApart(name: string): {
  readonly quantifier: Quantifier
  readonly base: string
  readonly ifExists: boolean
} {
  const prefix = prefixes.find(([text]) => name.startsWith(text))
  const rest = prefix === undefined ? name : name.slice(prefix[0].length)
  const ifExists = rest.endsWith('IfExists')
  return {
    quantifier: prefix?.[1] ?? 'none',
    base: ifExists ? rest.slice(0, -'IfExists'.length) : rest,
    ifExists,
  }
}

function unsupported(name: string, why: string): ValueProblem {
  return {
    code: 'policy.unsupported',
    message: `the condition operator ${show(name)} is not supported: ${why}`,
    hint: 'see the operators in docs/policy-language.md',
  }
}

function unknownOperator(name: string, base: string): ValueProblem {
  const guess = nearest(base, [...operators.keys(), 'Null'])
  return {
    code: 'policy.unknown_element',
    message: `there is no condition operator ${show(name)}`,
    hint:
      guess === undefined
        ? 'see the operators in docs/policy-language.md'
        : `did you mean ${guess}?`,
  }
}

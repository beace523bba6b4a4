import { isInRange, parseAddress, parseAddressRange } from '../value/address.ts'
import { parseArnPattern } from '../value/arn.ts'
import { ContextValueError } from '../context.ts'
import type { ContextLookup } from '../context.ts'
import { parseMoment } from '../value/moment.ts'
import { matchesColumns, matchesPattern, parsePattern } from '../value/pattern.ts'
import { isValueProblem, show } from './problem.ts'
import type { ValueProblem } from './problem.ts'

/**
 * Whether one found value stands in the operator's positive relation to one value of the policy.
 * Throws `ContextValueError` when the found value is not of the operator's type.
 */
export type Test = (found: string, context: ContextLookup) => boolean

/** Turns one value of the policy into its test, or says why it cannot be one. */
export type OperandReader = (value: string, variables: boolean) => Test | ValueProblem

/** The relation of a found quantity to the one in the policy. */
export type Order = (found: number, expected: number) => boolean

export const order = {
  equal: (found, expected) => found === expected,
  less: (found, expected) => found < expected,
  lessOrEqual: (found, expected) => found <= expected,
  greater: (found, expected) => found > expected,
  greaterOrEqual: (found, expected) => found >= expected,
} satisfies Record<string, Order>

export function stringOperand(syntax: {
  readonly wildcards: boolean
  readonly ignoreCase: boolean
}): OperandReader {
  return (value, variables) => {
    const pattern = parsePattern(value, { ...syntax, variables })
    if (isValueProblem(pattern)) return pattern
    return (found, context) => matchesPattern(pattern, found, context)
  }
}

export function numericOperand(relation: Order): OperandReader {
  return quantityOperand(parseNumber, relation, {
    name: 'a number',
    hint: 'write a decimal number, such as 300 or 0.5, of at most 2^53',
  })
}

export function dateOperand(relation: Order): OperandReader {
  return quantityOperand(parseMoment, relation, {
    name: 'a date',
    hint: 'write 2026-11-22T09:00:00Z, 2026-11-22, or whole seconds since 1970',
  })
}

export const boolOperand: OperandReader = (value) => {
  const expected = parseBool(value)
  if (expected === undefined) {
    return notOfType(value, { name: 'a boolean', hint: 'write "true" or "false"' })
  }
  return (found) => {
    const flag = parseBool(found)
    if (flag === undefined) throw wrongType(found, 'a boolean')
    return flag === expected
  }
}

/** Bytes in base64 (RFC 4648 section 4), which are compared as bytes. */
export const binaryOperand: OperandReader = (value) => {
  const expected = parseBase64(value)
  if (expected === undefined) {
    return notOfType(value, { name: 'base64', hint: 'write the bytes in base64, with padding' })
  }
  return (found) => {
    const bytes = parseBase64(found)
    if (bytes === undefined) throw wrongType(found, 'base64')
    return bytes.equals(expected)
  }
}

export const addressOperand: OperandReader = (value) => {
  const range = parseAddressRange(value)
  if (range === undefined) {
    const hint = 'write 203.0.113.0/24, 2001:db8::/32 or a single address'
    return notOfType(value, { name: 'an IP address or CIDR range', hint })
  }
  return (found) => {
    const address = parseAddress(withoutZone(found))
    if (address === undefined) throw wrongType(found, 'an IP address')
    return isInRange(address, range)
  }
}

export const arnOperand: OperandReader = (value, variables) => {
  const pattern = parseArnPattern(value, variables)
  if (isValueProblem(pattern)) return pattern
  // What is not an ARN has too few parts and matches no pattern.
  return (found, context) => matchesColumns(pattern, found, context)
}

function parseBase64(text: string): Buffer | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text))
    return undefined
  return Buffer.from(text, 'base64')
}

/** `true` or `false` in any case, as AWS reads them. */
export function parseBool(text: string): boolean | undefined {
  const lower = text.toLowerCase()
  if (lower === 'true') return true
  return lower === 'false' ? false : undefined
}

interface TypeName {
  readonly name: string
  readonly hint: string
}

function quantityOperand(
  parse: (text: string) => number | undefined,
  relation: Order,
  type: TypeName,
): OperandReader {
  return (value) => {
    const expected = parse(value)
    if (expected === undefined) return notOfType(value, type)
    return (found) => {
      const quantity = parse(found)
      if (quantity === undefined) throw wrongType(found, type.name)
      return relation(quantity, expected)
    }
  }
}

/** A decimal number that a double holds apart from its neighbours. */
function parseNumber(text: string): number | undefined {
  if (text.length > longestNumber || !/^[+-]?\d+(?:\.\d+)?$/.test(text)) return undefined
  const number = Number(text)
  return Math.abs(number) <= Number.MAX_SAFE_INTEGER ? number : undefined
}

const longestNumber = 32

/** `fe80::1%eth0` names an address and the interface it was seen on. */
function withoutZone(text: string): string {
  const percent = text.indexOf('%')
  return percent === -1 || !text.includes(':') ? text : text.slice(0, percent)
}

function notOfType(value: string, { name, hint }: TypeName): ValueProblem {
  return { code: 'policy.bad_value', message: `${show(value)} is not ${name}`, hint }
}

function wrongType(found: string, name: string): ContextValueError {
  return new ContextValueError(`the request gives ${show(found)}, which is not ${name}`)
}

import {
  addressBits,
  arnParts,
  bytes,
  decimal,
  isWithin,
  moment,
  spells,
  truth,
  WrongType,
} from './values.ts'
import type { Sign } from './values.ts'

/** Facts by key in lower case. */
export type Facts = ReadonlyMap<string, string | readonly string[]>

/**
 * The signs of a value of the policy; `undefined` where a variable has no value.
 *
 * @param wildcards - whether `*` and `?` are wildcards.
 * @param variables - whether `${...}` is a variable.
 */
export function signsOf(
  value: string,
  { wildcards, variables, facts }: { wildcards: boolean; variables: boolean; facts: Facts },
): readonly Sign[] | undefined {
  const signs: Sign[] = []
  for (let at = 0; at < value.length; at++) {
    const end = variables && value.startsWith('${', at) ? value.indexOf('}', at) : -1
    if (end !== -1) {
      const text = valueOfVariable(value.slice(at + 2, end), facts)
      if (text === undefined) return undefined
      signs.push(...text.split(''))
      at = end
    } else if (wildcards && value[at] === '*') signs.push({ wild: 'any-run' })
    else if (wildcards && value[at] === '?') signs.push({ wild: 'any-one' })
    else signs.push(value[at] ?? '')
  }
  return signs
}

function valueOfVariable(inside: string, facts: Facts): string | undefined {
  if (['*', '?', '$'].includes(inside)) return inside
  const [key = '', fallback] = inside.split(',')
  const found = facts.get(key.trim().toLowerCase())
  if (Array.isArray(found) && found.length > 0) throw new WrongType(key)
  if (typeof found === 'string' && found !== '') return found
  return fallback === undefined ? undefined : fallback.trim().slice(1, -1)
}

type Relation = (found: string, wanted: string, variables: boolean, facts: Facts) => boolean

function text({ wildcards, ignoreCase }: { wildcards: boolean; ignoreCase: boolean }): Relation {
  return (found, wanted, variables, facts) => {
    const signs = signsOf(wanted, { wildcards, variables, facts })
    if (signs === undefined) return false
    if (!ignoreCase) return spells(signs, found)
    const lower = signs.map((sign) => (typeof sign === 'string' ? sign : sign.wild)).join('')
    return lower.toLowerCase() === found.toLowerCase()
  }
}

function compared<Value>(
  read: (text: string) => Value,
  relation: (found: Value, wanted: Value) => boolean,
): Relation {
  return (found, wanted) => relation(read(found), read(wanted))
}

function arn(found: string, wanted: string, variables: boolean, facts: Facts): boolean {
  // One variable may stand for a whole ARN.
  const isVariable = variables && /^\$\{[^}]*\}$/.test(wanted)
  const patterns = isVariable ? [wanted] : arnParts(wanted)
  const parts = isVariable ? [found] : arnParts(found)
  if (parts.length !== patterns.length) return false
  return patterns.every((pattern, index) => {
    const signs = signsOf(pattern, { wildcards: true, variables, facts })
    return signs !== undefined && spells(signs, parts[index] ?? '')
  })
}

function address(found: string, wanted: string): boolean {
  addressBits(found)
  return isWithin(found, wanted)
}

const exact = text({ wildcards: false, ignoreCase: false })

/** The positive operators; the others are their opposites. */
const relations: Readonly<Record<string, Relation>> = {
  StringEquals: exact,
  StringEqualsIgnoreCase: text({ wildcards: false, ignoreCase: true }),
  StringLike: text({ wildcards: true, ignoreCase: false }),
  NumericEquals: compared(decimal, (found, wanted) => found === wanted),
  NumericLessThan: compared(decimal, (found, wanted) => found < wanted),
  NumericLessThanEquals: compared(decimal, (found, wanted) => found <= wanted),
  NumericGreaterThan: compared(decimal, (found, wanted) => found > wanted),
  NumericGreaterThanEquals: compared(decimal, (found, wanted) => found >= wanted),
  DateEquals: compared(moment, (found, wanted) => found === wanted),
  DateLessThan: compared(moment, (found, wanted) => found < wanted),
  DateLessThanEquals: compared(moment, (found, wanted) => found <= wanted),
  DateGreaterThan: compared(moment, (found, wanted) => found > wanted),
  DateGreaterThanEquals: compared(moment, (found, wanted) => found >= wanted),
  Bool: compared(truth, (found, wanted) => found === wanted),
  BinaryEquals: compared(bytes, (found, wanted) => found === wanted),
  IpAddress: address,
  ArnEquals: arn,
  ArnLike: arn,
}

/** `StringNotLike` is the opposite of `StringLike`, `NotIpAddress` that of `IpAddress`. */
function takeApart(base: string): { readonly positive: string; readonly negated: boolean } {
  const positive = base.replace('Not', '')
  return { positive, negated: positive !== base && base !== 'Null' }
}

export interface ConditionCase {
  readonly operator: string
  readonly key: string
  readonly wanted: readonly string[]
  readonly variables: boolean
}

/** Whether the condition holds. Throws `WrongType`. */
export function conditionHolds(condition: ConditionCase, facts: Facts): boolean {
  const { operator, key, wanted, variables } = condition
  const [, quantifier = '', name = ''] = /^(?:(For\w+):)?(.+)$/.exec(operator) ?? []
  const ifExists = name.endsWith('IfExists')
  const base = name.replace(/IfExists$/, '')
  const fact = facts.get(key.toLowerCase())
  const isAbsent = fact === undefined || (fact.length === 0 && Array.isArray(fact))
  if (base === 'Null') return wanted.some((value) => truth(value) === isAbsent)
  const { positive, negated } = takeApart(base)
  if (isAbsent) {
    if (ifExists || quantifier === 'ForAllValues') return true
    return quantifier === 'ForAnyValue' ? false : negated
  }
  const relation = relations[positive]
  if (relation === undefined) throw new Error(`no operator ${operator}`)
  const values: readonly string[] = typeof fact === 'string' ? [fact] : fact
  const isAmong = (value: string): boolean =>
    wanted.some((one) => relation(value, one, variables, facts))
  if (quantifier === 'ForAllValues') return values.every((value) => isAmong(value) !== negated)
  if (quantifier === 'ForAnyValue') return values.some((value) => isAmong(value) !== negated)
  return values.some(isAmong) !== negated
}

import { isJsonObject, ownProperty } from '../core/index.ts'
import { show } from '../policy/index.ts'
import { invalidInput } from './answer.ts'

/** The facts of the request. */
export interface GivenContext {
  /** By key in lower case. What is not here is absent. */
  readonly facts: ReadonlyMap<string, string | readonly string[]>
  /** Of all values, in UTF-16 units. */
  readonly length: number
}

/** Most of that. */
const mostText = 131_072

const scalarTypes: readonly string[] = ['string', 'numeric', 'boolean', 'ip', 'binary', 'date']
const types: readonly string[] = scalarTypes.flatMap((type) => [type, `${type}List`])

/** Reads `ContextEntries`. Values are not checked against their type: operators do that. */
export function parseContextEntries(value: unknown): GivenContext {
  const facts = new Map<string, string | readonly string[]>()
  if (value === undefined) return { facts, length: 0 }
  if (!Array.isArray(value)) throw invalidInput(`ContextEntries is ${show(value)}, expected a list`)
  let length = 0
  for (const entry of value as readonly unknown[]) {
    const { name, fact } = parseEntry(entry)
    const key = name.toLowerCase()
    // Two facts under one key could be read in two ways.
    if (facts.has(key)) throw invalidInput(`Duplicate context key: ${name}.`)
    facts.set(key, fact)
    length += typeof fact === 'string' ? fact.length : fact.join('').length
  }
  if (length <= mostText) return { facts, length }
  throw invalidInput(`ContextEntries hold ${length} characters, at most ${mostText} are allowed`)
}

function parseEntry(entry: unknown): { name: string; fact: string | readonly string[] } {
  if (!isJsonObject(entry)) {
    throw invalidInput(`ContextEntries holds ${show(entry)}, expected an object`)
  }
  const name = ownProperty(entry, 'ContextKeyName')
  if (typeof name !== 'string' || name === '') {
    throw invalidInput('ContextKeyName cannot be null or empty.')
  }
  const type = ownProperty(entry, 'ContextKeyType')
  if (type !== undefined && !(typeof type === 'string' && types.includes(type))) {
    throw invalidInput(`Context key ${name} has invalid type ${show(type)}.`)
  }
  const values = valuesOf(name, ownProperty(entry, 'ContextKeyValues'))
  const [first] = values
  const isScalar = values.length === 1 && first !== undefined
  return { name, fact: isScalar && !isListType(type) ? first : values }
}

function isListType(type: unknown): boolean {
  return typeof type === 'string' && type.endsWith('List')
}

function valuesOf(name: string, value: unknown): readonly string[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value ?? null]
  return values.map((item) => {
    if (typeof item === 'string') return item
    if (typeof item === 'number' || typeof item === 'boolean') return String(item)
    throw invalidInput(`The values of the context key ${name} hold ${show(item)}, expected text`)
  })
}

import type { z } from 'zod'
import { describeFound, pathKey } from './problems.ts'
import type { Path, ProblemCode } from './problems.ts'
import { expectations } from './schema/expectations.ts'
import type { Expectation } from './schema/expectations.ts'
import { configurationShape } from './schema.ts'
import type { ConfigurationShape } from './schema.ts'

/** A fault of shape; the caller knows where the path stands in the text. */
export interface ShapeProblem {
  readonly path: Path
  /** Where to point: the key itself, or the value. */
  readonly at: 'key' | 'value'
  readonly code: ProblemCode
  readonly message: string
  readonly hint: string
}

export interface ShapeReading {
  readonly problems: readonly ShapeProblem[]
  /**
   * What could be read; with problems it lacks the parts that had them, so that the remaining checks
   * can still be made and all problems come at once. Absent when nothing useful is left.
   */
  readonly shape: ConfigurationShape | undefined
  /** The path in the text of a path in `shape`: they differ where list items were left out. */
  readonly original: (path: Path) => Path
}

const mostRepairs = 10

/** Checks a plain document against the shape of proofgate.yaml. */
export function readShape(value: unknown): ShapeReading {
  const problems: ShapeProblem[] = []
  const kept = new Map<string, number[]>()
  const original = (path: Path): Path => originalPath(path, kept)
  let current = value
  for (let round = 0; round < mostRepairs; round++) {
    const parsed = configurationShape.safeParse(current)
    if (parsed.success)
      return { problems, shape: detach(parsed.data) as ConfigurationShape, original }
    const faults = parsed.error.issues.flatMap((issue) => faultsOf(issue, current))
    if (round === 0) problems.push(...faults)
    const repaired = leaveOut(current, [], faults, kept)
    if (typeof repaired !== 'object' || repaired === null) break
    current = withVersion(repaired)
  }
  return { problems, shape: undefined, original }
}

/** A shape, and what each kind of value in it has to be. */
export interface OtherShape {
  readonly schema: z.ZodType
  readonly words: Readonly<Record<string, Expectation>>
}

/** The faults of a document that is no configuration. */
export function shapeFaults(value: unknown, shape: OtherShape): readonly ShapeProblem[] {
  const parsed = shape.schema.safeParse(value)
  if (parsed.success) return []
  return parsed.error.issues.flatMap((issue) => faultsOf(issue, value, shape))
}

const ownShape: OtherShape = { schema: configurationShape, words: expectations }

function faultsOf(
  issue: z.core.$ZodIssue,
  document: unknown,
  { schema, words }: OtherShape = ownShape,
): ShapeProblem[] {
  const path = issue.path as Path
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey([...path, key], schema))
  }
  const kind = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? '') : issue.message
  const { code, expected, hint } = words[kind] ?? {
    code: 'config.value' as const,
    expected: 'another value',
    hint: 'See the reference.',
  }
  if (issue.code === 'invalid_key') {
    const message = `found ${describeFound(path.at(-1))}, expected ${expected}`
    return [{ path, at: 'key', code, message, hint }]
  }
  const found = valueAt(document, path)
  if (found === undefined) {
    const message = `found no ${describeFound(path.at(-1))}, expected ${expected}`
    return [{ path, at: 'key', code: 'config.missing', message, hint: `Add it. ${hint}` }]
  }
  const shown = isSecret(path) ? 'a value' : describeFound(found)
  const empty = Array.isArray(found) && found.length === 0 ? 'an empty list' : shown
  const message = `found ${empty}, expected ${expected}`
  return [{ path, at: 'value', code, message, hint }]
}

function unknownKey(path: Path, schema: z.ZodType): ShapeProblem {
  const key = String(path.at(-1))
  const known = Object.keys(shapeKeys(path.slice(0, -1), schema))
  const near = known.find((candidate) => isNear(key.toLowerCase(), candidate.toLowerCase()))
  const expected = known.length === 0 ? 'no keys' : `one of ${known.join(', ')}`
  const message = `found the key ${describeFound(key)}, expected ${near ?? expected}`
  const hint = near === undefined ? 'Remove it; see the reference for the keys.' : `Write ${near}.`
  return { path, at: 'key', code: 'config.unknown-key', message, hint }
}

/** One letter more, less or other, or two swapped; or words that only differ in `-` and `_`. */
function isNear(found: string, known: string): boolean {
  if (found.replace(/[-_]/g, '') === known.replace(/[-_]/g, '')) return true
  let start = 0
  while (start < found.length && found[start] === known[start]) start++
  let [foundEnd, knownEnd] = [found.length, known.length]
  while (foundEnd > start && knownEnd > start && found[foundEnd - 1] === known[knownEnd - 1]) {
    foundEnd--
    knownEnd--
  }
  const [left, right] = [found.slice(start, foundEnd), known.slice(start, knownEnd)]
  const isSwap = left.length === 2 && left === `${right.charAt(1)}${right.charAt(0)}`
  return isSwap || (left.length <= 1 && right.length <= 1)
}

/** The keys the schema has for a mapping, found by following the path through it. */
function shapeKeys(path: Path, whole: z.ZodType): Readonly<Record<string, unknown>> {
  let schema: z.core.$ZodType = whole
  for (const part of path) {
    const { def } = unwrap(schema)._zod as unknown as { def: SchemaDefinition }
    if (def.type === 'array' && def.element) schema = def.element
    else if (def.type === 'record' && def.valueType) schema = def.valueType
    else if (def.shape && Object.hasOwn(def.shape, part))
      schema = def.shape[part] as z.core.$ZodType
    else return {}
  }
  return (unwrap(schema)._zod as unknown as { def: SchemaDefinition }).def.shape ?? {}
}

interface SchemaDefinition {
  readonly type: string
  readonly element?: z.core.$ZodType
  readonly valueType?: z.core.$ZodType
  readonly innerType?: z.core.$ZodType
  readonly options?: readonly z.core.$ZodType[]
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const { innerType, options } = (schema._zod as unknown as { def: SchemaDefinition }).def
  // Of a choice only a mapping has keys.
  const inner =
    innerType ?? options?.findLast((option) => unwrap(option)._zod.def.type === 'object')
  return inner === undefined ? schema : unwrap(inner)
}

function valueAt(document: unknown, path: Path): unknown {
  let value = document
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<string | number, unknown>)[part]
  }
  return value
}

function isSecret(path: Path): boolean {
  return path.at(-1) === 'secret'
}

/**
 * A copy without the faulty parts: an absent required key takes its mapping with it, an item leaves
 * its list. `undefined` when the value itself is faulty.
 */
function leaveOut(
  value: unknown,
  path: Path,
  faults: readonly ShapeProblem[],
  kept: Map<string, number[]>,
): unknown {
  if (faults.some((fault) => fault.path.length === path.length)) return undefined
  if (path.length > 0 && faults.some((fault) => isAbsentBelow(fault, path))) return undefined
  const below = Map.groupBy(faults, (fault) => fault.path[path.length])
  const repair = (member: unknown, key: string | number): unknown => {
    const inside = below.get(key)
    return inside === undefined ? member : leaveOut(member, [...path, key], inside, kept)
  }
  if (Array.isArray(value)) return noteKept(value.map(repair), path, kept)
  const copy = Object.create(null) as Record<string, unknown>
  for (const [key, member] of Object.entries(value as object)) {
    const repaired = repair(member, key)
    if (repaired !== undefined) copy[key] = repaired
  }
  return copy
}

function noteKept(
  items: readonly unknown[],
  path: Path,
  kept: Map<string, number[]>,
): readonly unknown[] {
  const key = pathKey(originalPath(path, kept))
  const before = kept.get(key)
  const indexes = items.flatMap((item, index) =>
    item === undefined ? [] : [before?.[index] ?? index],
  )
  kept.set(key, indexes)
  return items.filter((item) => item !== undefined)
}

function isAbsentBelow(fault: ShapeProblem, path: Path): boolean {
  return fault.code === 'config.missing' && fault.path.length === path.length + 1
}

function withVersion(document: object): object {
  return Object.assign(Object.create(null) as object, document, { version: 1 })
}

function originalPath(path: Path, kept: ReadonlyMap<string, number[]>): Path {
  const result: (string | number)[] = []
  for (const part of path) {
    const indexes = typeof part === 'number' ? kept.get(pathKey(result)) : undefined
    result.push(typeof part === 'number' ? (indexes?.[part] ?? part) : part)
  }
  return result
}

/** A copy whose objects inherit nothing: an optional key is absent even if a prototype was polluted. */
export function detach(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(detach)
  if (typeof value !== 'object' || value === null) return value
  const copy = Object.create(null) as Record<string, unknown>
  for (const [key, member] of Object.entries(value)) copy[key] = detach(member)
  return copy
}

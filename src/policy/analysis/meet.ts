import type { CompiledPolicies, CompiledSelection, CompiledStatement } from '../compile.ts'
import { UnknownFactError } from '../context.ts'
import { splitAtColons } from '../value/pattern.ts'
import type { Pattern } from '../value/pattern.ts'
import { overlaps } from './overlap.ts'
import { stepsOfPattern } from './resource.ts'

/**
 * Whether there may be a request that a statement of each allows: what their conditions ask, and what denies,
 * is left aside. `false` is so for every request.
 */
export function mayMeet(one: CompiledPolicies, other: CompiledPolicies): boolean {
  return one.allows.all.some((left) => other.allows.all.some((right) => meet(left, right)))
}

function meet(left: CompiledStatement, right: CompiledStatement): boolean {
  return selectTogether(left.action, right.action) && selectTogether(left.resource, right.resource)
}

/** What selects everything but something is taken to meet everything. */
function selectTogether(left: CompiledSelection, right: CompiledSelection): boolean {
  if (left.inverted || right.inverted) return true
  return left.patterns.some((one) => right.patterns.some((other) => overlap(one, other)))
}

/** ARNs part by part, so that no wildcard reaches over a colon before the last part. */
function overlap(one: Pattern, other: Pattern): boolean {
  const [left, right] = [splitAtColons(one, partCount), splitAtColons(other, partCount)]
  if (left === undefined || right === undefined) return overlapWhole(one, other)
  return left.every((part, index) => {
    const beside = right[index]
    return beside === undefined || overlapWhole(part, beside)
  })
}

const partCount = 6

function overlapWhole(one: Pattern, other: Pattern): boolean {
  const [left, right] = [stepsOfPattern(one, unknown), stepsOfPattern(other, unknown)]
  return left === undefined || right === undefined || overlaps(left.steps, right.steps)
}

function unknown(key: string): never {
  throw new UnknownFactError(key)
}

import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { Simulator } from '../../../src/simulation/index.ts'
import { cases, conditionCases, longCases, operators } from './cases.ts'
import type { MadeCase } from './cases.ts'
import { referenceVerdict } from './evaluator.ts'
import type { Verdict } from './evaluator.ts'

/** How many cases ended how, and what kinds of policies they had. */
export interface Tally {
  readonly verdicts: Record<Verdict, number>
  /** Allowed ones: with a boundary, with session policies, with a resource policy, across accounts. */
  readonly allowedWith: Record<'boundary' | 'session' | 'resource' | 'across', number>
  /** Denied although an identity policy alone would have allowed. */
  limited: number
}

export function newTally(): Tally {
  return {
    verdicts: { allowed: 0, explicitDeny: 0, implicitDeny: 0, denied: 0 },
    allowedWith: { boundary: 0, session: 0, resource: 0, across: 0 },
    limited: 0,
  }
}

/** The request that asks for the case. */
export function requestFor(made: MadeCase): object {
  const { identity, boundary, session, resource, caller, sameAccount, action, resourceArn } = made
  return {
    PolicyInputList: identity.map((document) => JSON.stringify(document)),
    PermissionsBoundaryPolicyInputList: boundary === undefined ? [] : [JSON.stringify(boundary)],
    SessionPolicyInputList: session,
    ResourcePolicy: resource ?? null,
    CallerArn: caller ?? null,
    ResourceOwner: sameAccount ? null : '222222222222',
    ActionNames: [action],
    ResourceArns: [resourceArn],
    ContextEntries: made.entries.map(([ContextKeyName, fact]) => ({
      ContextKeyName,
      ContextKeyType: typeof fact === 'string' ? 'string' : 'stringList',
      ContextKeyValues: typeof fact === 'string' ? [fact] : fact,
    })),
  }
}

export interface Runs {
  readonly numRuns: number
  readonly seed?: number
}

/** Compares the evaluator with the reference; throws with the smallest case in which they differ. */
export function compareCases(runs: Runs): Tally {
  return tallyOf(cases, runs)
}

/** The same for long policies, which are looked up in tables. */
export function compareLongPolicies(runs: Runs): Tally {
  return tallyOf(longCases, runs)
}

function tallyOf(made: fc.Arbitrary<MadeCase>, runs: Runs): Tally {
  const tally = newTally()
  const simulator = new Simulator()
  const property = fc.property(made, (one) => count(tally, one, compare(simulator, one)))
  fc.assert(property, runs)
  return tally
}

/** The same for conditions alone; answers how often each operator held and how often it did not. */
export function compareConditions(runs: Runs): ReadonlyMap<string, { held: number; not: number }> {
  const tally = new Map(operators.map((operator) => [operator, { held: 0, not: 0 }]))
  const simulator = new Simulator()
  fc.assert(
    fc.property(conditionCases, (made) => {
      const verdict = compare(simulator, made)
      const counted = tally.get(made.operator.replace(/^For\w+:/, '').replace('IfExists', ''))
      if (counted !== undefined) counted[verdict === 'allowed' ? 'held' : 'not'] += 1
    }),
    runs,
  )
  return tally
}

function compare(simulator: Simulator, made: MadeCase): Verdict {
  const answer = simulator.answer(JSON.stringify(requestFor(made)))
  assert.ok('EvaluationResults' in answer, JSON.stringify(answer))
  const found = answer.EvaluationResults[0]?.EvalDecision
  const expected = referenceVerdict(made)
  if (expected === 'denied') assert.notEqual(found, 'allowed')
  else assert.equal(found, expected)
  return expected
}

function count(tally: Tally, made: MadeCase, verdict: Verdict): void {
  tally.verdicts[verdict] += 1
  const { boundary, session, resource, sameAccount } = made
  if (verdict === 'allowed') {
    if (boundary !== undefined) tally.allowedWith.boundary += 1
    if (session.length > 0) tally.allowedWith.session += 1
    if (resource !== undefined) tally.allowedWith.resource += 1
    if (!sameAccount) tally.allowedWith.across += 1
  } else if (verdict === 'implicitDeny') {
    const alone = { boundary: undefined, session: [], resource: undefined, sameAccount: true }
    if (referenceVerdict({ ...made, ...alone }) === 'allowed') tally.limited += 1
  }
}

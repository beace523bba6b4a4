import {
  compareCases,
  compareConditions,
  compareLongPolicies,
} from '../policy/reference/compare.ts'

/** Compares decisions of random policies with those of the reference evaluator; throws at a difference. */
export function comparePolicies(cases: number, seed: number): void {
  console.log(`${cases} policies, seed ${seed}`)
  const { verdicts, allowedWith, limited } = compareCases({ numRuns: cases, seed })
  console.log(`no difference: ${JSON.stringify({ verdicts, allowedWith, limited })}`)
  const long = compareLongPolicies({ numRuns: Math.ceil(cases / 4), seed })
  console.log(`no difference in long ones: ${JSON.stringify(long.verdicts)}`)
  const operators = compareConditions({ numRuns: cases, seed })
  console.log(`no difference in conditions: ${JSON.stringify(Object.fromEntries(operators))}`)
}

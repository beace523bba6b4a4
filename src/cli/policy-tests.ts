import type { Found, TestedCall } from '../analysis/index.ts'
import { printProblems } from '../config/apart/index.ts'
import type {
  Configuration,
  ConfigurationProblem,
  ConfigurationSource,
  ConfiguredPolicyTest,
} from '../config/index.ts'
import { ProofgateError } from '../core/index.ts'
import type { Instant } from '../core/index.ts'
import { plain, say } from './output.ts'

/** A policy test with what became of it. */
export interface TestedPolicy {
  readonly test: ConfiguredPolicyTest
  readonly passed: boolean
  readonly found: Found
  readonly expected: string
  /** As the answers are written for people. */
  readonly foundText: string
  /** The answer of the configuration in force; `undefined` when it is the same, or not known. */
  readonly before: string | undefined
}

/** Answers calls by what is in force; an answer may be missing. */
export type AskInForce = (calls: readonly TestedCall[]) => Promise<readonly (Found | undefined)[]>

/** Runs tests against a configuration. Nothing is loaded for this where there are none. */
export async function runPolicyTests(
  tests: readonly ConfiguredPolicyTest[],
  configuration: Configuration,
  asked: { readonly now: Instant; readonly inForce?: AskInForce | undefined },
): Promise<readonly TestedPolicy[]> {
  if (tests.length === 0) return []
  const analysis = await import('../analysis/index.ts')
  const { accessViewOf } = await import('../compose/index.ts')
  const answers = await analysis.answersTo(accessViewOf(configuration), tests, asked.now)
  const before = (await asked.inForce?.(tests)) ?? []
  return tests.flatMap((test, index): TestedPolicy[] => {
    const [found, former] = [answers[index], before[index]]
    if (found === undefined) return []
    const isChanged = former !== undefined && analysis.differs(former, found)
    return [
      {
        test,
        passed: analysis.isAsExpected(found, test),
        found,
        expected: analysis.expectationText(test),
        foundText: analysis.answerText(found),
        before: isChanged ? analysis.answerText(former) : undefined,
      },
    ]
  })
}

/** Asks a configuration that is in force in this process. */
export function askOf(configuration: Configuration, now: Instant): AskInForce {
  return async (calls) => {
    const { answersTo } = await import('../analysis/index.ts')
    const { accessViewOf } = await import('../compose/index.ts')
    return answersTo(accessViewOf(configuration), calls, now)
  }
}

/** Tests that fail, as problems of the configuration, in reading order. */
export function failuresOf(tested: readonly TestedPolicy[]): readonly ConfigurationProblem[] {
  return tested
    .filter(({ passed }) => !passed)
    .map(({ test, found, foundText, expected }) => ({
      ...test.place,
      code: 'config.policy-test' as const,
      message: `found ${foundText}, expected ${expected} in the test ${JSON.stringify(plain(test.name))}`,
      hint: hintFor(test, found),
    }))
}

function hintFor({ expect, by }: ConfiguredPolicyTest, { answer, reason }: Found): string {
  if (answer !== expect)
    return 'Mend the policies, or the test; `proofgate explain` shows each step.'
  const what = by === undefined ? 'No policy denied it' : 'Something else decided'
  return `${what}; write \`by: ${reason}\` if that is meant.`
}

/** Throws when tests of the configuration fail, after it has shown which. */
export async function requirePassing(
  configuration: Configuration,
  sources: readonly ConfigurationSource[],
): Promise<void> {
  const tested = await runPolicyTests(configuration.policyTests, configuration, {
    now: Date.now(),
  })
  const failures = failuresOf(tested)
  if (failures.length === 0) return
  say(printProblems(failures, sources))
  throw new ProofgateError(
    'config.policy_tests',
    failures.length === 1
      ? 'a policy test fails; nothing was started'
      : `${failures.length} policy tests fail; nothing was started`,
    { hint: 'Mend the policies or the tests, then run `proofgate policy test`.' },
  )
}

/** What would be answered otherwise than now: by every test whose answer changed. */
export function changesText(tested: readonly TestedPolicy[]): string {
  const lines = tested.flatMap(({ test, before, foundText, passed }) =>
    before === undefined
      ? []
      : [
          `  ${plain(test.name)}${passed ? '' : ' (FAILED)'}`,
          `    - ${before}`,
          `    + ${foundText}`,
        ],
  )
  return lines.length === 0
    ? 'no answer of a policy test would change'
    : ['answers of policy tests that would change:', ...lines].join('\n')
}

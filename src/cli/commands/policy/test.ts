import type { Command } from 'commander'
import type { Found, TestedCall } from '../../../analysis/index.ts'
import {
  printProblems,
  problemsJson,
  readPolicyTests,
  readTextFile,
} from '../../../config/index.ts'
import type { Configuration, ReadPolicyTests } from '../../../config/index.ts'
import { ProofgateError } from '../../../core/index.ts'
import { withServer } from '../../admin-client.ts'
import type { Call } from '../../admin-client.ts'
import { countOf, launchOf } from '../../launch.ts'
import { requireLoaded } from '../../loading.ts'
import type { LaunchOptions } from '../../launch.ts'
import { example, withJson, withLocation } from '../../options.ts'
import { plain, print } from '../../output.ts'
import { runPolicyTests } from '../../policy-tests.ts'
import type { TestedPolicy } from '../../policy-tests.ts'

/** `proofgate policy test [FILE...]`. */
export function registerTest(policy: Command): void {
  const command = withJson(withLocation(policy.command('test')))
    .argument('[files...]', 'files of tests; without one, those of the configuration')
    .description('whether the policies answer what tests expect (exit code 1 if not)')
    .action(async (files: readonly string[], options: LaunchOptions) => {
      const { configuration, sources } = requireLoaded(launchOf(options))
      const read: ReadPolicyTests =
        files.length === 0
          ? { tests: configuration.policyTests, problems: [], sources }
          : readPolicyTests({ files, configuration, readFile: readTextFile })
      if (read.problems.length > 0) tellProblems(read, options)
      else await test(read, configuration, options)
    })
  example(command, 'policy test', 'policy test --config proofgate.yaml policies/tests.yaml')
}

function tellProblems({ problems, sources }: ReadPolicyTests, options: LaunchOptions): void {
  const text = `${printProblems(problems, sources)}\n${countOf(problems)}`
  print(options, { ok: false, ...problemsJson(problems), tests: [] }, text)
  process.exitCode = 1
}

async function test(
  { tests }: ReadPolicyTests,
  configuration: Configuration,
  options: LaunchOptions,
): Promise<void> {
  if (tests.length === 0) {
    throw new ProofgateError('cli.no_policy_tests', 'there are no policy tests', {
      hint: 'Name a file of them, here or in `policyTests` of the configuration.',
    })
  }
  const tested = await runPolicyTests(tests, configuration, {
    now: Date.now(),
    inForce: async (calls) =>
      (await withServer(options, (call) => askServer(call, calls)).catch(() => undefined)) ?? [],
  })
  const failed = tested.filter(({ passed }) => !passed).length
  const lines = tested.map(lineOf)
  const summary = `${tested.length === 1 ? 'one test' : `${tested.length} tests`}, ${failed} failed`
  print(options, { ok: failed === 0, tests: tested.map(jsonOf) }, [...lines, summary].join('\n'))
  if (failed > 0) process.exitCode = 1
}

function lineOf({
  test: { name, place },
  passed,
  expected,
  foundText,
  before,
}: TestedPolicy): string {
  const shown = plain(name)
  const was = before === undefined ? '' : `; in force: ${before}`
  if (passed) return `ok      ${shown}${before === undefined ? '' : `: ${foundText}${was}`}`
  return `FAILED  ${shown}: expected ${expected}, found ${foundText}${was}  ${place.file}:${place.line}`
}

function jsonOf({
  test: { name, place, expect, by },
  passed,
  found,
  before,
}: TestedPolicy): object {
  return { name, ok: passed, expected: { answer: expect, by }, found, inForce: before, place }
}

/** The administration takes so much at a time. */
const mostCalls = 100
const longestBody = 60_000

/** Asks the server that runs. A call that is too long to be sent has no answer. */
async function askServer(
  call: Call,
  calls: readonly TestedCall[],
): Promise<readonly (Found | undefined)[]> {
  const answers: (Found | undefined)[] = calls.map(() => undefined)
  for (const batch of batchesOf(calls)) {
    const { answers: some } = await call('POST', '/v1/policy/answers', {
      calls: batch.map(({ asked }) => asked),
    })
    for (const [position, { index }] of batch.entries()) {
      answers[index] = (some as unknown as readonly Found[])[position]
    }
  }
  return answers
}

interface Asked {
  readonly index: number
  readonly asked: TestedCall
}

function batchesOf(calls: readonly TestedCall[]): readonly (readonly Asked[])[] {
  const batches: Asked[][] = []
  let [batch, length]: [Asked[], number] = [[], 0]
  for (const [index, { who, request, facts, at }] of calls.entries()) {
    const asked = { who, request, facts, at }
    const size = Buffer.byteLength(JSON.stringify(asked)) + 1
    if (size > longestBody) continue
    if (batch.length === mostCalls || length + size > longestBody) [batch, length] = [[], 0]
    if (batch.length === 0) batches.push(batch)
    batch.push({ index, asked })
    length += size
  }
  return batches
}

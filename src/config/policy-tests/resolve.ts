import { relative, resolve } from 'node:path'
import type { Draft, Remark } from '../draft.ts'
import { describeReadFailure } from '../files.ts'
import type { Configuration } from '../model.ts'
import { ProblemList, quote } from '../problems.ts'
import type { ConfigurationProblem, ConfigurationSource } from '../problems.ts'
import type { PolicyFiles } from '../sections/access/documents.ts'
import type { ConfiguredPolicyTest } from './model.ts'
import { parsePolicyTests } from './parse.ts'
import type { TestedParts } from './parse.ts'

/** The tests of the files that a configuration names. */
export function resolvePolicyTests(
  draft: Draft,
  files: PolicyFiles,
  parts: TestedParts,
): readonly ConfiguredPolicyTest[] {
  const known = draft.problems.size > 0 ? undefined : parts
  const found = draft.shape.policyTests.flatMap((file, index): readonly ConfiguredPolicyTest[] => {
    const path = resolve(files.base, file)
    const shown = `${files.shownBase}${relative(files.base, path)}`
    const text = read(path, files.readFile)
    files.onFile(path, 'failure' in text ? undefined : { file: shown, ...text })
    if (!('failure' in text)) {
      return parsePolicyTests({ file: shown, ...text }, known, draft.problems)
    }
    draft.report(['policyTests', index], unreadable(text.failure, shown))
    return []
  })
  reportDuplicates(found, draft.problems)
  return found
}

/** Tests of files that no configuration has to name. */
export interface ReadPolicyTests {
  readonly tests: readonly ConfiguredPolicyTest[]
  readonly problems: readonly ConfigurationProblem[]
  readonly sources: readonly ConfigurationSource[]
}

/** Reads files of tests, to be judged by the configuration. */
export function readPolicyTests(input: {
  readonly files: readonly string[]
  readonly configuration: Configuration
  /** Throws when the file cannot be read. */
  readonly readFile: (path: string) => string
}): ReadPolicyTests {
  const problems = new ProblemList()
  const sources: ConfigurationSource[] = []
  const tests = input.files.flatMap((file): readonly ConfiguredPolicyTest[] => {
    const text = read(file, input.readFile)
    if ('failure' in text) {
      problems.add({ file, line: 1, column: 1, path: '', ...unreadable(text.failure, file) })
      return []
    }
    const source = { file, ...text }
    sources.push(source)
    return parsePolicyTests(source, input.configuration, problems)
  })
  reportDuplicates(tests, problems)
  return { tests, problems: problems.sorted(), sources }
}

function read(
  path: string,
  readFile: (path: string) => string,
): { readonly text: string } | { readonly failure: string } {
  try {
    return { text: readFile(path) }
  } catch (error) {
    return { failure: describeReadFailure(error) }
  }
}

function unreadable(failure: string, shown: string): Remark {
  return {
    code: 'config.policy-test-file',
    message: `found ${failure} at ${quote(shown)}, expected policy tests`,
    hint: 'Relative paths begin at the configuration file.',
  }
}

/** Names say which test it was, in the log and on record. */
function reportDuplicates(tests: readonly ConfiguredPolicyTest[], problems: ProblemList): void {
  const seen = new Set<string>()
  for (const { name, place } of tests) {
    if (seen.has(name)) {
      problems.add({
        ...place,
        code: 'config.policy-test-duplicate',
        message: `found a second test with the name ${quote(name)}, expected one`,
        hint: 'Say what this one shows.',
      })
    }
    seen.add(name)
  }
}

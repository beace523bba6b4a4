import { kindRules } from '../policy/index.ts'
import type { PolicyKind } from '../policy/index.ts'
import type { FoundDocument } from './draft.ts'
import { describeReadFailure } from './files.ts'
import { readLocated } from './located.ts'
import type { Configuration } from './model.ts'
import { ProblemList, quote } from './problems.ts'
import type { ConfigurationProblem, ConfigurationSource } from './problems.ts'
import { parseDocument } from './sections/access/documents.ts'
import { lintSettingOf, reportFindings } from './sections/access/lint.ts'

export type { PolicyKind } from '../policy/index.ts'

/** What a policy can be attached to. */
export const policyKinds = Object.keys(kindRules) as readonly PolicyKind[]

/** What was found in policy files. */
export interface LintedFiles {
  /** Faults, and what the linter counts as wrong. */
  readonly problems: readonly ConfigurationProblem[]
  /** What the linter finds doubtful. */
  readonly warnings: readonly ConfigurationProblem[]
  readonly sources: readonly ConfigurationSource[]
}

/**
 * Reads policy files that no configuration has to name, and judges them. With a configuration by its routes and
 * declared condition keys; without one any tag, header, parameter and claim may exist.
 */
export function lintPolicyFiles(input: {
  readonly files: readonly string[]
  readonly kind: PolicyKind
  readonly configuration: Configuration | undefined
  /** Throws when the file cannot be read. */
  readonly readFile: (path: string) => string
}): LintedFiles {
  const [problems, warnings] = [new ProblemList(), new ProblemList()]
  const sources: ConfigurationSource[] = []
  const policies = input.files.flatMap((file): FoundDocument[] => {
    const text = read(file, input.readFile, problems)
    if (text === undefined) return []
    sources.push({ file, text })
    return parse({ file, text }, input.kind, problems)
  })
  const { configuration } = input
  const setting =
    configuration === undefined
      ? { declared: undefined, routes: undefined }
      : lintSettingOf(configuration)
  reportFindings(policies, setting, { problems, warnings })
  return { problems: problems.sorted(), warnings: warnings.sorted(), sources }
}

function read(
  file: string,
  readFile: (path: string) => string,
  problems: ProblemList,
): string | undefined {
  try {
    return readFile(file)
  } catch (error) {
    problems.add({
      file,
      line: 1,
      column: 1,
      path: '',
      code: 'config.policy-file',
      message: `found ${describeReadFailure(error)} at ${quote(file)}, expected a policy`,
      hint: 'Name files that hold one policy each.',
    })
    return undefined
  }
}

function parse(
  source: ConfigurationSource,
  kind: PolicyKind,
  problems: ProblemList,
): FoundDocument[] {
  const language = /\.ya?ml$/.test(source.file) ? 'yaml' : 'json'
  const located = readLocated(source, { language }, problems)
  if (located === undefined) return []
  const placed = { located, at: [], value: located.value }
  const policy = parseDocument({ name: source.file, placed }, { kind }, problems)
  return policy === undefined ? [] : [{ policy, placed }]
}

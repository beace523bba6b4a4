import { Option } from 'commander'
import type { Command } from 'commander'
import {
  lintPolicyFiles,
  policyKinds,
  printProblems,
  problemsJson,
  readTextFile,
} from '../../../config/index.ts'
import type { LintedFiles, PolicyKind } from '../../../config/index.ts'
import { countOf, launchOf } from '../../launch.ts'
import { load, requireConfiguration } from '../../loading.ts'
import type { LaunchOptions } from '../../launch.ts'
import { example, withJson, withLocation } from '../../options.ts'
import { print } from '../../output.ts'

interface LintOptions extends LaunchOptions {
  readonly kind: PolicyKind
  readonly strict?: boolean
}

/** `proofgate policy lint [FILE...]`. */
export function registerLint(policy: Command): void {
  const command = withJson(withLocation(policy.command('lint')))
    .argument('[files...]', 'policy files; without one, the policies of the configuration')
    .addOption(
      new Option('--kind <kind>', 'what the files are attached to')
        .choices(policyKinds)
        .default('identity'),
    )
    .option('--strict', 'fail on warnings as well')
    .description('find what is wrong (exit code 1) or doubtful in policies')
    .action((files: readonly string[], options: LintOptions) => {
      const isWhole = files.length === 0
      const { problems, warnings, sources } = isWhole
        ? lintConfiguration(options)
        : lintFiles(files, options)
      const name = isWhole ? `${launchOf(options).file ?? 'the built-in configuration'}: ` : ''
      const data = {
        errors: problemsJson(problems)['problems'],
        warnings: problemsJson(warnings)['problems'],
      }
      const found = [...problems, ...warnings]
      const listed = found.length === 0 ? '' : `${printProblems(found, sources)}\n`
      const warned = warnings.length === 1 ? 'one warning' : `${warnings.length} warnings`
      print(options, data, `${listed}${name}${countOf(problems)}, ${warned}`)
      const isBad = problems.length > 0 || (options.strict === true && warnings.length > 0)
      process.exitCode = isBad ? 1 : 0
    })
  example(command, 'policy lint', 'policy lint --strict policies/orders-reader.json')
}

/** What is wrong with the configuration itself is shown too: it would not load. */
function lintConfiguration(options: LintOptions): LintedFiles {
  const result = load(launchOf(options))
  const { sources } = result
  if ('problems' in result) return { problems: result.problems, warnings: [], sources }
  const warnings = result.warnings.filter(({ code }) => /^policy\.|-policy$|-role(-|$)/.test(code))
  return { problems: [], warnings, sources }
}

function lintFiles(files: readonly string[], options: LintOptions): LintedFiles {
  const isNamed = options.config !== undefined
  return lintPolicyFiles({
    files,
    kind: options.kind,
    configuration: isNamed ? requireConfiguration(launchOf(options)) : undefined,
    readFile: readTextFile,
  })
}

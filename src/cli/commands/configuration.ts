import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { ProofgateError } from '../../core/index.ts'
import {
  configurationSchema,
  effectiveValues,
  printProblems,
  problemsJson,
  sampleConfiguration,
} from '../../config/index.ts'
import type { Configuration, ConfigurationProblem } from '../../config/index.ts'
import { countOf, launchOf } from '../launch.ts'
import { load, requireConfiguration } from '../loading.ts'
import type { LaunchOptions } from '../launch.ts'
import { example, withJson, withListening, withLocation } from '../options.ts'
import { print, say, table } from '../output.ts'
import { printRouteFacts, routeFacts } from './route-facts.ts'
import { failuresOf, runPolicyTests } from '../policy-tests.ts'

/** Commands that write, check and describe the configuration of a server. */
export function registerConfiguration(program: Command): void {
  registerInit(program)
  registerCheck(program)
  registerConfig(program)
}

function registerInit(program: Command): void {
  const command = program
    .command('init')
    .argument('[file]', 'where to write it', 'proofgate.yaml')
    .option('--force', 'replace a file that is there')
    .description('write a commented proofgate.yaml and its schema for completion')
    .action((file: string, options: { force?: boolean }) => {
      const path = resolve(file)
      if (existsSync(path) && options.force !== true) {
        throw new ProofgateError('cli.file_exists', `${path} exists`, {
          hint: 'Use `--force` to replace it.',
        })
      }
      const schema = join(dirname(path), '.proofgate', 'schema.json')
      mkdirSync(dirname(schema), { recursive: true, mode: 0o700 })
      writeFileSync(schema, `${JSON.stringify(configurationSchema(), null, 2)}\n`)
      writeFileSync(path, sampleConfiguration())
      say(`wrote ${path} and ${schema}`)
      say('Next: edit it, then `proofgate check` and `proofgate serve`.')
    })
  example(command, 'init')
}

function registerCheck(program: Command): void {
  const command = withJson(withLocation(program.command('check')))
    .argument('[file]', 'the file, instead of --config')
    .description('check the configuration: every problem at once, with its place; what routes do')
    .action(async (file: string | undefined, options: LaunchOptions) => {
      const launch = launchOf(file === undefined ? options : { ...options, config: file })
      const result = load(launch)
      const name = launch.file ?? 'the built-in configuration'
      const problems = 'problems' in result ? result.problems : await failingTests(result)
      if ('problems' in result || problems.length > 0) {
        const text = `${printProblems(problems, result.sources)}\n${name}: ${countOf(problems)}`
        print(options, { ok: false, ...problemsJson(problems) }, text)
        process.exitCode = 1
        return
      }
      const { warnings, configuration } = result
      const warned = warnings.length === 0 ? '' : `${printProblems(warnings, result.sources)}\n`
      const { version } = configuration
      const routes = routeFacts(configuration)
      print(
        options,
        { ok: true, version, warnings: problemsJson(warnings)['problems'], routes },
        `${warned}${printRouteFacts(routes)}${name}: ok (version ${version})`,
      )
    })
  example(command, 'check', 'check --json other.yaml')
}

async function failingTests({
  configuration,
}: {
  readonly configuration: Configuration
}): Promise<readonly ConfigurationProblem[]> {
  const now = Date.now()
  return failuresOf(await runPolicyTests(configuration.policyTests, configuration, { now }))
}

function registerConfig(program: Command): void {
  const config = program.command('config').description('what the configuration means')
  const show = withJson(withListening(config.command('show')))
    .description('every effective value and where it came from')
    .action((options: LaunchOptions) => {
      const values = effectiveValues(requireConfiguration(launchOf(options)))
      const rows = values.map(({ path, value, source, place }) => [path, value, place ?? source])
      print(options, { values }, table(['KEY', 'VALUE', 'FROM'], rows))
    })
  example(show, 'config show')
  const schema = config
    .command('schema')
    .description('the JSON Schema of proofgate.yaml')
    .action(() => print({ json: true }, configurationSchema(), ''))
  example(schema, 'config schema')
}

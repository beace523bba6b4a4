import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { ProofgateError } from '../core/index.ts'
import { loadConfiguration, printProblems, readTextFile, upConfiguration } from '../config/index.ts'
import type {
  Configuration,
  ConfigurationOverrides,
  ConfigurationProblem,
  LoadResult,
} from '../config/index.ts'
import { say } from './output.ts'

/** The options every command that needs a configuration has. */
export interface LaunchOptions {
  readonly config?: string
  readonly dataDir?: string
  readonly port?: number
  readonly adminPort?: number
  readonly origin?: string
  readonly domain?: string
  readonly json?: boolean
  readonly takeOver?: boolean
}

/** How a configuration came about; kept in the data directory so that later commands find the same one. */
export interface Launch {
  /** Absolute path, or absent for what Proofgate carries itself. */
  readonly file?: string
  /** `proofgate up URL`. */
  readonly upstream?: string
  readonly overrides: ConfigurationOverrides
}

const defaultFile = 'proofgate.yaml'
const launchFile = 'launch.json'

/** From the options; without a file named or present, as the data directory was last started. */
export function launchOf(options: LaunchOptions): Launch {
  const overrides = overridesOf(options)
  if (options.config !== undefined) return { file: resolve(options.config), overrides }
  if (existsSync(defaultFile)) return { file: resolve(defaultFile), overrides }
  const last = lastLaunch(options)
  return last === undefined
    ? { overrides }
    : { ...last, overrides: { ...last.overrides, ...overrides } }
}

export function overridesOf(options: LaunchOptions): ConfigurationOverrides {
  return {
    ...(options.dataDir === undefined ? {} : { dataDirectory: resolve(options.dataDir) }),
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.adminPort === undefined ? {} : { adminPort: options.adminPort }),
    ...(options.origin === undefined ? {} : { origin: options.origin }),
    ...(options.domain === undefined ? {} : { domain: options.domain }),
  }
}

function lastLaunch(options: LaunchOptions): Launch | undefined {
  return readLaunch(options.dataDir === undefined ? '.proofgate' : resolve(options.dataDir))
}

function readLaunch(directory: string): Launch | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, launchFile), 'utf8')) as Launch
  } catch {
    return undefined
  }
}

export function launchPath(dataDirectory: string): string {
  return join(dataDirectory, launchFile)
}

/** Loads what the launch names. */
export function load(
  launch: Launch,
  readFile: (path: string) => string = readTextFile,
): LoadResult {
  return loadConfiguration({
    file: launch.file,
    text: launch.upstream === undefined ? undefined : upConfiguration(launch.upstream),
    environment: process.env,
    overrides: launch.overrides,
    readFile,
  })
}

/** The configuration, or all its problems printed and the command ended. */
export function requireConfiguration(launch: Launch): Configuration {
  return requireLoaded(launch).configuration
}

/** The same with its warnings, for whoever is about to put it in force. */
export function requireLoaded(
  launch: Launch,
): Extract<LoadResult, { readonly configuration: unknown }> {
  const result = load(launch)
  if ('problems' in result) {
    say(printProblems(result.problems, result.sources))
    throw new ProofgateError(
      'config.invalid',
      `the configuration has ${countOf(result.problems)}; nothing was started`,
      { hint: 'Mend it, then run `proofgate check`.' },
    )
  }
  return result
}

/**
 * The configuration of the installation that the options lead to, with the flags its server was last started
 * with: links and addresses are then those the server has.
 */
export function requireInstalled(options: LaunchOptions): Configuration {
  return requireConfiguration(installedLaunch(options))
}

/** What `requireInstalled` loads. */
export function installedLaunch(options: LaunchOptions): Launch {
  const launch = launchOf(options)
  const { dataDirectory } = requireConfiguration(launch)
  const last = readLaunch(dataDirectory)
  if (last === undefined || last.file !== launch.file) return launch
  return { ...launch, overrides: { ...last.overrides, ...launch.overrides } }
}

/**
 * The data directory the options lead to. A file that is broken now keeps nobody from the server that runs
 * or from the log it wrote: then it is the one named, or the one beside the file, if there is one.
 */
export function dataDirectoryOf(options: LaunchOptions): string {
  const launch = launchOf(options)
  const result = load(launch)
  if ('configuration' in result) return result.configuration.dataDirectory
  const beside = join(dirname(launch.file ?? resolve(defaultFile)), '.proofgate')
  const directory = launch.overrides.dataDirectory ?? beside
  return existsSync(launchPath(directory)) ? directory : requireConfiguration(launch).dataDirectory
}

export function countOf(problems: readonly ConfigurationProblem[]): string {
  return problems.length === 1 ? 'one problem' : `${problems.length} problems`
}

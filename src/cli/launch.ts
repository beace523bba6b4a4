import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { printProblems } from '../config/apart/index.ts'
import type {
  ConfigurationProblem,
  ConfigurationReader,
  LoadResult,
  ReadInput,
} from '../config/apart/index.ts'
import type { ConfigurationOverrides } from '../config/index.ts'
import { ProofgateError } from '../core/index.ts'
import { say } from './output.ts'

/** What started the command line. */
export interface Launcher {
  /** Of the program that runs. */
  readonly version: string
  /** Of the program on the disk by now, from which more is loaded; nothing when there is none. */
  readonly installedVersion: () => string | undefined
  /** Told when a server serves. */
  readonly onServing: () => void
  /** One that has been started already. */
  readonly reader?: ConfigurationReader | undefined
}

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

export const defaultFile = 'proofgate.yaml'
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

export function readLaunch(directory: string): Launch | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, launchFile), 'utf8')) as Launch
  } catch {
    return undefined
  }
}

export function launchPath(dataDirectory: string): string {
  return join(dataDirectory, launchFile)
}

/** What a reader of configurations needs to know of it. */
export function readInput(launch: Launch, readFile: (path: string) => string): ReadInput {
  const { file, upstream, overrides } = launch
  return { file, upstream, overrides, environment: process.env, readFile }
}

/** A load that found no problem. */
export type Loaded = Extract<LoadResult, { readonly configuration: unknown }>

/** What was loaded, or all its problems printed and the command ended. */
export function requireSound(result: LoadResult): Loaded {
  if ('configuration' in result) return result
  say(printProblems(result.problems, result.sources))
  throw new ProofgateError(
    'config.invalid',
    `the configuration has ${countOf(result.problems)}; nothing was started`,
    { hint: 'Mend it, then run `proofgate check`.' },
  )
}

export function countOf(problems: readonly ConfigurationProblem[]): string {
  return problems.length === 1 ? 'one problem' : `${problems.length} problems`
}

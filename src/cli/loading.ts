import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { loadConfiguration, readTextFile, upConfiguration } from '../config/index.ts'
import type { Configuration, LoadResult } from '../config/index.ts'
import { defaultFile, launchOf, launchPath, readLaunch, requireSound } from './launch.ts'
import type { Launch, LaunchOptions, Loaded } from './launch.ts'

/* Loading a configuration in this process, as every command does that does not go on to serve. */

/** Loads what the launch names. */
export function load(launch: Launch): LoadResult {
  return loadConfiguration({
    file: launch.file,
    text: launch.upstream === undefined ? undefined : upConfiguration(launch.upstream),
    environment: process.env,
    overrides: launch.overrides,
    readFile: readTextFile,
  })
}

/** The configuration, or all its problems printed and the command ended. */
export function requireConfiguration(launch: Launch): Configuration {
  return requireLoaded(launch).configuration
}

/** The same with its warnings and what was read. */
export function requireLoaded(launch: Launch): Loaded {
  return requireSound(load(launch))
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

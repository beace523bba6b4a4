/**
 * What a process needs of configurations that serves one and reads none: a reader in a process of its own, the
 * watcher, problems in print, and how a configuration travels. The schema library, the YAML parser and all checks
 * are a fifth of what a server would otherwise hold, for what it does once in a while.
 *
 * Guarantees what `loadConfiguration` does: it is what runs, there or here.
 */
export { readTextFile } from '../files.ts'
export type { LoadResult } from '../load.ts'
export type { Configuration } from '../model.ts'
export { printProblems } from '../print.ts'
export type { ConfigurationProblem, ConfigurationSource } from '../problems.ts'
export { ConfigurationWatcher } from '../reload.ts'
export { packConfiguration, unpackConfiguration } from './portable.ts'
export type { PortableConfiguration } from './portable.ts'
export { ConfigurationReader } from './reader.ts'
export type { ReadInput } from './reader.ts'

import { isDeepStrictEqual } from 'node:util'
import {
  ConfigurationReader,
  ConfigurationWatcher,
  printProblems,
  readTextFile,
} from '../config/apart/index.ts'
import type {
  Configuration,
  ConfigurationProblem,
  ConfigurationSource,
  LoadResult,
} from '../config/apart/index.ts'
import type { RunningProcess } from '../compose/index.ts'
import { readInput } from './launch.ts'
import type { Launch, Launcher } from './launch.ts'
import { say } from './output.ts'
import { askOf, changesText, failuresOf, runPolicyTests } from './policy-tests.ts'

/** What became of the latest load: the version in force, or nothing when it was refused. */
export interface Watching {
  watcher?: ConfigurationWatcher
  outcome: Promise<string | undefined>
}

/** Follows the files of the configuration that a server was started with. */
export function watch(
  { launch, launcher }: { launch: Launch; launcher: Launcher },
  configuration: Configuration,
  server: RunningProcess,
  watching: Watching,
): ConfigurationWatcher {
  const reloading = new Reloading(configuration, server)
  // One after the other, whatever each has to wait for.
  const next = (work: () => Promise<string | undefined>): void => {
    watching.outcome = watching.outcome.then(work).catch((error: unknown) => {
      server.log.failure('configuration not applied', error)
      return undefined
    })
  }
  return new ConfigurationWatcher({
    files: configuration.files,
    readFile: readTextFile,
    load: (readFile, ended) =>
      replacedBy(launcher, configuration) ?? loadApart(launch, readFile, ended),
    onLoaded: (loaded, warnings, sources) => {
      next(() => {
        if (warnings.length > 0) say(printProblems(warnings, sources))
        return reloading.putInForce(loaded, warnings.length, sources)
      })
    },
    onProblems: (problems, sources) => {
      next(() => {
        say(printProblems(problems, sources))
        return reloading.refuse(problems)
      })
    },
  })
}

/**
 * Invariant: what a configuration means to another version is never put in force by this one. Nothing while the
 * program on the disk is still the one that runs.
 */
function replacedBy(launcher: Launcher, { files }: Configuration): LoadResult | undefined {
  const installed = launcher.installedVersion()
  if (installed === launcher.version) return undefined
  const problem = {
    file: files[0] ?? '(built in)',
    line: 1,
    column: 1,
    path: '',
    code: 'config.file',
    message: `found Proofgate ${installed ?? 'gone'} on the disk, expected ${launcher.version}, which runs`,
    hint: 'Start the new one in its place: proofgate serve --take-over',
  } as const
  return { problems: [problem], sources: [], files }
}

/** @param ended - ends the reading and its process. */
async function loadApart(
  launch: Launch,
  readFile: (path: string) => string,
  ended: AbortSignal,
): Promise<LoadResult> {
  const reader = new ConfigurationReader()
  const close = (): void => reader.close()
  ended.addEventListener('abort', close)
  try {
    return await reader.read(readInput(launch, readFile))
  } finally {
    ended.removeEventListener('abort', close)
    close()
  }
}

/** What becomes of configurations that were loaded while a server runs. */
class Reloading {
  readonly #server: RunningProcess
  readonly #started: Configuration
  #inForce: Configuration

  constructor(started: Configuration, server: RunningProcess) {
    this.#server = server
    this.#started = started
    this.#inForce = started
  }

  /** Invariant: a configuration whose policy tests fail is never put in force. */
  async putInForce(
    configuration: Configuration,
    warnings: number,
    sources: readonly ConfigurationSource[],
  ): Promise<string | undefined> {
    const now = Date.now()
    const inForce = askOf(this.#inForce, now)
    const { policyTests } = configuration
    const tested = await runPolicyTests(policyTests, configuration, { now, inForce })
    const failures = failuresOf(tested)
    if (failures.length > 0) {
      say(`${printProblems(failures, sources)}\n${changesText(tested)}`)
      const failed = tested.filter(({ passed }) => !passed).map(({ test }) => test.name)
      return this.refuse(failures, failed)
    }
    await this.#server.apply(configuration)
    this.#inForce = configuration
    this.#tellLoaded(configuration, warnings)
    return configuration.version
  }

  /** @param tests - the policy tests that failed, by name. */
  refuse(
    problems: readonly ConfigurationProblem[],
    tests: readonly string[] = [],
  ): Promise<undefined> {
    const { log } = this.#server
    log.write('error', 'configuration refused; the one in force stays', {
      problems: problems.map(({ code, path }) => `${code} ${path}`),
      ...(tests.length === 0 ? {} : { tests }),
    })
    return this.#server.refused(problems, tests).then(
      () => undefined,
      (error: unknown) => {
        log.failure('not recorded', error)
        return undefined
      },
    )
  }

  #tellLoaded(next: Configuration, warnings: number): void {
    const { log } = this.#server
    log.write('info', 'configuration in force', { version: next.version, warnings })
    const [before, after] = [madeAtStart(this.#started), madeAtStart(next)]
    const waiting = Object.keys(after).filter((key) => !isDeepStrictEqual(before[key], after[key]))
    if (waiting.length === 0) return
    log.write('warn', 'these changes wait for the next start', { keys: waiting })
  }
}

/** What is built once, when the process starts. Of TLS, that it is there: everything else follows. */
function madeAtStart(configuration: Configuration): Readonly<Record<string, unknown>> {
  const { listeners, dataDirectory, storage, limits, workers } = configuration
  const { tls, ...open } = listeners.public
  const made = { public: { ...open, tls: tls !== undefined }, admin: listeners.admin }
  return { listeners: made, dataDirectory, storage, limits, workers }
}

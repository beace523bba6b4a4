import { writeFileSync } from 'node:fs'
import { printProblems, readTextFile } from '../config/apart/index.ts'
import type {
  Configuration,
  ConfigurationReader,
  ConfigurationWatcher,
} from '../config/apart/index.ts'
import type { RunningProcess } from '../compose/index.ts'
import { freePort } from './free-port.ts'
import { launchPath, readInput, requireSound } from './launch.ts'
import type { Launch, Launcher } from './launch.ts'
import { say } from './output.ts'
import { requirePassing } from './policy-tests.ts'
import { watch } from './reloading.ts'
import type { Watching } from './reloading.ts'

/** What a start tells people, once it is up. */
export interface Banner {
  readonly configuration: Configuration
  readonly enrolment: { readonly username: string; readonly link: string } | undefined
}

interface ServeInput {
  readonly launch: Launch
  readonly launcher: Launcher
  /** Closed once it is not needed any more. */
  readonly reader: ConfigurationReader
  readonly takeOver: boolean
  readonly onUp: (banner: Banner) => Promise<void> | void
}

/**
 * Runs a server until it is told to stop: reloads on change and on SIGHUP, drains on SIGTERM and SIGINT, and
 * ends at once on a second signal.
 */
export async function serve(input: ServeInput): Promise<void> {
  try {
    await serveRead(input)
  } finally {
    input.reader.close()
  }
}

async function serveRead(input: ServeInput): Promise<void> {
  // Whatever is written from here on is for its owner alone.
  process.umask(0o077)
  const { launch, launcher, reader } = input
  // What serves is loaded while another process reads.
  const [{ dataPaths, startServer }, configuration] = await Promise.all([
    import('../compose/index.ts').then((compose) => {
      compose.prepareToServe()
      return compose
    }),
    readFirst(launch, reader),
  ])
  const watching: Watching = { outcome: Promise.resolve(undefined) }
  const server = await startServer({
    configuration,
    version: launcher.version,
    takeOver: input.takeOver,
    reload: async () => {
      await watching.watcher?.reload()
      return watching.outcome
    },
  })
  watching.watcher = watch(input, configuration, server, watching)
  const ended = untilSignal(server, watching.watcher, { configuration, reader })
  try {
    launcher.onServing()
    const paths = dataPaths(configuration)
    writeFileSync(launchPath(paths.root), JSON.stringify(launch), { mode: 0o600 })
    writeFileSync(paths.schema, await reader.schema(), { mode: 0o600 })
    reader.close()
    await input.onUp({ configuration, enrolment: await server.enrolment() })
  } catch (error) {
    // Nobody was told that it is up.
    watching.watcher.close()
    await server.stop()
    throw error
  }
  await ended
}

/** What is about to be put in force. */
async function readFirst(launch: Launch, reader: ConfigurationReader): Promise<Configuration> {
  const read = await reader.read(readInput(launch, readTextFile))
  const { configuration, warnings, sources } = requireSound(read)
  await requirePassing(configuration, sources)
  if (warnings.length > 0) say(printProblems(warnings, sources))
  if (configuration.dangerousSwitches.length > 0) {
    say(`warning: protection is switched off: ${configuration.dangerousSwitches.join(', ')}`)
  }
  return configuration
}

/** The same signal twice within this many milliseconds was sent once. */
const sameSignal = 300

/** Resolves when the server has stopped in order. */
async function untilSignal(
  server: RunningProcess,
  watcher: ConfigurationWatcher,
  { configuration, reader }: { configuration: Configuration; reader: ConfigurationReader },
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let first: { readonly signal: NodeJS.Signals; readonly at: number } | undefined
  const stop = (signal: NodeJS.Signals): void => {
    if (first !== undefined) {
      // A terminal signals the whole group, and a launcher passes the same signal on.
      if (signal === first.signal && performance.now() - first.at < sameSignal) return
      server.log.write('warn', 'second signal: ending at once', { signal })
      process.exit(1)
    }
    first = { signal, at: performance.now() }
    const seconds = configuration.limits.drain / 1000
    say(`${signal}: finishing requests under way (up to ${seconds} s) ...`)
    resolve()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('SIGHUP', () => void watcher.reload())
  await promise
  reader.close()
  watcher.close()
  await server.stop()
}

/** Port 0 means any free one; addresses are derived from ports, so one is picked before loading. */
export async function withRealPorts(launch: Launch): Promise<Launch> {
  const { overrides } = launch
  const port = overrides.port === 0 ? await freePort(overrides.adminPort) : overrides.port
  const adminPort = overrides.adminPort === 0 ? await freePort(port) : overrides.adminPort
  return {
    ...launch,
    overrides: {
      ...overrides,
      ...(port === undefined ? {} : { port }),
      ...(adminPort === undefined ? {} : { adminPort }),
    },
  }
}

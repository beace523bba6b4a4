import { randomBytes } from 'node:crypto'
import { millis, randomId, randomToken, Secret } from '../core/index.ts'
import type { ProofgateError } from '../core/index.ts'
import { Administration, AdminListener } from '../admin/index.ts'
import type { FleetState } from '../login/index.ts'
import type { Configuration, ConfigurationProblem } from '../config/index.ts'
import type { WaitingRoom } from '../listener/index.ts'
import { loadAssets } from '../pages/index.ts'
import { MemoryBuckets } from '../throttle/index.ts'
import { administrationParts } from './administration.ts'
import { ensurePeople, openAreas } from './areas.ts'
import type { OwnAreas } from './areas.ts'
import { CrewOfOne } from './crew.ts'
import type { Crew } from './crew.ts'
import { dataPaths, DirectoryLock, markInstalled, prepareDataDirectory } from './data-directory.ts'
import { firstEnrolment } from './identity.ts'
import type { FirstEnrolment } from './identity.ts'
import { Log } from './log.ts'
import { processMetrics } from './metrics/metrics.ts'
import { signalMetrics } from './metrics/signal-metrics.ts'
import { Serving } from './serving.ts'
import { buildSignals, signalSettings } from './signals.ts'
import type { Signals } from '../signals/index.ts'
import { takeOver } from './take-over.ts'
import { CrewOfThreads } from './threads/crew-of-threads.ts'

/** A process that serves one configuration at a time. */
export interface RunningProcess {
  readonly areas: OwnAreas
  readonly log: Log
  readonly ports: { readonly public: number; readonly admin: number }
  /** Makes the one-time link for the first person, as long as nobody has a passkey. */
  readonly enrolment: () => Promise<FirstEnrolment | undefined>
  /** Puts another checked configuration in force. Requests under way keep theirs. */
  readonly apply: (configuration: Configuration) => Promise<void>
  /**
   * Writes down that a configuration was refused; the one in force stays.
   *
   * @param tests - the policy tests that failed, by name.
   */
  readonly refused: (
    problems: readonly ConfigurationProblem[],
    tests?: readonly string[],
  ) => Promise<void>
  readonly stop: () => Promise<void>
}

/** How soon a new day is noticed, on which reports about models may begin or end. */
const judgeEvery = 600_000
/** How soon keys that another process rotated are used here. */
const keyRefreshEvery = 2000

/**
 * Does what a start needs and no configuration changes, for whoever waits for one meanwhile; `startServer` does what
 * was not done. Throws where the installation is broken.
 */
export function prepareToServe(): void {
  loadAssets()
}

/** Opens the data directory, builds the areas and begins to listen. */
export async function startServer(options: {
  configuration: Configuration
  /** Loads the configuration again, for the admin API. */
  reload: () => Promise<string | undefined>
  version: string
  /** Tells the server that runs on the data directory to end, and serves its callers. */
  takeOver?: boolean
}): Promise<RunningProcess> {
  let configuration = options.configuration
  const log = new Log(() => configuration.log.level)
  const paths = dataPaths(configuration)
  prepareDataDirectory(paths)
  prepareToServe()
  const { lock, room } =
    options.takeOver === true
      ? await takeOver(configuration, paths, log)
      : { lock: DirectoryLock.take(paths), room: undefined }
  let areas: OwnAreas | undefined
  let server: Server | undefined
  try {
    areas = await openAreas({
      configuration: () => configuration,
      paths,
      onAuditFailure: (error: ProofgateError) => log.failure('the audit log stopped', error),
      onFailure: (error) => log.failure('passkeys could not be judged', error),
      onJudged: (state) => reportJudging(state, log),
    })
    markInstalled(paths, areas.clock.now())
    await ensurePeople(areas)
    server = new Server({
      areas,
      log,
      lock,
      crew: crewFor(configuration.workers, areas, log),
      version: options.version,
      reload: options.reload,
      onInForce: (next) => {
        configuration = next
      },
    })
    const started = server
    const opened = areas
    await started.start(options.configuration, room)
    reportMetadata(areas, log)
    return {
      areas,
      log,
      ports: started.ports,
      enrolment: () => firstEnrolment(opened),
      apply: (next) => started.apply(next),
      refused: (problems, tests) => started.refused(problems, tests),
      stop: () => started.stop(),
    }
  } catch (error) {
    room?.close()
    await server?.abandon()
    await areas?.close().catch((cause: unknown) => log.failure('not closed in order', cause))
    lock.release()
    throw error
  }
}

/** What no longer vouches for anybody is said aloud; `proofgate mds status` says it again. */
function reportMetadata({ metadata }: OwnAreas, log: Log): void {
  const status = metadata.status()
  const level = { unusable: 'error', overdue: 'error', due: 'warn', none: 'warn' } as const
  const { state } = status
  if (state === 'current' || state === 'not_configured') return
  log.write(level[state], `FIDO metadata: ${state}`, { ...status })
}

/** Acts on passkeys are said aloud; the audit log has each of them. */
function reportJudging({ problem, counts, done }: FleetState, log: Log): void {
  if (problem !== undefined) log.write('warn', problem)
  const acts = Object.entries(counts ?? {}).filter(([, count]) => count > 0)
  if (acts.length > 0)
    log.write('warn', 'passkeys were judged', { done, ...Object.fromEntries(acts) })
}

function crewFor(workers: number, areas: OwnAreas, log: Log): Crew {
  if (workers > 1) return new CrewOfThreads({ areas, log, count: workers })
  const formKey = new Uint8Array(randomBytes(32))
  return new CrewOfOne(new Serving({ areas, log, buckets: new MemoryBuckets(), formKey }))
}

/** The process around what is served: its lock, its administration, and the order of configurations. */
class Server {
  readonly #areas: OwnAreas
  readonly #log: Log
  readonly #lock: DirectoryLock
  readonly #version: string
  readonly #reload: () => Promise<string | undefined>
  readonly #onInForce: (configuration: Configuration) => void
  readonly #crew: Crew
  readonly #signals: Signals
  #admin: AdminListener | undefined
  #keyTimer: NodeJS.Timeout | undefined
  #fleetTimer: NodeJS.Timeout | undefined
  #draining = false
  /** One configuration after the other. */
  #applying: Promise<unknown> = Promise.resolve()
  ports = { public: 0, admin: 0 }

  constructor(parts: {
    areas: OwnAreas
    log: Log
    lock: DirectoryLock
    crew: Crew
    version: string
    reload: () => Promise<string | undefined>
    onInForce: (configuration: Configuration) => void
  }) {
    this.#areas = parts.areas
    this.#log = parts.log
    this.#lock = parts.lock
    this.#crew = parts.crew
    this.#signals = buildSignals(parts.areas, parts.log)
    this.#version = parts.version
    this.#reload = parts.reload
    this.#onInForce = parts.onInForce
  }

  async start(configuration: Configuration, room: WaitingRoom | undefined): Promise<void> {
    const { revocations } = this.#areas
    await this.apply(configuration)
    revocations.follow()
    revocations.onChange((changes) => this.#crew.onRevoked(changes))
    const secret = new Secret(randomToken())
    this.#admin = this.#buildAdmin(secret)
    this.ports = await this.#listen(configuration, { admin: this.#admin, secret, room })
    this.#signals.start()
    this.#keyTimer = setInterval(() => this.#refreshKeys(), keyRefreshEvery)
    this.#keyTimer.unref()
    this.#fleetTimer = setInterval(() => this.#areas.fleet.judgeIfChanged(), judgeEvery)
    this.#fleetTimer.unref()
  }

  /**
   * Both or none: a listener left open would keep a process alive that could not start. Commands find the server
   * before callers do, so that whoever was answered can also administer.
   */
  async #listen(
    configuration: Configuration,
    {
      admin,
      secret,
      room,
    }: { admin: AdminListener; secret: Secret; room: WaitingRoom | undefined },
  ): Promise<{ public: number; admin: number }> {
    const at = configuration.listeners
    const host = at.admin.address.includes(':') ? `[${at.admin.address}]` : at.admin.address
    try {
      const port = await admin.listen(at.admin.address, at.admin.port)
      this.#lock.announce({
        pid: process.pid,
        admin: `http://${host}:${port}`,
        secret: secret.reveal(),
        port: at.public.port,
        drain: configuration.limits.drain,
      })
      const { address } = at.public
      return { admin: port, public: await this.#crew.listen(address, at.public.port, room) }
    } catch (error) {
      await admin.close()
      await this.#crew.close()
      throw error
    }
  }

  apply(configuration: Configuration): Promise<void> {
    const applied = this.#applying.then(() => this.#applyNext(configuration))
    this.#applying = applied.catch(() => undefined)
    return applied
  }

  /** Invariant: a configuration is on record before it is in force; one that cannot be is refused. */
  async #applyNext(configuration: Configuration): Promise<void> {
    await recordConfiguration(this.#areas, 'success', configuration.version, { configuration })
    try {
      await this.#crew.apply(configuration)
    } catch (error) {
      await recordConfiguration(this.#areas, 'failure', 'it could not be put in force', {
        configuration,
      })
      throw error
    }
    this.#onInForce(configuration)
    // Invariant: who is told of what happened never decides whether it may.
    await this.#signals
      .apply(signalSettings(configuration))
      .catch((error: unknown) => this.#log.failure('nobody new is told of events', error))
    await ensurePeople(this.#areas)
    this.#areas.fleet.judgeIfChanged()
  }

  refused(problems: readonly ConfigurationProblem[], tests: readonly string[] = []): Promise<void> {
    const failed = tests.slice(0, mostNamed)
    const what = failed.length === 0 ? {} : { failedTests: failed }
    return recordConfiguration(this.#areas, 'failure', problems[0]?.code ?? 'config', what)
  }

  /** No new connections, what is under way ends, then state is closed in order. */
  async stop(): Promise<void> {
    if (this.#draining) return
    this.#draining = true
    clearInterval(this.#keyTimer)
    clearInterval(this.#fleetTimer)
    await this.#crew.drain(this.#areas.configuration().limits.drain)
    await this.#signals.close()
    await this.#admin?.close()
    await this.#crew.close()
    try {
      await this.#areas.record({
        id: randomId(),
        kind: 'system',
        action: 'server.stop',
        outcome: 'success',
        reason: 'server.stopped',
      })
      await this.#areas.close()
    } catch (error) {
      // A log that takes no records any more must not keep the directory locked.
      this.#log.failure('not closed in order', error)
    } finally {
      this.#lock.release()
    }
  }

  /** Closes what a start that failed has begun to listen with. */
  async abandon(): Promise<void> {
    this.#draining = true
    clearInterval(this.#keyTimer)
    clearInterval(this.#fleetTimer)
    await this.#crew.drain(millis(0))
    await this.#signals.close()
    await this.#admin?.close()
    await this.#crew.close()
  }

  #refreshKeys(): void {
    this.#crew.refreshKeys().catch((error: unknown) => this.#log.failure('keys not read', error))
  }

  #buildAdmin(secret: Secret): AdminListener {
    return new AdminListener({
      administration: new Administration(
        administrationParts(this.#areas, {
          table: () => this.#crew.table,
          version: this.#version,
          reload: this.#reload,
          onKeysChanged: () => this.#refreshKeys(),
          onPeopleChanged: () => this.#crew.forgetPrincipals(),
          signals: () => this.#signals,
        }),
      ),
      secret,
      metrics: async () =>
        `${await this.#crew.metrics()}${processMetrics(this.#areas.audit)}${await signalMetrics(this.#signals)}`,
      notReady: () => this.#problems(),
      onError: (error, requestId) =>
        this.#log.failure('administration failed', error, { requestId }),
    })
  }

  #problems(): readonly string[] {
    const { audit, revocations, storeTakesWrites } = this.#areas
    return [
      ...(this.#draining ? ['the process is shutting down'] : []),
      ...(audit.healthy ? [] : ['the audit log does not take records']),
      ...(revocations.current ? [] : ['the revocation list cannot be read']),
      ...(storeTakesWrites() ? [] : ['the database does not take writes']),
    ]
  }
}

/** How many failed tests a record names. */
const mostNamed = 20

interface Recorded {
  readonly configuration?: Configuration
  readonly failedTests?: readonly string[]
}

async function recordConfiguration(
  areas: OwnAreas,
  outcome: 'success' | 'failure',
  detail: string,
  { configuration = areas.configuration(), ...what }: Recorded = {},
): Promise<void> {
  await areas.record({
    id: randomId(),
    kind: 'configuration',
    action: 'configuration.load',
    outcome,
    reason: outcome === 'success' ? 'configuration.in_force' : 'configuration.refused',
    detail,
    what: { configuration: configuration.version, ...what },
  })
}

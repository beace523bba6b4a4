import { randomId, randomToken, Secret } from '../core/index.ts'
import type { ProofgateError } from '../core/index.ts'
import { join } from 'node:path'
import { Administration, AdminListener } from '../admin/index.ts'
import type { Configuration, ConfigurationProblem } from '../config/index.ts'
import { PublicListener } from '../gateway/index.ts'
import type { GatewayTable } from '../gateway/index.ts'
import { FormTokens } from '../http/index.ts'
import { IdentitySurface, UserCodeTries } from '../login/index.ts'
import { loadAssets } from '../pages/index.ts'
import { MemoryBuckets } from '../throttle/index.ts'
import { administrationParts } from './administration.ts'
import { ensurePeople, openAreas } from './areas.ts'
import type { Areas } from './areas.ts'
import { ConsoleSurface } from './console.ts'
import {
  dataPaths,
  DirectoryLock,
  markInstalled,
  prepareDataDirectory,
  sharedSecret,
} from './data-directory.ts'
import { buildGatewayTable } from './gateway-table.ts'
import { firstEnrolment, identitySettings } from './identity.ts'
import { Kept } from './kept.ts'
import { CertificateUpkeep } from './certificate-upkeep.ts'
import { frontOf } from './front.ts'
import { buildIssuer } from './issuer.ts'
import { Log } from './log.ts'
import { Metrics } from './metrics.ts'

/** A process that serves one configuration at a time. */
export interface RunningProcess {
  readonly areas: Areas
  readonly log: Log
  readonly ports: { readonly public: number; readonly admin: number }
  /** The one-time link for the first person, as long as nobody has a passkey. */
  readonly enrolment: { readonly username: string; readonly link: string } | undefined
  /** Puts another checked configuration in force. Requests under way keep theirs. */
  readonly apply: (configuration: Configuration) => Promise<void>
  /** Writes down that a configuration was refused; the one in force stays. */
  readonly refused: (problems: readonly ConfigurationProblem[]) => Promise<void>
  readonly stop: () => Promise<void>
}

/** Everything that changes when a configuration is put in force. */
interface InForce {
  configuration: Configuration
  table: GatewayTable
  provider: ReturnType<typeof buildIssuer>
}

/** How soon keys that another process rotated are used here. */
const keyRefreshEvery = 2000

/** Opens the data directory, builds the areas and begins to listen. */
export async function startServer(options: {
  configuration: Configuration
  /** Loads the configuration again, for the admin API. */
  reload: () => Promise<string | undefined>
  version: string
}): Promise<RunningProcess> {
  let configuration = options.configuration
  const log = new Log(() => configuration.log.level)
  const paths = dataPaths(configuration)
  prepareDataDirectory(paths)
  loadAssets()
  const lock = DirectoryLock.take(paths)
  let areas: Areas | undefined
  try {
    areas = await openAreas({
      configuration: () => configuration,
      paths,
      onAuditFailure: (error: ProofgateError) => log.failure('the audit log stopped', error),
    })
    markInstalled(paths, areas.clock.now())
    await ensurePeople(areas)
    const server = new Server({
      areas,
      log,
      lock,
      version: options.version,
      reload: options.reload,
      onInForce: (next) => {
        configuration = next
      },
    })
    await server.start(options.configuration)
    return {
      areas,
      log,
      ports: server.ports,
      enrolment: await firstEnrolment(areas),
      apply: (next) => server.apply(next),
      refused: (problems) => server.refused(problems),
      stop: () => server.stop(),
    }
  } catch (error) {
    await areas?.close()
    lock.release()
    throw error
  }
}

class Server {
  readonly #areas: Areas
  readonly #log: Log
  readonly #lock: DirectoryLock
  readonly #version: string
  readonly #reload: () => Promise<string | undefined>
  readonly #onInForce: (configuration: Configuration) => void
  readonly #kept = new Kept((change) => this.#log.write('warn', 'a target changed', change))
  readonly #metrics = new Metrics()
  readonly #certificates: CertificateUpkeep
  readonly #buckets = new MemoryBuckets()
  readonly #identity: IdentitySurface
  readonly #userCodeTries: UserCodeTries
  readonly #cookieKey: string
  #inForce: InForce | undefined
  /** The keys the provider was built with. */
  #providerKeys = ''
  #listener: PublicListener | undefined
  #admin: AdminListener | undefined
  #keyTimer: NodeJS.Timeout | undefined
  #draining = false
  /** One configuration after the other. */
  #applying: Promise<unknown> = Promise.resolve()
  ports = { public: 0, admin: 0 }

  constructor(parts: {
    areas: Areas
    log: Log
    lock: DirectoryLock
    version: string
    reload: () => Promise<string | undefined>
    onInForce: (configuration: Configuration) => void
  }) {
    this.#areas = parts.areas
    this.#log = parts.log
    this.#certificates = new CertificateUpkeep(parts.log, parts.areas.clock)
    this.#lock = parts.lock
    this.#version = parts.version
    this.#reload = parts.reload
    this.#onInForce = parts.onInForce
    this.#cookieKey = sharedSecret(join(parts.areas.paths.keys, 'cookie.secret'))
    this.#userCodeTries = new UserCodeTries(this.#buckets, parts.areas.clock)
    this.#identity = this.#buildIdentity()
  }

  async start(configuration: Configuration): Promise<void> {
    const { revocations } = this.#areas
    await this.apply(configuration)
    revocations.follow()
    // Who may do what is worked out anew whenever somebody lost something.
    revocations.onChange(() => this.#forgetPrincipals())
    const { listeners } = configuration
    this.#listener = this.#buildListener(configuration)
    const secret = new Secret(randomToken())
    this.#admin = this.#buildAdmin(secret)
    this.ports = await this.#listen(listeners, this.#admin, this.#listener)
    const { admin } = this.ports
    const host = listeners.admin.address.includes(':')
      ? `[${listeners.admin.address}]`
      : listeners.admin.address
    this.#lock.announce({
      pid: process.pid,
      admin: `http://${host}:${admin}`,
      secret: secret.reveal(),
    })
    this.#keyTimer = setInterval(() => {
      this.#refreshKeys().catch((error: unknown) => this.#log.failure('keys not read', error))
    }, keyRefreshEvery)
    this.#keyTimer.unref()
    this.#certificates.start()
  }

  /** Both or none: a listener left open would keep a process alive that could not start. */
  async #listen(
    at: Configuration['listeners'],
    admin: AdminListener,
    listener: PublicListener,
  ): Promise<{ public: number; admin: number }> {
    try {
      return {
        admin: await admin.listen(at.admin.address, at.admin.port),
        public: await listener.listen(at.public.address, at.public.port),
      }
    } catch (error) {
      await admin.close()
      await this.#kept.close()
      throw error
    }
  }

  /** Builds all parts first and swaps them at once, so that no request sees half of each. */
  apply(configuration: Configuration): Promise<void> {
    const applied = this.#applying.then(() => this.#applyNext(configuration))
    this.#applying = applied.catch(() => undefined)
    return applied
  }

  /** Invariant: a configuration is on record before it is in force; one that cannot be is refused. */
  async #applyNext(configuration: Configuration): Promise<void> {
    await recordConfiguration(this.#areas, 'success', configuration.version, configuration)
    this.#kept.beginUse()
    const table = buildGatewayTable(configuration, this.#areas, this.#kept)
    const provider = this.#buildProvider(configuration)
    this.#certificates.follow(configuration, this.#listener)
    this.#inForce = { configuration, table, provider }
    this.#onInForce(configuration)
    this.#listener?.reauthorize()
    this.#kept.endUnused(configuration.limits.drain)
    await ensurePeople(this.#areas)
  }

  refused(problems: readonly ConfigurationProblem[]): Promise<void> {
    return recordConfiguration(this.#areas, 'failure', problems[0]?.code ?? 'config')
  }

  /** No new connections, what is under way ends, then state is closed in order. */
  async stop(): Promise<void> {
    if (this.#draining) return
    this.#draining = true
    const drain = this.#current().configuration.limits.drain
    clearInterval(this.#keyTimer)
    this.#certificates.stop()
    await this.#listener?.drain(drain)
    await this.#admin?.close()
    await this.#kept.close()
    await this.#areas.record({
      id: randomId(),
      kind: 'system',
      action: 'server.stop',
      outcome: 'success',
      reason: 'server.stopped',
    })
    await this.#areas.close()
    this.#lock.release()
  }

  #current(): InForce {
    if (this.#inForce === undefined) throw new TypeError('no configuration is in force yet')
    return this.#inForce
  }

  #forgetPrincipals(): void {
    const { table } = this.#current()
    table.principals.forget()
    table.apiSessions.forget()
  }

  async #refreshKeys(): Promise<void> {
    const { keys } = this.#areas
    await keys.reload()
    if (JSON.stringify(keys.list()) === this.#providerKeys) return
    const current = this.#current()
    this.#inForce = { ...current, provider: this.#buildProvider(current.configuration) }
  }

  #buildProvider(configuration: Configuration): InForce['provider'] {
    this.#providerKeys = JSON.stringify(this.#areas.keys.list())
    const { sessions } = this.#areas
    const { browser } = this.#identity
    return buildIssuer(configuration, this.#areas, {
      cookieKey: this.#cookieKey,
      currentSession: (request) => browser.session(request),
      endBrowserSession: async (request) => {
        const session = await browser.session(request)
        if (session !== undefined) await sessions.end(session.id)
      },
      onServerError: (error) => this.#log.failure('the issuer failed', error),
      onWrongUserCode: (request) => this.#userCodeTries.wrong(request),
    })
  }

  #buildIdentity(): IdentitySurface {
    return new IdentitySurface({
      ...this.#areas,
      settings: () => identitySettings(this.#current().configuration),
      provider: () => this.#current().provider,
      formTokens: new FormTokens(),
      buckets: this.#buckets,
      userCodeTries: this.#userCodeTries,
      onError: (error, requestId) => this.#log.failure('a page failed', error, { requestId }),
    })
  }

  #buildListener(configuration: Configuration): PublicListener {
    const console = new ConsoleSurface(() => this.#current().configuration)
    return new PublicListener({
      limits: configuration.limits,
      front: frontOf(configuration),
      parts: {
        ...this.#areas,
        table: () => this.#current().table,
        buckets: this.#buckets,
        onCompleted: (completed) => {
          this.#metrics.completed(completed)
          if (this.#log.isOn('debug')) this.#log.write('debug', 'request', { ...completed })
        },
        onError: (error, requestId) => this.#log.failure('a request failed', error, { requestId }),
      },
      findSurface: (authority, path) => {
        const { identity, console: site, singleOrigin } = this.#current().configuration
        if (singleOrigin) {
          if (!isIdentityPath(path) || authority !== hostOf(identity.origin)) return undefined
          return path.startsWith(`${site.basePath}/`) && site.basePath !== identity.basePath
            ? console
            : this.#identity
        }
        if (authority === hostOf(identity.origin)) return this.#identity
        return authority === hostOf(site.origin) ? console : undefined
      },
    })
  }

  #buildAdmin(secret: Secret): AdminListener {
    return new AdminListener({
      administration: new Administration(
        administrationParts(this.#areas, {
          table: () => this.#current().table,
          version: this.#version,
          reload: this.#reload,
          onKeysChanged: () => void this.#refreshKeys(),
          onPeopleChanged: () => this.#forgetPrincipals(),
        }),
      ),
      secret,
      metrics: () =>
        this.#metrics.print({
          inFlight: this.#listener?.inFlight ?? 0,
          tunnels: this.#listener?.tunnels ?? 0,
          shedding: this.#listener?.shedding ?? { level: 0, refused: 0 },
          closed: this.#listener?.closed ?? new Map(),
          auditSize: this.#areas.audit.size,
          auditHealthy: this.#areas.audit.healthy,
          upstreams: this.#kept.upstreams,
          mirrored: this.#kept.mirrored,
          front: this.#certificates.metrics(
            this.#listener?.refusedConnections ?? { proxy: 0, tls: 0 },
          ),
        }),
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

/** The paths of the identity pages on a single origin; the gateway keeps those of API sessions. */
function isIdentityPath(path: string): boolean {
  return path.startsWith('/.proofgate/') && !path.startsWith('/.proofgate/session/')
}

function hostOf(origin: string): string {
  return origin.slice(origin.indexOf('//') + 2)
}

async function recordConfiguration(
  areas: Areas,
  outcome: 'success' | 'failure',
  detail: string,
  configuration = areas.configuration(),
): Promise<void> {
  await areas.record({
    id: randomId(),
    kind: 'configuration',
    action: 'configuration.load',
    outcome,
    reason: outcome === 'success' ? 'configuration.in_force' : 'configuration.refused',
    detail,
    what: { configuration: configuration.version },
  })
}

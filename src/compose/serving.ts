import { join } from 'node:path'
import type { Configuration } from '../config/index.ts'
import { PublicListener } from '../listener/index.ts'
import type { GatewayTable } from '../gateway/index.ts'
import type { WaitingRoom } from '../listener/index.ts'
import { FormTokens } from '../http/index.ts'
import { IdentitySurface, UserCodeTries } from '../login/index.ts'
import type { Issuer } from '../oidc/index.ts'
import type { BucketStore } from '../throttle/index.ts'
import type { Millis } from '../core/index.ts'
import type { Revocation } from '../session/index.ts'
import type { Areas } from './areas.ts'
import { ConsoleSurface } from './console.ts'
import { sharedSecret } from './data-directory.ts'
import { CertificateUpkeep } from './certificate-upkeep.ts'
import { frontOf } from './front.ts'
import { buildGatewayTable } from './gateway-table.ts'
import { identitySettings } from './identity.ts'
import { buildIssuer } from './issuer.ts'
import { Kept } from './kept.ts'
import type { Log } from './log.ts'
import { signalRoutes } from './signals.ts'
import { Metrics } from './metrics/metrics.ts'

/** Everything that changes when a configuration is put in force. */
interface InForce {
  configuration: Configuration
  table: GatewayTable
  issuer: Issuer
}

/**
 * All that one thread serves at the public listener: the gateway, sign-in, the issuer and the console, under
 * one configuration at a time.
 */
export class Serving {
  readonly #areas: Areas
  readonly #log: Log
  readonly #buckets: BucketStore
  readonly #formKey: Uint8Array
  readonly #kept: Kept
  readonly #metrics = new Metrics()
  readonly #certificates: CertificateUpkeep
  readonly #identity: IdentitySurface
  readonly #userCodeTries: UserCodeTries
  readonly #cookieKey: string
  /** No more waiting: the thread is about to end. */
  readonly #stopping = new AbortController()
  #inForce: InForce | undefined
  /** The keys there were when the issuer was made. */
  #issuerKeys = ''
  #listener: PublicListener | undefined

  constructor(parts: { areas: Areas; log: Log; buckets: BucketStore; formKey: Uint8Array }) {
    this.#areas = parts.areas
    this.#log = parts.log
    this.#buckets = parts.buckets
    this.#formKey = parts.formKey
    this.#kept = new Kept((change) => this.#log.write('warn', 'a target changed', change))
    this.#certificates = new CertificateUpkeep(parts.log, parts.areas.clock)
    this.#cookieKey = sharedSecret(join(parts.areas.paths.keys, 'cookie.secret'))
    this.#userCodeTries = new UserCodeTries(this.#buckets, parts.areas.clock)
    this.#identity = this.#buildIdentity()
  }

  get table(): GatewayTable {
    return this.#current().table
  }

  /** Builds all parts first and swaps them at once, so that no request sees half of each. */
  apply(configuration: Configuration): void {
    this.#kept.beginUse()
    const table = buildGatewayTable(configuration, this.#areas, this.#kept)
    const issuer = this.#issuerFor(configuration)
    this.#certificates.follow(configuration, this.#listener)
    this.#inForce = { configuration, table, issuer }
    this.#listener?.reauthorize()
    this.#kept.endUnused(configuration.limits.drain)
  }

  /**
   * Begins to serve on a port.
   *
   * @param share - that of this thread in what is limited for the process.
   * @returns the port that was bound.
   */
  async listen(
    at: { address: string; port: number; reusePort: boolean },
    share = 1,
  ): Promise<number> {
    this.#listener ??= this.#buildListener(this.#current().configuration, share)
    const port = await this.#listener.listen(at)
    this.#certificates.start()
    return port
  }

  /** Begins to serve those in a waiting room. */
  adopt(room: WaitingRoom, share = 1): void {
    this.#listener ??= this.#buildListener(this.#current().configuration, share)
    room.limit(Math.ceil(this.#current().configuration.limits.connections * share))
    this.#listener.adopt(room)
  }

  /** No new connections, and what is under way ends, at the latest by the deadline. */
  async drain(deadline: Millis): Promise<void> {
    this.#certificates.stop()
    this.#stopping.abort()
    await this.#listener?.drain(deadline)
  }

  close(): Promise<void> {
    return this.#kept.close()
  }

  /** What is known of sessions that were proved again is forgotten; of everybody when there is more. */
  forgetChanged(changes: readonly Revocation[]): void {
    if (changes.some(({ kind }) => kind !== 'proof')) this.forgetPrincipals()
    else this.#current().table.apiSessions.forgetSessions(new Set(changes.map(({ id }) => id)))
  }

  /** Who may do what is worked out anew, since somebody lost or gained something. */
  forgetPrincipals(): void {
    const { table } = this.#current()
    table.principals.forget()
    table.apiSessions.forget()
  }

  async refreshKeys(): Promise<void> {
    const { keys } = this.#areas
    await keys.reload()
    if (JSON.stringify(keys.list()) === this.#issuerKeys) return
    const current = this.#current()
    this.#inForce = { ...current, issuer: this.#issuerFor(current.configuration) }
  }

  /** In Prometheus' text exposition format. */
  metrics(): string {
    return this.#metrics.print({
      inFlight: this.#listener?.inFlight ?? 0,
      tunnels: this.#listener?.tunnels ?? 0,
      shedding: this.#listener?.shedding ?? { level: 0, refused: 0 },
      closed: this.#listener?.closed ?? new Map(),
      upstreams: this.#kept.upstreams,
      mirrored: this.#kept.mirrored,
      front: this.#certificates.metrics(this.#listener?.refusedConnections ?? { proxy: 0, tls: 0 }),
    })
  }

  #current(): InForce {
    if (this.#inForce === undefined) throw new TypeError('no configuration is in force yet')
    return this.#inForce
  }

  #issuerFor(configuration: Configuration): Issuer {
    this.#issuerKeys = JSON.stringify(this.#areas.keys.list())
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
    const parts = {
      ...this.#areas,
      settings: () => identitySettings(this.#current().configuration),
      provider: () => this.#current().issuer(),
      formTokens: new FormTokens(this.#formKey),
      buckets: this.#buckets,
      userCodeTries: this.#userCodeTries,
      alarm: (text: string, facts: Readonly<Record<string, unknown>>) =>
        this.#log.write('error', text, { ...facts }),
      onError: (error: unknown, requestId: string) =>
        this.#log.failure('a page failed', error, { requestId }),
    }
    const configuration = (): Configuration => this.#current().configuration
    const signals = signalRoutes(this.#areas, configuration, this.#stopping.signal)
    return new IdentitySurface(parts, signals)
  }

  #buildListener(configuration: Configuration, share: number): PublicListener {
    const console = new ConsoleSurface(() => this.#current().configuration)
    const { limits, listeners } = configuration
    const { halfClose } = listeners.public
    const inFlight = Math.ceil(limits.inFlight * share)
    const connections = Math.ceil(limits.connections * share)
    return new PublicListener({
      limits: { ...limits, inFlight, connections, halfClose },
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
          if (!isIdentityPath(path) || !isHostOf(identity.origin, authority)) return undefined
          return path.startsWith(`${site.basePath}/`) && site.basePath !== identity.basePath
            ? console
            : this.#identity
        }
        if (isHostOf(identity.origin, authority)) return this.#identity
        return isHostOf(site.origin, authority) ? console : undefined
      },
    })
  }
}

/** The gateway keeps those of API sessions, of proofs, and of what pages of APIs load. */
const ofGateway = /^\/\.proofgate\/(?:session\/|js\/|proofs(?:[/?]|$))/

/** The paths of the identity pages on a single origin. */
function isIdentityPath(path: string): boolean {
  return path.startsWith('/.proofgate/') && !ofGateway.test(path)
}

/** Asked for every request, so that it makes no text to compare with. */
function isHostOf(origin: string, authority: string): boolean {
  return origin.endsWith(authority) && origin.length === origin.indexOf('//') + 2 + authority.length
}

import { parseCertificates } from '../certificate/index.ts'
import type { Configuration, ConfiguredTls } from '../config/index.ts'
import type { Clock } from '../core/index.ts'
import type { FrontCounts, PublicListener } from '../listener/index.ts'
import { heading, quote } from './metrics/exposition.ts'
import { isSameTls } from './front.ts'
import type { Log } from './log.ts'

const day = 86_400_000
/** Certificates are renewed a month before their end; two weeks left mean that it did not happen. */
const warnBefore = 14 * day

/** One of our certificates and its end. */
interface Expiry {
  readonly file: string
  readonly expiresAt: number
}

/** Keeps the listener's certificates those of the configuration, and says in time when they end. */
export class CertificateUpkeep {
  readonly #log: Log
  readonly #clock: Clock
  #inForce: ConfiguredTls | undefined
  #expiries: readonly Expiry[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(log: Log, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  start(): void {
    this.#warn()
    this.#timer = setInterval(() => this.#warn(), day)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /**
   * Renews what the listener presents, where it changed only: what it is renewed to forgets the sessions that
   * callers could continue. `listener` is absent before the start, whose certificates it gets by itself.
   */
  follow(configuration: Configuration, listener: PublicListener | undefined): void {
    const { tls } = configuration.listeners.public
    const before = this.#inForce
    if (tls === undefined || (before !== undefined && isSameTls(before, tls))) return
    // Whether there is TLS at all is decided when the process starts.
    if (listener !== undefined && before === undefined) return
    listener?.renewTls(tls)
    this.#inForce = tls
    this.#expiries = tls.certificates.map(expiryOf)
    if (listener === undefined) return
    const certificates = this.#expiries.map(({ file, expiresAt }) => ({
      file,
      until: new Date(expiresAt).toISOString(),
    }))
    this.#log.write('info', 'other TLS certificates in force', { certificates })
    this.#warn()
  }

  metrics(refused: FrontCounts): readonly string[] {
    const lines = heading(
      'proofgate_connections_refused_total',
      'counter',
      'Connections closed before a request.',
    )
    for (const reason of ['proxy', 'tls'] as const) {
      lines.push(`proofgate_connections_refused_total{reason="${reason}"} ${refused[reason]}`)
    }
    if (this.#expiries.length === 0) return lines
    const name = 'proofgate_certificate_expiry_seconds'
    lines.push(...heading(name, 'gauge', 'Until a certificate of the listener ends.'))
    for (const { file, expiresAt } of this.#expiries) {
      const left = Math.floor((expiresAt - this.#clock.now()) / 1000)
      lines.push(`${name}{certificate=${quote(file)}} ${left}`)
    }
    return lines
  }

  #warn(): void {
    for (const { file, expiresAt } of this.#expiries) {
      if (expiresAt - this.#clock.now() > warnBefore) continue
      this.#log.write('warn', 'a TLS certificate ends soon or has ended', {
        file,
        until: new Date(expiresAt).toISOString(),
      })
    }
  }
}

function expiryOf({ file, cert }: ConfiguredTls['certificates'][number]): Expiry {
  const [leaf] = parseCertificates(cert) ?? []
  return { file, expiresAt: leaf?.validToDate.getTime() ?? 0 }
}

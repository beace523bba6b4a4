import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CertificateUpkeep } from '../../src/compose/certificate-upkeep.ts'
import type { Log } from '../../src/compose/log.ts'
import type { Configuration } from '../../src/config/index.ts'
import { manualClock, Secret } from '../../src/core/index.ts'
import type { PublicListener } from '../../src/listener/index.ts'
import type { KeyPair } from '../../src/certificate/index.ts'
import { TestAuthority } from '../kit/certificates.ts'

const authority = new TestAuthority()
const day = 86_400_000

function withPair(pair: KeyPair | undefined, more: object = {}): Configuration {
  const tls =
    pair === undefined
      ? undefined
      : {
          certificates: [{ file: 'a.pem', cert: pair.cert, key: new Secret(pair.key) }],
          minVersion: '1.2',
          ciphers: undefined,
          clientCertificates: undefined,
          ...more,
        }
  return { listeners: { public: { tls } } } as unknown as Configuration
}

function start(): {
  upkeep: CertificateUpkeep
  written: string[]
  renewed: unknown[]
  listener: PublicListener
} {
  const written: string[] = []
  const renewed: unknown[] = []
  const log = { write: (level: string, text: string) => written.push(`${level} ${text}`) }
  return {
    upkeep: new CertificateUpkeep(log as unknown as Log, manualClock(Date.now())),
    written,
    renewed,
    listener: { renewTls: (tls: unknown) => renewed.push(tls) } as unknown as PublicListener,
  }
}

test('a listener is renewed when certificate, key or a setting changed, and only then', () => {
  const { upkeep, renewed, listener } = start()
  const pair = authority.server('a.localhost')
  upkeep.follow(withPair(pair), undefined)
  upkeep.follow(withPair(pair), listener)
  assert.equal(renewed.length, 0)
  const other = authority.server('a.localhost')
  upkeep.follow(withPair(other), listener)
  assert.equal(renewed.length, 1)
  upkeep.follow(withPair({ cert: other.cert, key: pair.key }), listener)
  assert.equal(renewed.length, 2)
  upkeep.follow(withPair(other, { clientCertificates: { ca: 'x', mode: 'request' } }), listener)
  assert.equal(renewed.length, 3)
})

test('TLS neither begins nor ends while a process runs', () => {
  const { upkeep, renewed, listener } = start()
  upkeep.follow(withPair(undefined), undefined)
  upkeep.follow(withPair(authority.server('a.localhost')), listener)
  const begun = start()
  begun.upkeep.follow(withPair(authority.server('a.localhost')), undefined)
  begun.upkeep.follow(withPair(undefined), begun.listener)
  assert.deepEqual([renewed.length, begun.renewed.length], [0, 0])
})

test('a certificate that ends within two weeks is warned of, with the time that is left as a metric', () => {
  const { upkeep, written } = start()
  // Less a minute: however long it takes to make, and whichever second that is rounded to.
  upkeep.follow(withPair(authority.issue({ until: 13 * day - 60_000 })), undefined)
  upkeep.start()
  upkeep.stop()
  assert.deepEqual(written, ['warn a TLS certificate ends soon or has ended'])
  const lines = upkeep.metrics({ proxy: 1, tls: 2 })
  const [left] = lines.filter((line) => line.startsWith('proofgate_certificate_expiry_seconds{'))
  assert.match(
    left ?? '',
    /^proofgate_certificate_expiry_seconds\{certificate="a\.pem"\} 11231\d\d$/,
  )
  assert.ok(lines.includes('proofgate_connections_refused_total{reason="proxy"} 1'))
  assert.ok(lines.includes('proofgate_connections_refused_total{reason="tls"} 2'))
  const quiet = start()
  quiet.upkeep.follow(withPair(authority.issue({ until: 15 * day })), undefined)
  quiet.upkeep.start()
  quiet.upkeep.stop()
  assert.deepEqual(quiet.written, [])
})

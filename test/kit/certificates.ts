import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LocalAuthority } from '../../src/certificate/index.ts'
import type { KeyPair } from '../../src/certificate/index.ts'
import { implicit, objectIdentifier, sequence } from '../../src/certificate/der.ts'
import { issueCertificate } from '../../src/certificate/issue.ts'

const day = 86_400_000
const usages = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' }

/** What a test may want a certificate to be. */
export interface Wished {
  /** DNS names. */
  readonly names?: readonly string[]
  readonly uris?: readonly string[]
  readonly subject?: string
  readonly use?: 'server' | 'client'
  /** From now, in milliseconds. */
  readonly from?: number
  readonly until?: number
}

/** An authority and whatever certificates a test asks it for. */
export class TestAuthority {
  readonly #local = LocalAuthority.create(Date.now())

  get ca(): string {
    return this.#local.pair.cert
  }

  /** As `proofgate dev-ca` would. */
  server(...hosts: readonly string[]): KeyPair {
    return this.#local.issueServer(hosts, Date.now())
  }

  client(name: string): KeyPair {
    return this.#local.issueClient(name, Date.now())
  }

  /** Right or wrong. */
  issue(wished: Wished): KeyPair {
    const { key } = this.server('localhost')
    const names = [
      ...(wished.names ?? []).map((name) => implicit(2, false, Buffer.from(name))),
      ...(wished.uris ?? []).map((uri) => implicit(6, false, Buffer.from(uri))),
    ]
    const use = sequence(objectIdentifier(usages[wished.use ?? 'server']))
    const cert = issueCertificate(
      {
        issuer: new X509Certificate(this.ca).subject.replace('CN=', ''),
        subject: wished.subject ?? 'test',
        publicKey: createPublicKey(key),
        notBefore: Date.now() + (wished.from ?? -day),
        notAfter: Date.now() + (wished.until ?? 300 * day),
        extensions: [
          { type: '2.5.29.37', critical: false, value: use },
          ...(names.length === 0
            ? []
            : [{ type: '2.5.29.17', critical: false, value: sequence(...names) }]),
        ],
      },
      createPrivateKey(this.#local.pair.key),
    )
    return { cert, key }
  }
}

/** Writes `name.pem` and `name.key` for the owner alone. */
export function writePair(directory: string, name: string, pair: KeyPair): void {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, `${name}.key`), pair.key, { mode: 0o600 })
  writeFileSync(join(directory, `${name}.pem`), pair.cert, { mode: 0o600 })
}

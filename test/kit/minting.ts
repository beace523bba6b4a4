import { createPrivateKey, randomUUID } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { jwkThumbprint, parsePublicJwk } from '../../src/token/index.ts'
import { readRecords } from '../../src/audit/index.ts'
import type { StoredRecord } from '../../src/audit/index.ts'
import type { GatewayFacts } from './gateway.ts'
import type { ProofKey } from './person.ts'
import { es256, forge } from '../token/forge.ts'

/** Issues access tokens as the gateway's own issuer would, with its key, so that each claim can be wrong. */
export class Mint {
  readonly key: KeyObject
  readonly keyId: string
  readonly publicJwk: Readonly<Record<string, unknown>>
  readonly gateway: Pick<GatewayFacts, 'issuer' | 'dataDirectory'>
  readonly #audience: string

  constructor(
    gateway: Pick<GatewayFacts, 'issuer' | 'dataDirectory' | 'apis'>,
    directories: { keys?: string } = {},
  ) {
    const folder = directories.keys ?? join(gateway.dataDirectory, 'keys')
    const name = readdirSync(folder)
      .filter((file) => file.startsWith('sig-ES256-'))
      .sort()
      .at(-1)
    const file = JSON.parse(readFileSync(join(folder, name ?? ''), 'utf8'))
    this.key = createPrivateKey({ key: file.jwk, format: 'jwk' })
    this.keyId = file.keyId
    const { kty, crv, x, y } = file.jwk
    this.publicJwk = { kty, crv, x, y }
    this.gateway = gateway
    this.#audience = gateway.apis[0]?.audience ?? ''
  }

  claims(subject: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    const now = Math.floor(Date.now() / 1000)
    return {
      iss: this.gateway.issuer,
      aud: this.#audience,
      sub: subject,
      client_id: 'proofgate-cli',
      jti: randomUUID(),
      scope: 'invoke',
      iat: now,
      exp: now + 300,
      auth_time: now,
      ...more,
    }
  }

  get header(): Record<string, unknown> {
    return { alg: 'ES256', typ: 'at+jwt', kid: this.keyId }
  }

  token(subject: string, more: Readonly<Record<string, unknown>> = {}, header = {}): string {
    return forge({ ...this.header, ...header }, this.claims(subject, more), es256(this.key))
  }

  /** Bound to a DPoP key. */
  bound(subject: string, key: ProofKey, more: Readonly<Record<string, unknown>> = {}): string {
    return this.token(subject, { cnf: { jkt: thumbprintOf(key.jwk) }, ...more })
  }
}

export function thumbprintOf(jwk: unknown): string {
  const parsed = parsePublicJwk(jwk)
  if (parsed === undefined) throw new Error('not a public key')
  return jwkThumbprint(parsed)
}

/** The id a person has in the database. */
export function personId(
  gateway: Pick<GatewayFacts, 'dataDirectory'>,
  username: string,
  path = join(gateway.dataDirectory, 'proofgate.db'),
): string {
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
  try {
    const row = database.prepare('SELECT id FROM person WHERE username = ?').get(username)
    return String(row?.['id'])
  } finally {
    database.close()
  }
}

/** All records of a gateway's audit log, of one kind if asked. */
export async function recordsOf(
  gateway: Pick<GatewayFacts, 'dataDirectory'>,
  kind?: StoredRecord['kind'],
): Promise<StoredRecord[]> {
  const out: StoredRecord[] = []
  const folder = join(gateway.dataDirectory, 'audit')
  for await (const record of readRecords(folder, kind === undefined ? {} : { kind }))
    out.push(record)
  return out
}

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { randomUUID } from 'node:crypto'
import { es256, forge, p256 } from '../token/forge.ts'
import type { KeyPair } from '../token/forge.ts'

/** Somebody else's issuer: discovery, keys and tokens, over plain HTTP on this machine. */
export class FakeIssuer {
  readonly keyId: string
  readonly pair: KeyPair = p256()
  readonly #server = createServer((request, response) => {
    this.requests += 1
    const keys = [
      {
        ...this.pair.publicKey.export({ format: 'jwk' }),
        kid: this.keyId,
        alg: 'ES256',
        use: 'sig',
      },
    ]
    const isDiscovery = request.url === '/.well-known/openid-configuration'
    response.setHeader('content-type', 'application/json')
    response.end(
      JSON.stringify(isDiscovery ? { issuer: this.url, jwks_uri: `${this.url}/keys` } : { keys }),
    )
  })
  url = ''
  requests = 0

  constructor(keyId: string) {
    this.keyId = keyId
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve)
    })
    this.#server.unref()
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  token(more: Readonly<Record<string, unknown>> = {}, header = {}): string {
    const now = Math.floor(Date.now() / 1000)
    return forge(
      { alg: 'ES256', typ: 'at+jwt', kid: this.keyId, ...header },
      {
        iss: this.url,
        aud: 'api://orders',
        sub: 'ext-1',
        jti: randomUUID(),
        client_id: 'c',
        iat: now,
        exp: now + 300,
        groups: ['readers'],
        ...more,
      },
      es256(this.pair.privateKey),
    )
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

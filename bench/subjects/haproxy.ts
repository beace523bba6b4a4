/** HAProxy with one thread: plain, and verifying an ES256 token and its claims on every request. */
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findFreePort, startServer } from '../process.ts'
import type { ServerProcess } from '../process.ts'
import type { Headers, Subject, Surroundings } from '../subject.ts'
import { dropSignature, signToken, spoilSignature } from '../token.ts'
import type { TokenFacts } from '../token.ts'

const ISSUER = 'http://auth.bench.localhost'
const AUDIENCE = 'http://api.bench.localhost'

export const haproxyPlain: Subject = {
  name: 'haproxy-plain',
  packages: ['haproxy'],
  start: async (surroundings) => {
    const { pid, url, stop } = await startHaproxy(surroundings, [])
    return { pids: [pid], url, headers: () => ({}), refused: () => ({}), stop }
  },
}

export const haproxyJwt: Subject = {
  name: 'haproxy-jwt-es256',
  packages: ['haproxy'],
  start: async (surroundings) => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const keyFile = join(surroundings.directory, 'token-key.pem')
    writeFileSync(keyFile, publicKey.export({ type: 'spki', format: 'pem' }))
    const { pid, url, stop } = await startHaproxy(surroundings, rulesFor(keyFile))
    const sign = (changes: Partial<TokenFacts> = {}): string =>
      signToken({
        key: privateKey,
        keyId: 'bench',
        issuer: ISSUER,
        audience: AUDIENCE,
        subject: 'bench',
        ...changes,
      })
    return {
      pids: [pid],
      url,
      stop,
      headers: () => bearer(sign()),
      refused: () => ({
        'no token': {},
        'a wrong signature': bearer(spoilSignature(sign())),
        'no signature': bearer(dropSignature(sign())),
        'another issuer': bearer(sign({ issuer: 'http://auth.example' })),
        'another audience': bearer(sign({ audience: 'http://api.example' })),
        'an expired token': bearer(sign({ lifetimeSeconds: -60 })),
      }),
    }
  },
}

function bearer(token: string): Headers {
  return { authorization: `Bearer ${token}` }
}

/** Signature, algorithm, issuer, audience and expiry, as HAProxy's own documentation has it. */
function rulesFor(keyFile: string): readonly string[] {
  return [
    `set-var(txn.bearer) http_auth_bearer`,
    `set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')`,
    `set-var(txn.iss) var(txn.bearer),jwt_payload_query('$.iss')`,
    `set-var(txn.aud) var(txn.bearer),jwt_payload_query('$.aud')`,
    `set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')`,
    `set-var(txn.now) date()`,
    `deny deny_status 401 unless { var(txn.alg) -m str ES256 }`,
    `deny deny_status 401 unless { var(txn.iss) -m str ${ISSUER} }`,
    `deny deny_status 401 unless { var(txn.aud) -m str ${AUDIENCE} }`,
    `deny deny_status 401 unless { var(txn.exp),sub(txn.now) -m int gt 0 }`,
    `deny deny_status 401 unless { var(txn.bearer),jwt_verify(txn.alg,"${keyFile}") -m int 1 }`,
  ]
}

async function startHaproxy(
  { directory, upstreamPort, signal }: Surroundings,
  rules: readonly string[],
): Promise<ServerProcess & { readonly url: string }> {
  const port = await findFreePort()
  const file = join(directory, 'haproxy.cfg')
  const text = `
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
  http-reuse always
frontend calls
  bind 127.0.0.1:${port}
${rules.map((rule) => `  http-request ${rule}\n`).join('')}  default_backend orders
backend orders
  server upstream 127.0.0.1:${upstreamPort}
`
  writeFileSync(file, text)
  const command = ['haproxy', '-db', '-f', file] as const
  const server = await startServer({ command: [...command], directory, port, signal })
  return { ...server, url: `http://127.0.0.1:${port}/orders/1` }
}

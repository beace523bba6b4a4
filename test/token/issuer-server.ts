import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { KeyObject } from 'node:crypto'
import type { TestContext } from 'node:test'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

export interface IssuerServer {
  readonly issuer: string
  readonly requests: string[]
  /** What is answered at a path; replaced by tests to misbehave. */
  readonly answers: Map<string, Answer>
}

export const discoveryPath = '/.well-known/openid-configuration'
export const keysPath = '/keys'

export function json(body: unknown, type = 'application/json'): Answer {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': type }).end(JSON.stringify(body))
  }
}

export function jwkOf(key: KeyObject, members: object): object {
  return { ...key.export({ format: 'jwk' }), ...members }
}

/**
 * An OpenID provider on a socket of its own, well-behaved until a test replaces an answer; it speaks
 * https when it is given a certificate.
 */
export async function startIssuer(
  t: TestContext,
  keys: readonly object[],
  certificate?: { readonly key: string; readonly cert: string },
): Promise<IssuerServer> {
  const answers = new Map<string, Answer>()
  const requests: string[] = []
  const listener: Answer = (request, response) => {
    requests.push(request.url ?? '')
    const answer = answers.get(request.url ?? '')
    if (answer === undefined) response.writeHead(404).end()
    else answer(request, response)
  }
  const server =
    certificate === undefined ? createServer(listener) : createTlsServer(certificate, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const scheme = certificate === undefined ? 'http' : 'https'
  const issuer = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`
  answers.set(discoveryPath, json({ issuer, jwks_uri: `${issuer}${keysPath}` }))
  answers.set(keysPath, json({ keys }))
  return { issuer, requests, answers }
}

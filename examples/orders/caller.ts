/**
 * Who called, as the gateway proves it: verifies the `X-Proofgate-Assertion` JWT that Proofgate puts
 * on every request it forwards. This is all a service needs to trust its gateway by signature
 * instead of by network address. It does not decide what a caller may do: the gateway's policy did.
 */
import { get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { createRemoteJWKSet, customFetch, errors, jwtVerify } from 'jose'
import type { JWTPayload } from 'jose'

/** What was found out about a caller. `claims` is present only when the signature and rules held. */
export type Caller =
  | { readonly verified: true; readonly claims: JWTPayload }
  | { readonly verified: false; readonly reason: string }

/** Answers who made a request; never throws, an assertion that cannot be checked is not verified. */
export type VerifyCaller = (request: IncomingMessage) => Promise<Caller>

interface AssertionSettings {
  readonly PROOFGATE_JWKS_URI?: string | undefined
  readonly PROOFGATE_ISSUER?: string | undefined
  readonly PROOFGATE_AUDIENCE?: string | undefined
}

const JWKS_LIMIT_BYTES = 64 * 1024

/** Builds the check from the environment. With any of the three settings missing nobody is verified. */
export function createVerifyCaller(settings: AssertionSettings): VerifyCaller {
  const {
    PROOFGATE_JWKS_URI: jwksUri,
    PROOFGATE_ISSUER: issuer,
    PROOFGATE_AUDIENCE: audience,
  } = settings
  if (!jwksUri || !issuer || !audience) {
    return async () => ({ verified: false, reason: 'not_configured' })
  }
  const keys = createRemoteJWKSet(new URL(jwksUri), { [customFetch]: fetchKeys })
  return async (request) => {
    const assertion = request.headers['x-proofgate-assertion']
    if (typeof assertion !== 'string') return { verified: false, reason: 'no_assertion' }
    try {
      const { payload } = await jwtVerify(assertion, keys, {
        issuer,
        audience,
        typ: 'pg-assertion+jwt',
        algorithms: ['ES256', 'RS256'],
        requiredClaims: ['sub', 'iat', 'exp'],
        maxTokenAge: '60s',
        clockTolerance: '5s',
      })
      return { verified: true, claims: payload }
    } catch (error) {
      const reason = error instanceof errors.JOSEError ? error.code : 'keys_unreachable'
      return { verified: false, reason }
    }
  }
}

/**
 * Fetches the published keys. Names below `localhost` are loopback by RFC 6761, but Node's resolver
 * does not know that, so those are asked for at 127.0.0.1 under their own Host.
 */
async function fetchKeys(address: string, options: RequestInit): Promise<Response> {
  const url = new URL(address)
  const onLoopback = url.hostname === 'localhost' || url.hostname.endsWith('.localhost')
  return url.protocol === 'http:' && onLoopback ? fetchLoopback(url, options) : fetch(url, options)
}

function fetchLoopback(url: URL, options: RequestInit): Promise<Response> {
  const target = {
    host: '127.0.0.1',
    port: url.port || 80,
    path: url.pathname + url.search,
    headers: { ...Object.fromEntries(new Headers(options.headers)), host: url.host },
    signal: options.signal ?? undefined,
  }
  return new Promise((resolve, reject) => {
    get(target, (response) => {
      readText(response, JWKS_LIMIT_BYTES).then(
        (body) => resolve(new Response(body, { status: response.statusCode ?? 502 })),
        reject,
      )
    }).on('error', reject)
  })
}

/** Reads a message's body as text and throws a RangeError above `limit` bytes. */
export async function readText(message: IncomingMessage, limit: number): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  // The message outlives a refusal to read on, so that a server can still answer on its connection.
  for await (const chunk of message.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > limit) throw new RangeError(`body is above ${limit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

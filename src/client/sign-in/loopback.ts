import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { equalText } from '../../core/index.ts'
import { failure } from '../errors.ts'
import { printable } from '../terminal.ts'

const callbackPath = '/callback'

/** The browser's answer, and the way to tell the person in the browser how it ended. */
export interface Callback {
  readonly code: string
  /** Answers the browser; called once, after the code was redeemed or was not. */
  finish(signedIn: boolean): void
}

export interface Loopback {
  readonly redirectUri: string
  /** The one answer that carries our state; rejects at the time-out or when the issuer refused. */
  readonly callback: Promise<Callback>
  close(): void
}

/**
 * The redirect target of RFC 8252 7.3: a listener on 127.0.0.1 with a port of the system's choice that
 * takes one answer. Requests with another state, path or method change nothing.
 *
 * @param timeout - milliseconds.
 */
export async function openLoopback(expected: {
  state: string
  issuer: string
  timeout: number
}): Promise<Loopback> {
  const server = createServer({ maxHeaderSize: 16 * 1024, requestTimeout: 10_000 })
  const { promise, resolve, reject } = Promise.withResolvers<Callback>()
  // The caller may still be busy when the browser is quick.
  promise.catch(() => undefined)
  let taken = false
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const query = callbackQuery(request)
    // Invariant: no other page can end or answer this sign-in (RFC 9700 4.7).
    const ours = query !== undefined && equalText(sole(query, 'state') ?? '', expected.state)
    if (!ours || taken) {
      answer(response, query === undefined ? 404 : 400, pages.unexpected)
      return
    }
    taken = true
    const outcome = readOutcome(query, expected.issuer)
    if (typeof outcome !== 'string') {
      answer(response, 200, pages.failed)
      reject(outcome)
      return
    }
    const finish = (signedIn: boolean): void =>
      answer(response, 200, signedIn ? pages.signedIn : pages.failed)
    resolve({ code: outcome, finish })
  })
  await new Promise<void>((done, failed) => {
    server.once('error', failed)
    server.listen(0, '127.0.0.1', done)
  })
  const timer = setTimeout(() => {
    reject(failure('sign_in_timeout', 'nobody signed in in time'))
  }, expected.timeout)
  const { port } = server.address() as AddressInfo
  return {
    redirectUri: `http://127.0.0.1:${port}${callbackPath}`,
    callback: promise,
    close() {
      clearTimeout(timer)
      server.close()
      // The last answer may still be on its way; a browser that does not read it must not hold us.
      setTimeout(() => server.closeAllConnections(), 500).unref()
    },
  }
}

function callbackQuery(request: IncomingMessage): URLSearchParams | undefined {
  const [path, query = ''] = (request.url ?? '').split('?')
  if (request.method !== 'GET' || path !== callbackPath) return undefined
  return new URLSearchParams(query)
}

/** The code, or why there is none. */
function readOutcome(query: URLSearchParams, issuer: string): string | ReturnType<typeof failure> {
  // RFC 9207 2.4: an answer of another issuer, or of nobody, is not looked at further.
  if (sole(query, 'iss') !== issuer) {
    return failure('sign_in_refused', 'the answer came from another issuer')
  }
  const error = sole(query, 'error')
  if (error !== undefined) {
    const said = sole(query, 'error_description')
    const why = said === undefined ? error : `${error}: ${said}`
    return failure('sign_in_refused', `sign-in was refused (${printable(why)})`)
  }
  return sole(query, 'code') ?? failure('sign_in_refused', 'the answer holds no code')
}

/** RFC 6749 3.1: a parameter that comes twice is as good as none. */
function sole(query: URLSearchParams, name: string): string | undefined {
  const values = query.getAll(name)
  return values.length === 1 ? values[0] : undefined
}

const pages = {
  signedIn: page('You are signed in', 'You can close this window and go back to the terminal.'),
  failed: page('Sign-in did not finish', 'The terminal says why. You can close this window.'),
  unexpected: page('Nothing to do here', 'This address waits for one sign-in only.'),
} as const

function page(title: string, text: string): string {
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${title} - Proofgate</title>`,
    `<main><h1>${title}</h1><p>${text}</p></main>`,
    '</html>',
    '',
  ].join('\n')
}

function answer(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    connection: 'close',
  })
  response.end(html)
}

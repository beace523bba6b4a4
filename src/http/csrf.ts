import { createHmac, randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { equalText } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { httpErrors } from './errors.ts'

/**
 * Refuses a state-changing request that a browser says comes from elsewhere. Programs send neither
 * header and pass: they carry no ambient cookies that somebody else could use.
 */
export function checkSameOrigin(request: IncomingMessage, origin: string): Refusal | undefined {
  const site = request.headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return httpErrors.refuse('cross_site', `sec-fetch-site is ${site.slice(0, 32)}`)
  }
  const from = request.headers.origin
  if (from !== undefined && from !== origin) {
    return httpErrors.refuse('cross_site', 'the origin header names another origin')
  }
  return undefined
}

/**
 * Form tokens bound to a session: an HMAC under a key that lives as long as the process. After a restart
 * an open page has to be loaded again.
 */
export class FormTokens {
  readonly #key: Uint8Array

  /** @param key - 32 random bytes; all threads that serve a form need the same. */
  constructor(key: Uint8Array = randomBytes(32)) {
    this.#key = key
  }

  issue(sessionId: string): string {
    return createHmac('sha256', this.#key).update(sessionId).digest('base64url')
  }

  check(sessionId: string, token: string | undefined): Refusal | undefined {
    if (token !== undefined && equalText(token, this.issue(sessionId))) return undefined
    return httpErrors.refuse('cross_site', 'the form token is missing or wrong')
  }
}

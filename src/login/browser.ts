import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { isRefusal, randomToken } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { checkSameOrigin, cookie, cookieName, readCookie, readForm, send } from '../http/index.ts'
import type { HttpExchange } from '../http/index.ts'
import type { Person } from '../identity/index.ts'
import { contentSecurityPolicy } from '../pages/index.ts'
import type { PolicyNeeds } from '../pages/index.ts'
import type { Session } from '../session/index.ts'
import type { Caller } from './ceremonies/parts.ts'
import { loginErrors } from './errors.ts'
import type { IdentityParts } from './surface-parts.ts'

const sessionCookie = 'pg_session'
const pendingCookie = 'pg_pending'
const ceremonyCookie = 'pg_ceremony'
const ceremonyCookieAge = 600

/** Every browser says so in these words; whoever else does not is sent what is not compressed. */
export function acceptsGzip(request: IncomingMessage): boolean {
  return /(?:^|,)\s*gzip\s*(?:,|$)/i.test(request.headers['accept-encoding'] ?? '')
}

/** A form that a page of ours sent, and who sent it. */
export interface SentForm {
  readonly session: Session
  readonly person: Person
  readonly fields: ReadonlyMap<string, string>
}

/** What a browser at the identity origin holds, and how pages are sent to it. */
export class Browser {
  readonly #parts: IdentityParts

  constructor(parts: IdentityParts) {
    this.#parts = parts
  }

  /** The live session of a request; a cookie that means nothing any more is nobody. */
  async session(request: IncomingMessage): Promise<Session | undefined> {
    const handle = readCookie(request.headers.cookie, this.#name(sessionCookie))
    return handle === undefined ? undefined : this.#parts.sessions.load('browser', handle)
  }

  /** The live session of somebody who may replace a lapsed passkey, and nothing else. */
  async pending(request: IncomingMessage): Promise<Session | undefined> {
    const handle = readCookie(request.headers.cookie, this.#name(pendingCookie))
    return handle === undefined ? undefined : this.#parts.sessions.load('pending', handle)
  }

  async requireSession(
    exchange: HttpExchange,
  ): Promise<{ session: Session; person: Person } | Refusal> {
    const session = await this.session(exchange.request)
    const person =
      session === undefined ? undefined : await this.#parts.people.load(session.personId)
    if (session === undefined || person === undefined || person.disabled) {
      return loginErrors.refuse('sign_in_required')
    }
    return { session, person }
  }

  /**
   * The form that a page of ours sent.
   *
   * Invariant: it comes from our origin, in a session, and with the token that only a page shown in it holds.
   */
  async requireForm(exchange: HttpExchange): Promise<SentForm | Refusal> {
    const crossSite = checkSameOrigin(exchange.request, this.#parts.settings().origin)
    if (crossSite !== undefined) return crossSite
    const fields = await readForm(exchange.request)
    if (isRefusal(fields)) return fields
    const found = await this.requireSession(exchange)
    if (isRefusal(found)) return found
    const forged = this.#parts.formTokens.check(found.session.id, fields.get('csrf'))
    return forged ?? { ...found, fields }
  }

  async caller(exchange: HttpExchange): Promise<Caller> {
    const { request } = exchange
    return {
      address: exchange.address,
      userAgent: request.headers['user-agent'] ?? '',
      binding: readCookie(request.headers.cookie, this.#name(ceremonyCookie)) ?? '',
      session: await this.session(request),
    }
  }

  /** Binds what follows to this browser; keeps an earlier binding, so that two tabs do not disturb each other. */
  bind(caller: Caller, response: ServerResponse): Caller {
    if (caller.binding.length === 43) return caller
    const binding = randomToken()
    this.#setCookie(response, ceremonyCookie, binding, 'Strict', ceremonyCookieAge)
    return { ...caller, binding }
  }

  /** Lax, so that a link from elsewhere finds the person signed in; every change of state asks for more. */
  holdSession(response: ServerResponse, handle: string): void {
    this.#setCookie(response, sessionCookie, handle, 'Lax')
  }

  forgetSession(response: ServerResponse): void {
    this.#setCookie(response, sessionCookie, '', 'Lax', 0)
  }

  holdPending(response: ServerResponse, handle: string): void {
    this.#setCookie(response, pendingCookie, handle, 'Strict', ceremonyCookieAge)
  }

  forgetPending(response: ServerResponse): void {
    this.#setCookie(response, pendingCookie, '', 'Strict', 0)
  }

  page(exchange: HttpExchange, status: number, html: string, needs?: PolicyNeeds): void {
    send(exchange.response, status, html, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': contentSecurityPolicy(needs),
    })
  }

  /**
   * A page with lists, compressed where the browser can. Invariant: nothing that somebody else chose with the
   * request stands on it, because beside the form token its length would tell of the token (BREACH).
   */
  longPage(exchange: HttpExchange, html: string): void {
    if (!acceptsGzip(exchange.request)) {
      this.page(exchange, 200, html)
      return
    }
    send(exchange.response, 200, gzipSync(html), {
      'content-type': 'text/html; charset=utf-8',
      'content-encoding': 'gzip',
      'content-security-policy': contentSecurityPolicy(),
      vary: 'accept-encoding',
    })
  }

  redirect(exchange: HttpExchange, location: string): void {
    send(exchange.response, 303, '', { location })
  }

  #name(base: string): string {
    return cookieName(base, this.#secure())
  }

  #secure(): boolean {
    return this.#parts.settings().origin.startsWith('https:')
  }

  #setCookie(
    response: ServerResponse,
    name: string,
    value: string,
    sameSite: 'Lax' | 'Strict',
    maxAge?: number,
  ): void {
    const secure = this.#secure()
    const line = cookie({
      name: cookieName(name, secure),
      value,
      secure,
      sameSite,
      ...(maxAge === undefined ? {} : { maxAge }),
    })
    response.appendHeader('set-cookie', line)
  }
}

/**
 * The HTTP kit of our own surfaces (sign-in, issuer, console, administration): routes, bounded bodies,
 * cookies, cross-site checks, problem answers (RFC 9457). It guarantees that a body is bounded before it
 * is parsed, that a redirect target is a path of our own origin, and that a refusal discloses nothing
 * but its public text. The proxied requests of the gateway do not come through here.
 */
export { defaultBodyLimit, readBody, readForm, readJsonObject } from './body.ts'
export { cookie, cookieName, readCookie, withoutCookies } from './cookies.ts'
export type { CookieOptions } from './cookies.ts'
export { checkSameOrigin, FormTokens } from './csrf.ts'
export { httpErrors } from './errors.ts'
export { problemOf, send, sendJson, sendProblem } from './problem.ts'
export type { Problem } from './problem.ts'
export { parseReturnTo } from './return-to.ts'
export type { ReturnTo } from './return-to.ts'
export { matchPath, Router } from './router.ts'
export type { Handler, HttpExchange, RouteTable } from './router.ts'

import { cookieName } from '../../http/index.ts'

/** Our cookies at API hosts; removed from what upstreams see and may set. */
const session = 'pg_api'
const flow = 'pg_flow'
const stepUp = 'pg_step'
/** Names a proof that was asked for in the address bar. */
const proof = 'pg_proof'

export function apiCookieName(secure: boolean): string {
  return cookieName(session, secure)
}

export function flowCookieName(secure: boolean): string {
  return cookieName(flow, secure)
}

/** Holds what only this browser knows of the requests that are kept for it. */
export function stepUpCookieName(secure: boolean): string {
  return cookieName(stepUp, secure)
}

export function proofCookieName(secure: boolean): string {
  return cookieName(proof, secure)
}

/** Every name of ours a browser may send to a host we serve, with and without a prefix. */
export const ownCookieNames: ReadonlySet<string> = new Set(
  [
    session,
    flow,
    stepUp,
    proof,
    'pg_session',
    'pg_pending',
    'pg_ceremony',
    'pg_op',
    'pg_interaction',
    'pg_resume',
  ].flatMap((name) =>
    ['', '__Host-', '__Secure-'].flatMap((prefix) => [`${prefix}${name}`, `${prefix}${name}.sig`]),
  ),
)

import type { Refusal } from '../../core/index.ts'
import { cookie, readCookie, send } from '../../http/index.ts'
import { contentSecurityPolicy, refusalPage, refusalStyleHash } from '../../pages/index.ts'
import { parseStatement } from '../../proof/index.ts'
import type { Holder, ProofRecord } from '../../proof/index.ts'
import { proofCookieName } from '../caller/session-cookie.ts'
import type { GatewayParts, GatewayTable } from '../gateway.ts'
import type { CallerRequest, Incoming } from '../incoming/incoming.ts'
import type { Api } from '../route.ts'
import type { AskedProof } from './ask.ts'

/** A browser that shows the answer to a person, as opposed to a script or a program. */
export function isNavigation(request: CallerRequest): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false
  const mode = request.headers['sec-fetch-mode']
  if (mode !== undefined) return mode === 'navigate'
  return (request.headers.accept ?? '').split(',', 1)[0]?.trim() === 'text/html'
}

/**
 * The proof that a browser was asked for at this address: an address bar sends no header, so a cookie names
 * it. What was asked for another request is left alone.
 *
 * @param digest - of the request.
 */
export async function provedByBrowser(
  { request }: Incoming,
  asked: { readonly api: Api; readonly holder: Holder; readonly digest: string },
  parts: Pick<GatewayParts, 'proofs' | 'clock'>,
): Promise<ProofRecord | undefined> {
  if (!isNavigation(request)) return undefined
  const id = readCookie(request.headers.cookie, proofCookieName(asked.api.secure))
  const record = id === undefined ? undefined : await parts.proofs.peek(id, asked.holder)
  if (record === undefined || record.expiresAt <= parts.clock.now()) return undefined
  const isOpen = record.state === 'pending' || record.state === 'approved'
  const isSame = parseStatement(record.statement)?.request === asked.digest
  return isOpen && isSame ? record : undefined
}

/** Tells a person what has to be approved, where, and how to go on. */
export function sendDemand(
  { request, response, requestId }: Incoming,
  refusal: Refusal,
  { api, table, asked }: { api: Api; table: GatewayTable; asked: AskedProof },
  headers: Readonly<Record<string, string | readonly string[]>>,
): void {
  const page = refusalPage({
    base: '',
    status: refusal.status,
    title: refusal.title,
    code: refusal.code,
    requestId,
    explanation: asked.sentence,
    nextSteps: [
      'Open the page where this is approved, on another device if this browser may not approve it. There it is also listed under “Approvals”.',
      'Once it is approved, go on from here.',
    ],
    approvalUrl: asked.approval,
    retryUrl: `${api.origin}${request.url ?? '/'}`,
    identityLinks: { account: `${table.identityBase}/approvals` },
  })
  const { secure } = api
  const name = proofCookieName(secure)
  const maxAge = Math.max(1, Math.ceil((Date.parse(asked.expiresAt) - Date.now()) / 1000))
  send(response, refusal.status, page, {
    ...headers,
    'set-cookie': cookie({ name, value: asked.id, secure, sameSite: 'Lax', maxAge }),
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': contentSecurityPolicy({ inlineStyle: refusalStyleHash() }),
  })
}

import { epochSeconds } from '../../core/index.ts'
import type { ContextLookup } from '../../policy/index.ts'
import type { CallerRequest, Incoming } from '../incoming.ts'
import type { Peer } from '../listen/peer.ts'
import type { PrincipalFacts } from './principal.ts'
import type { Api } from '../route.ts'

/** What facts are read from. */
export interface ContextFacts {
  readonly incoming: Pick<Incoming, 'address' | 'receivedAt'> & {
    readonly request: Pick<CallerRequest, 'headers'>
    readonly peer: Pick<Peer, 'certificate'>
  }
  readonly api: Pick<Api, 'secure'>
  readonly principal: PrincipalFacts
}

type Reader = (facts: ContextFacts) => string | readonly string[] | undefined

/** Context keys by lower-case name; each reads its value only when a condition asks for it. */
const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['aws:sourceip', ({ incoming }) => incoming.address],
  ['aws:currenttime', ({ incoming }) => new Date(incoming.receivedAt).toISOString()],
  ['aws:epochtime', ({ incoming }) => String(epochSeconds(incoming.receivedAt))],
  ['aws:securetransport', ({ api }) => String(api.secure)],
  ['aws:useragent', ({ incoming }) => incoming.request.headers['user-agent']],
  ['aws:referer', ({ incoming }) => incoming.request.headers.referer],
  ['aws:username', ({ principal }) => principal.username],
  ['aws:userid', ({ principal }) => principal.subject],
  ['aws:principaltype', ({ principal }) => principalTypes[principal.kind]],
  ['aws:tokenissuetime', ({ principal }) => timeOf(principal.issuedAt)],
  ['aws:multifactorauthpresent', ({ principal }) => String(principal.amr.includes('mfa'))],
  ['aws:multifactorauthage', (facts) => ageOf(facts)],
  ['proofgate:acr', ({ principal }) => principal.acr],
  ['proofgate:amr', ({ principal }) => principal.amr],
  ['proofgate:authage', (facts) => ageOf(facts)],
  ['proofgate:group', ({ principal }) => principal.groups],
  ['proofgate:clientid', ({ principal }) => principal.clientId],
  ['proofgate:scope', ({ principal }) => principal.scopes],
  ['proofgate:credentialid', ({ principal }) => principal.credential],
  ['proofgate:aaguid', ({ principal }) => claimOf(principal, 'aaguid')],
  ['proofgate:backupeligible', ({ principal }) => claimOf(principal, 'be')],
  ['proofgate:backupstate', ({ principal }) => claimOf(principal, 'bs')],
  ['proofgate:clientcertificateverified', ({ incoming }) => verified(incoming.peer)],
  ['proofgate:clientcertificatesubject', ({ incoming }) => incoming.peer.certificate?.subject],
  ['proofgate:clientcertificatesan', ({ incoming }) => incoming.peer.certificate?.alternativeNames],
  ['proofgate:clientcertificateissuer', ({ incoming }) => incoming.peer.certificate?.issuer],
  [
    'proofgate:clientcertificatefingerprint',
    ({ incoming }) => incoming.peer.certificate?.fingerprint,
  ],
  ['proofgate:clientcertificateserial', ({ incoming }) => incoming.peer.certificate?.serial],
  ['proofgate:userverified', ({ principal }) => claimOf(principal, 'uv')],
])

const principalTypes = {
  person: 'User',
  external: 'FederatedUser',
  anonymous: 'Anonymous',
} as const

/** What conditions can see of one request. */
export function contextOf(
  incoming: ContextFacts['incoming'],
  api: ContextFacts['api'],
  principal: PrincipalFacts,
): ContextLookup {
  const facts = { incoming, api, principal }
  return (key) => readers.get(key)?.(facts)
}

function verified({ certificate }: Pick<Peer, 'certificate'>): string {
  return String(certificate !== undefined)
}

function timeOf(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString()
}

/** Whole seconds since the person last proved who they are. */
function ageOf({ incoming, principal }: ContextFacts): string | undefined {
  if (principal.authTime === undefined) return undefined
  return String(Math.max(0, Math.floor((incoming.receivedAt - principal.authTime) / 1000)))
}

function claimOf(principal: PrincipalFacts, name: string): string | undefined {
  const value = Object.hasOwn(principal.claims, name) ? principal.claims[name] : undefined
  return typeof value === 'string' ? value : undefined
}

import { epochSeconds } from '../../core/index.ts'
import type { Instant } from '../../core/index.ts'
import { standingByAge } from '../../identity/index.ts'
import type { ContextLookup } from '../../policy/index.ts'
import type { CallerRequest, Incoming } from '../incoming/incoming.ts'
import type { Peer } from '../incoming/peer.ts'
import type { Target } from '../incoming/target.ts'
import { declaredFact } from './declared-facts.ts'
import { proofAge } from '../proof/demand.ts'
import type { ProofFacts } from '../proof/facts.ts'
import type { PrincipalFacts } from './principal.ts'
import type { Api, Route, Vouching } from '../route.ts'

/** The request that facts are read from. */
export interface ContextCall {
  readonly incoming: Pick<Incoming, 'address' | 'receivedAt'> & {
    readonly request: Pick<CallerRequest, 'headers' | 'rawHeaders'>
    readonly peer: Pick<Peer, 'certificate'>
  }
  readonly api: Pick<Api, 'secure' | 'region' | 'ageing'>
  readonly route: Pick<Route, 'conditions'> & {
    readonly authorizer: Vouching
  }
  readonly target: Pick<Target, 'query'>
  /** Only of a request whose proof is certain, or where one is supposed. */
  readonly proof?: ProofFacts | undefined
}

export interface ContextFacts {
  readonly call: ContextCall
  readonly principal: PrincipalFacts
}

type Reader = (facts: ContextFacts) => string | readonly string[] | undefined

/** Context keys by lower-case name; each reads its value only when a condition asks for it. */
const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['aws:sourceip', ({ call: { incoming } }) => incoming.address],
  ['aws:currenttime', ({ call: { incoming } }) => new Date(incoming.receivedAt).toISOString()],
  ['aws:epochtime', ({ call: { incoming } }) => String(epochSeconds(incoming.receivedAt))],
  ['aws:securetransport', ({ call: { api } }) => String(api.secure)],
  ['aws:useragent', ({ call: { incoming } }) => incoming.request.headers['user-agent']],
  ['aws:referer', ({ call: { incoming } }) => incoming.request.headers.referer],
  ['aws:requestedregion', ({ call: { api } }) => api.region],
  ['aws:principalarn', ({ principal: { names } }) => names.role ?? names.arn],
  ['aws:username', ({ principal }) => usernameOf(principal)],
  ['aws:userid', ({ principal }) => principal.subject],
  ['aws:principaltype', ({ principal }) => principalTypeOf(principal)],
  ['aws:tokenissuetime', ({ principal }) => timeOf(principal.issuedAt)],
  ['aws:multifactorauthpresent', (facts) => String(hasTwoFactors(facts))],
  ['aws:multifactorauthage', (facts) => (hasTwoFactors(facts) ? ageOf(facts) : undefined)],
  ['proofgate:acr', ({ principal }) => principal.acr ?? 'none'],
  ['proofgate:amr', ({ principal }) => principal.amr],
  ['proofgate:authage', (facts) => ageOf(facts)],
  ['proofgate:group', ({ principal }) => principal.groups],
  ['proofgate:clientid', ({ principal }) => principal.clientId],
  ['proofgate:scope', ({ principal }) => principal.scopes],
  ['proofgate:credentialid', ({ principal }) => principal.credential],
  ['proofgate:sessionid', ({ principal }) => principal.session],
  ['proofgate:sessionage', (facts) => ageSince(facts, facts.principal.openedAt)],
  // Invariant: what would be good news is no when nothing is known, so that it cannot hold for want of it.
  ['proofgate:userverified', ({ principal }) => factOf(principal, 'uv') ?? 'false'],
  ['proofgate:aaguid', ({ principal }) => factOf(principal, 'aaguid') ?? 'none'],
  ['proofgate:attestationtype', ({ principal }) => factOf(principal, 'attestation') ?? 'none'],
  [
    'proofgate:attestationtrusted',
    ({ principal }) => factOf(principal, 'attestation_trusted') ?? 'false',
  ],
  ['proofgate:certificationlevel', ({ principal }) => factOf(principal, 'certification') ?? 'none'],
  ['proofgate:backupeligible', ({ principal }) => factOf(principal, 'be')],
  ['proofgate:backupstate', ({ principal }) => factOf(principal, 'bs')],
  ['proofgate:credentialage', (facts) => ageSince(facts, facts.principal.registeredAt)],
  ['proofgate:credentialstanding', (facts) => credentialStanding(facts)],
  ['proofgate:transport', ({ principal }) => principal.transports],
  [
    'proofgate:proofage',
    ({ call, principal }) =>
      secondsOf(
        call.proof === undefined
          ? proofAge(principal, call.incoming.receivedAt)
          : Math.max(0, call.incoming.receivedAt - call.proof.touchedAt),
      ),
  ],
  ['proofgate:proofboundtorequest', ({ call: { proof } }) => String(proof !== undefined)],
  ['proofgate:approvedby', ({ call: { proof } }) => proof?.approvedBy],
  ['proofgate:approvedbygroup', ({ call: { proof } }) => proof?.approvedByGroups],
  ['proofgate:clientcertificateverified', ({ call: { incoming } }) => verified(incoming.peer)],
  [
    'proofgate:clientcertificatesubject',
    ({ call: { incoming } }) => incoming.peer.certificate?.subject,
  ],
  [
    'proofgate:clientcertificatesan',
    ({ call: { incoming } }) => incoming.peer.certificate?.alternativeNames,
  ],
  [
    'proofgate:clientcertificateissuer',
    ({ call: { incoming } }) => incoming.peer.certificate?.issuer,
  ],
  [
    'proofgate:clientcertificatefingerprint',
    ({ call: { incoming } }) => incoming.peer.certificate?.fingerprint,
  ],
  [
    'proofgate:clientcertificateserial',
    ({ call: { incoming } }) => incoming.peer.certificate?.serial,
  ],
])

const principalTypes = {
  person: 'User',
  external: 'FederatedUser',
  anonymous: 'Anonymous',
} as const

function principalTypeOf({ kind, names }: PrincipalFacts): string {
  return names.role === undefined ? principalTypes[kind] : 'AssumedRole'
}

/** The keys that are read here; the others are what the configuration declares. */
export const readKeys: readonly string[] = [...readers.keys()]

/** What conditions can see of one request. */
export function contextOf(call: ContextCall, principal: PrincipalFacts): ContextLookup {
  const facts = { call, principal }
  return (key) => {
    const reader = readers.get(key)
    return reader === undefined ? declaredFact(key, facts) : reader(facts)
  }
}

/** Invariant: an external issuer chooses its own user names; none of them is a name of ours. */
function usernameOf(principal: PrincipalFacts): string | undefined {
  return principal.kind === 'person' ? principal.username : undefined
}

function verified({ certificate }: Pick<Peer, 'certificate'>): string {
  return String(certificate !== undefined)
}

function hasTwoFactors({ principal }: ContextFacts): boolean {
  return principal.amr.includes('mfa')
}

function timeOf(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString()
}

/** Whole seconds since the person last proved who they are. */
function ageOf(facts: ContextFacts): string | undefined {
  return ageSince(facts, facts.principal.authTime)
}

function ageSince({ call }: ContextFacts, then: Instant | undefined): string | undefined {
  return secondsOf(then === undefined ? undefined : Math.max(0, call.incoming.receivedAt - then))
}

function secondsOf(age: number | undefined): string | undefined {
  return age === undefined ? undefined : String(Math.floor(age / 1000))
}

/** Invariant: a credential of unknown age is not a current one where credentials age. */
function credentialStanding({ call, principal }: ContextFacts): string {
  const { kind, credential, registeredAt } = principal
  const { ageing } = call.api
  if (kind !== 'person' || credential === undefined) return 'none'
  if (ageing.rotateAfter === undefined) return 'current'
  return registeredAt === undefined
    ? 'none'
    : standingByAge(ageing, registeredAt, call.incoming.receivedAt)
}

/** What our own issuer says of the credential; a claim of the same name by another issuer says nothing. */
function ownClaim({ kind, claims }: PrincipalFacts, name: string): unknown {
  return kind === 'person' && Object.hasOwn(claims, name) ? claims[name] : undefined
}

function factOf(principal: PrincipalFacts, name: string): string | undefined {
  const value = ownClaim(principal, name)
  return typeof value === 'string' ? value : undefined
}

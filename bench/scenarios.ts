/** Kinds of load that can be profiled, by name. */
import { writeRequests } from './generator.ts'
import type { PreparedRequest } from './generator.ts'
import type { GatewayShape, RunningGateway } from './subjects/gateway.ts'
import { ProofKey } from './token.ts'
import type { ProofAlgorithm } from './token.ts'

/** The longest life the gateway believes of its own tokens, in seconds. */
export const LONGEST_LIFETIME = 600

const PATH = '/orders/1'
const SIGNED_REQUESTS = 12_000

export interface Scenario {
  readonly title: string
  readonly shape: GatewayShape
  /** Each request is sent once. */
  readonly once: boolean
  readonly write: (file: string, gateway: RunningGateway) => void
}

/** One token, verified before. */
export function* remembered(gateway: RunningGateway, count = 1): Iterable<PreparedRequest> {
  const headers = gateway.bearer(gateway.mint({ lifetimeSeconds: LONGEST_LIFETIME }))
  for (let made = 0; made < count; made += 1) yield { path: PATH, headers }
}

/** Each request another token of the first person, or of each person in turn. */
export function* firstSeen(
  gateway: RunningGateway,
  count: number,
  people: readonly string[] = gateway.people.slice(0, 1),
): Iterable<PreparedRequest> {
  for (let made = 0; made < count; made += 1) {
    const subject = people[made % people.length]!
    const token = gateway.mint({ subject, lifetimeSeconds: LONGEST_LIFETIME })
    yield { path: PATH, headers: gateway.bearer(token) }
  }
}

/** One bound token, and a fresh proof with each request. */
export function* proven(
  gateway: RunningGateway,
  algorithm: ProofAlgorithm,
  count: number,
): Iterable<PreparedRequest> {
  const key = new ProofKey(algorithm)
  const token = gateway.mint({ claims: { cnf: { jkt: key.thumbprint } } })
  for (let made = 0; made < count; made += 1) {
    const proof = key.prove(`http://${gateway.host}${PATH}`, token)
    const headers = { Host: gateway.host, authorization: `DPoP ${token}`, dpop: proof }
    yield { path: PATH, headers }
  }
}

export const scenarios: Readonly<Record<string, Scenario>> = {
  remembered: {
    title: 'a token verified before',
    shape: {},
    once: false,
    write: (file, gateway) => writeRequests(file, remembered(gateway)),
  },
  'first-seen': {
    title: 'each request another token',
    shape: {},
    once: true,
    write: (file, gateway) => writeRequests(file, firstSeen(gateway, SIGNED_REQUESTS)),
  },
  people: {
    title: '40,000 people with a live token each',
    shape: { people: 39_999 },
    once: true,
    write: writeOnce((gateway) => firstSeen(gateway, 40_000, gateway.people)),
  },
  dpop: {
    title: 'a fresh DPoP proof with each request',
    shape: {},
    once: true,
    write: (file, gateway) => writeRequests(file, proven(gateway, 'ES256', SIGNED_REQUESTS)),
  },
  statements: {
    title: '1,000 policy statements before the one that applies',
    shape: { statements: 1000 },
    once: false,
    write: (file, gateway) => writeRequests(file, remembered(gateway)),
  },
}

/** The same requests again the second time. */
function writeOnce(
  make: (gateway: RunningGateway) => Iterable<PreparedRequest>,
): Scenario['write'] {
  let isWritten = false
  return (file, gateway) => {
    if (!isWritten) writeRequests(file, make(gateway))
    isWritten = true
  }
}

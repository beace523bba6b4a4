/** Proofgate as people run it: bearer token, policy, throttle, and the durable audit record. */
import type { RunningSubject, Subject } from '../subject.ts'
import { dropSignature, spoilSignature } from '../token.ts'
import { startGateway } from './gateway.ts'
import type { RunningGateway } from './gateway.ts'

export const proofgate: Subject = {
  name: 'proofgate',
  packages: [],
  start: async (surroundings) => subjectOf(await startGateway(surroundings)),
}

/** Another checkout, an older commit say, under the same load in the same run. */
export function proofgateBeside(checkout: string): Subject {
  return {
    name: 'proofgate-beside',
    packages: [],
    start: async (surroundings) => subjectOf(await startGateway(surroundings, { checkout })),
  }
}

export function subjectOf(gateway: RunningGateway): RunningSubject {
  const { bearer, mint } = gateway
  return {
    pids: [gateway.pid],
    url: `http://127.0.0.1:${gateway.port}/orders/1`,
    stop: gateway.stop,
    headers: () => bearer(mint()),
    refused: () => ({
      'no token': { Host: gateway.host },
      'a wrong signature': bearer(spoilSignature(mint())),
      'no signature': bearer(dropSignature(mint())),
      'another issuer': bearer(mint({ issuer: 'http://auth.example' })),
      'another audience': bearer(mint({ audience: 'http://api.example' })),
      'an expired token': bearer(mint({ lifetimeSeconds: -120 })),
    }),
  }
}

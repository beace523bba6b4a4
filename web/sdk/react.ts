/** A hook for React that tells a component what waits for an approval; React itself is the caller's. */
import { proofgateFetch } from './proofgate.ts'
import type { Demanded, ProofgateInit } from './proofgate.ts'

/** The one part of React that is used: `useProofgate(React)`. */
interface ReactState {
  useState<Value>(initial: Value): [Value, (next: Value) => void]
}

export interface Proofgate {
  /** What somebody has to approve now, to be shown with its `sentence` and `approval` address. */
  readonly demanded: Demanded | undefined
  readonly fetch: (input: RequestInfo | URL, init?: ProofgateInit) => Promise<Response>
}

export function useProofgate(react: ReactState): Proofgate {
  const [demanded, setDemanded] = react.useState<Demanded | undefined>(undefined)
  return {
    demanded,
    fetch: (input, init = {}) =>
      proofgateFetch(input, {
        onDemand: setDemanded,
        onSettled: () => setDemanded(undefined),
        ...init,
      }),
  }
}

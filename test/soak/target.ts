import type { Who } from './mixture.ts'

/** What the load needs to know of the gateway. */
export interface Target {
  readonly port: number
  readonly host: string
  /** Tokens of somebody who may do all, and of somebody who may not. */
  readonly alice: string
  readonly bob: string
}

export function tokenOf({ alice, bob }: Target, who: Who): string | undefined {
  if (who === 'nobody') return undefined
  if (who === 'forged') return `${alice}x`
  return who === 'alice' ? alice : bob
}

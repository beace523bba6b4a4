import { CommonLines } from '../../upstream/index.ts'
import type { Incoming } from '../incoming/incoming.ts'
import { recurringHeaders } from './headers.ts'
import type { ForwardedFacts } from './headers.ts'

type Facts = Omit<ForwardedFacts, 'assertion'>

/** The lines of the last request with a header section, and what they depend on besides it. */
class Recurring {
  readonly lines: CommonLines
  readonly #address: string
  readonly #upstreamAuthority: string
  readonly #scheme: string
  readonly #authority: string
  readonly #writesForwarded: boolean
  readonly #keepsCredential: boolean

  constructor(incoming: Incoming, facts: Facts) {
    this.lines = new CommonLines(recurringHeaders(incoming, facts))
    this.#address = incoming.address
    this.#upstreamAuthority = facts.upstreamAuthority
    this.#scheme = facts.origin.scheme
    this.#authority = facts.origin.authority
    this.#writesForwarded = facts.writesForwarded
    this.#keepsCredential = facts.keepsCredential
  }

  isFor({ address }: Incoming, facts: Facts): boolean {
    return (
      this.#address === address &&
      this.#upstreamAuthority === facts.upstreamAuthority &&
      this.#authority === facts.origin.authority &&
      this.#scheme === facts.origin.scheme &&
      this.#writesForwarded === facts.writesForwarded &&
      this.#keepsCredential === facts.keepsCredential
    )
  }
}

/**
 * What a request has in common with one before it, whose header section was the same byte for byte on the
 * same connection or a recent one; `undefined` for any other. It is put together and judged once.
 */
export function commonLines(incoming: Incoming, facts: Facts): CommonLines | undefined {
  const { section } = incoming.request
  if (section?.recurs !== true) return undefined
  const { forwarded } = section
  if (forwarded instanceof Recurring && forwarded.isFor(incoming, facts)) return forwarded.lines
  const fresh = new Recurring(incoming, facts)
  section.forwarded = fresh
  return fresh.lines
}

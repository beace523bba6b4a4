import { UnknownFactError } from '../policy/index.ts'
import type { ContextLookup } from '../policy/index.ts'

/** Facts of a request by condition key; a list may be empty, which is an absent fact. */
export type SupposedFacts = Readonly<Record<string, string | readonly string[]>>

/** How the facts of a request that is not under way are found. */
export interface Supposition {
  /** In place of what the gateway would find itself. */
  readonly facts?: SupposedFacts | undefined
  /** Whether the other facts of the sign-in and the connection are open, not absent. */
  readonly isOpen?: boolean | undefined
}

/** Keys that depend on who and what is asked for, and so are known without a request. */
const alwaysKnown: ReadonlySet<string> = new Set([
  'aws:sourceip',
  'aws:currenttime',
  'aws:epochtime',
  'aws:securetransport',
  'aws:username',
  'aws:userid',
  'aws:principalarn',
  'aws:principaltype',
  'aws:requestedregion',
  'proofgate:group',
])
const knownFamilies = ['aws:principaltag/', 'proofgate:routetag/']

/** The context of a supposed request. */
export function supposedContext(
  context: ContextLookup,
  { facts, isOpen }: Supposition,
): ContextLookup {
  const given = new Map(
    Object.entries(facts ?? {}).map(([key, value]) => [key.toLowerCase(), value]),
  )
  return (key) => {
    const found = given.get(key)
    if (found !== undefined) return found
    const isKnown =
      isOpen !== true ||
      alwaysKnown.has(key) ||
      knownFamilies.some((family) => key.startsWith(family))
    if (!isKnown) throw new UnknownFactError(key)
    return context(key)
  }
}

import { UnknownFactError } from '../../policy/index.ts'
import type { ContextLookup } from '../../policy/index.ts'

/** Facts of a request by condition key; a list may be empty, which is an absent fact. */
export type SupposedFacts = Readonly<Record<string, string | readonly string[]>>

/** How the facts of a request that is not under way are found. */
export interface Supposition {
  /** In place of what the gateway would find itself. */
  readonly facts?: SupposedFacts | undefined
  /**
   * What of the other facts is open, not absent: `sign-in` those of the sign-in and the headers, `request`
   * also when and from where it is made.
   */
  readonly open?: 'sign-in' | 'request' | undefined
}

/** Keys that depend on who and what is asked for, and so are known without a request. */
const alwaysKnown: ReadonlySet<string> = new Set([
  'aws:securetransport',
  'aws:username',
  'aws:userid',
  'aws:principalarn',
  'aws:principaltype',
  'aws:requestedregion',
  'proofgate:group',
])
const ofTheMoment: ReadonlySet<string> = new Set([
  'aws:sourceip',
  'aws:currenttime',
  'aws:epochtime',
])
const knownFamilies = ['aws:principaltag/', 'proofgate:routetag/']

/** The context of a supposed request. */
export function supposedContext(
  context: ContextLookup,
  { facts, open }: Supposition,
): ContextLookup {
  const given = new Map(
    Object.entries(facts ?? {}).map(([key, value]) => [key.toLowerCase(), value]),
  )
  return (key) => {
    const found = given.get(key)
    if (found !== undefined) return found
    const isKnown =
      open === undefined ||
      alwaysKnown.has(key) ||
      (open === 'sign-in' && ofTheMoment.has(key)) ||
      knownFamilies.some((family) => key.startsWith(family))
    if (!isKnown) throw new UnknownFactError(key)
    return context(key)
  }
}

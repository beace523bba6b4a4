import { ageless } from '../../identity/index.ts'
import { UnknownFactError } from '../../policy/index.ts'
import type { ContextLookup } from '../../policy/index.ts'
import { contextOf } from './context.ts'
import type { ContextCall } from './context.ts'
import type { PrincipalFacts } from './principal.ts'

/**
 * Keys whose facts are the same in every request of one token or session, because they are read from what
 * it says and from the person alone. What is not listed is asked for anew by each request.
 */
export const fixedKeys: ReadonlySet<string> = new Set([
  'aws:principalarn',
  'aws:username',
  'aws:userid',
  'aws:principaltype',
  'aws:tokenissuetime',
  'aws:multifactorauthpresent',
  'proofgate:acr',
  'proofgate:amr',
  'proofgate:group',
  'proofgate:clientid',
  'proofgate:scope',
  'proofgate:credentialid',
  'proofgate:sessionid',
  'proofgate:userverified',
  'proofgate:aaguid',
  'proofgate:attestationtype',
  'proofgate:attestationtrusted',
  'proofgate:backupeligible',
  'proofgate:backupstate',
  'proofgate:transport',
])
const fixedFamily = 'aws:principaltag/'

/** What is known of a principal before any request; every other fact is unknown. */
export function fixedContextOf(principal: PrincipalFacts): ContextLookup {
  const lookup = contextOf(noCall, principal)
  return (key) => {
    if (fixedKeys.has(key) || key.startsWith(fixedFamily)) return lookup(key)
    throw new UnknownFactError(key)
  }
}

/** Nothing of it is read for a fixed key. */
const noCall: ContextCall = {
  incoming: { address: '', receivedAt: 0, request: { headers: {}, rawHeaders: [] }, peer: {} },
  api: { secure: false, region: '', ageing: ageless },
  route: { conditions: undefined, authorizer: { kind: 'open' } },
  target: { query: '' },
}

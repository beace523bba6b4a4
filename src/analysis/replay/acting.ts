import { authorityFor, candidateOf, contextOf } from '../../gateway/index.ts'
import { supposedContext } from '../explain/supposition.ts'
import type { DecidedCall, Principal } from '../../gateway/index.ts'
import type { AccessView } from '../explain/access-view.ts'
import type { Supposition } from '../explain/supposition.ts'
import { decide, survey, UnknownFactError } from '../../policy/index.ts'
import type {
  Authority,
  CompiledStatement,
  ContextLookup,
  Decision,
  Grant,
  PolicyRequest,
  StatementOutlook,
  Survey,
} from '../../policy/index.ts'

/** By what somebody acts in a recorded request, as far as that is known. */
export interface Acting {
  readonly principal: Principal
  /** What counts whatever the facts are; `undefined` while a role that was taken may not be held. */
  readonly sure: Authority | undefined
  /** What counts as well if the facts that are not known earn it. */
  readonly open: readonly OpenGrant[]
  /** What counts, by the facts that are known. `isOpen` when others were asked for. */
  readonly known: { readonly authority: Authority | undefined; readonly isOpen: boolean }
}

interface OpenGrant {
  readonly grant: Grant
  /** Stands for the trust policy of its role. */
  readonly trust: CompiledStatement
}

/** Works out the roles of somebody from what a record says. */
export function actingOf(
  { principals }: AccessView,
  signedIn: Principal,
  { call, supposition }: { readonly call: DecidedCall; readonly supposition: Supposition },
): Acting {
  const { roles } = principals.mandates
  const facts = supposedContext(contextOf(call, signedIn.untaken), supposition)
  const isPlain = signedIn.kind === 'anonymous' || (roles.size === 0 && isUntouched(signedIn))
  const principal = isPlain ? signedIn : principals.reconsidered(signedIn, facts)
  const { mandate } = principal
  if (mandate.pending === undefined) {
    const { authority } = mandate
    return { principal, sure: authority, open: [], known: { authority, isOpen: false } }
  }
  const noting = noted(facts)
  const at = call.incoming.receivedAt
  const authority = authorityFor(principal, candidateOf(principal, noting.context), at)
  const known = { authority, isOpen: noting.isOpen() }
  if (!known.isOpen) return { principal, sure: authority, open: [], known }
  const ways = principals
    .ways(principal, facts)
    .filter((way) => way.principal.mandate.roleName === mandate.roleName)
    .map((way) => authorityFor(way.principal, candidateOf(principal, facts), at))
  const base = new Set(authority?.grants.map(({ identity }) => identity))
  const open = ways
    .flatMap((way) => way?.grants ?? [])
    .filter(({ identity }) => !base.has(identity))
    .flatMap((grant) => {
      const name = grant.identity.statements[0]?.role
      const trust = name === undefined ? undefined : roles.get(name)?.trust.statements[0]
      return trust === undefined ? [] : [{ grant, trust }]
    })
  return { principal, sure: authority, open, known }
}

function isUntouched({ mandate }: Principal): boolean {
  return mandate.pending === undefined && mandate.roleName === undefined
}

/** A decision, or `undefined` when it asked for what is not known. */
export function decideExactly(
  { known }: Acting,
  request: PolicyRequest,
): Decision | 'role_not_held' | undefined {
  if (known.isOpen) return undefined
  if (known.authority === undefined) return 'role_not_held'
  const { context, isOpen } = noted(request.context)
  const decision = decide(known.authority, { ...request, context })
  return isOpen() ? undefined : decision
}

/** What every statement can do, those of roles that may be held included. */
export function surveyOf({ principal, sure, open }: Acting, request: PolicyRequest): Survey {
  const asked = { ...request, resource: [{ text: request.resource }] }
  const { authority } = principal.mandate
  const seen = survey(sure ?? { ...authority, grants: [] }, asked)
  if (open.length === 0) return seen
  const more = open.map(({ grant, trust }) => {
    const one = survey(
      { grants: [grant], denies: [], grantsOnly: false, narrowing: undefined },
      { ...asked, resourcePolicy: undefined },
    )
    const held: StatementOutlook = { statement: trust, applies: 'maybe', depends: [] }
    const grants = one.grants.map(({ own, limits }) => ({
      own,
      limits: { ...limits, trust: [held] },
    }))
    return { denies: one.denies.map(doubted), grants }
  })
  return {
    ...seen,
    // While it is not held, nothing else counts.
    named: sure === undefined ? seen.named?.map(doubted) : seen.named,
    denies: [...seen.denies, ...more.flatMap((one) => one.denies)],
    grants: [...seen.grants, ...more.flatMap((one) => one.grants)],
  }
}

function doubted(one: StatementOutlook): StatementOutlook {
  return { ...one, applies: 'maybe' }
}

/** A context that notices when it is asked for what is not known, which its reader may swallow. */
function noted(context: ContextLookup): {
  readonly context: ContextLookup
  readonly isOpen: () => boolean
} {
  let isOpen = false
  return {
    isOpen: () => isOpen,
    context: (key) => {
      try {
        return context(key)
      } catch (error) {
        if (error instanceof UnknownFactError) isOpen = true
        throw error
      }
    },
  }
}

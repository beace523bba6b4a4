import {
  authorityOf,
  compilePolicies,
  mayMeet,
  outlook,
  UnknownFactError,
} from '../../../policy/index.ts'
import type { CompiledPolicies, PolicyPrincipal } from '../../../policy/index.ts'
import type { Draft } from '../../draft.ts'
import type { Configuration, ConfiguredPolicy, ConfiguredRole } from '../../model.ts'
import { quote } from '../../problems.ts'

type Known = Pick<Configuration, 'account' | 'roles' | 'policies' | 'boundaries' | 'issuers'>

/** What is sound and surely not meant. */
export function warnOfRoles(draft: Draft, known: Known): void {
  for (const role of known.roles) {
    if (!canBeTaken(role, known)) {
      draft.warn(['roles', role.name, 'trust'], {
        code: 'config.warn-role-trust',
        message: `found no statement by which anybody could have the role ${quote(role.name)}, expected one`,
        hint: 'People need an Allow of sts:AssumeRole, callers of external issuers one of sts:AssumeRoleWithWebIdentity.',
      })
    }
    if (role.boundary === undefined || !isBoundaryEmpty(role, known)) continue
    draft.warn(['roles', role.name, 'boundary'], {
      code: 'config.warn-role-boundary',
      message: `found a boundary that allows nothing of what the policies of ${quote(role.name)} allow, expected one that does`,
      hint: 'As it is the role allows nothing.',
    })
  }
}

interface Somebody {
  readonly action: string
  readonly principal: PolicyPrincipal
}

/** Whether any facts at all let somebody have the role. */
function canBeTaken({ name, trust }: ConfiguredRole, known: Known): boolean {
  const named = trust.document.statements.flatMap(({ principal }) => principal?.arns ?? [])
  const authority = authorityOf(compilePolicies([trust]))
  return everybody(named, known).some(({ action, principal }) => {
    const { allowed } = outlook(authority, {
      action,
      principal,
      resource: [{ text: `arn:aws:iam::${known.account}:role/${name}` }],
      resourcePolicy: undefined,
      sameAccount: true,
      context: (key) => {
        throw new UnknownFactError(key)
      },
    })
    return allowed !== 'no'
  })
}

/** Those a trust policy names, and one of each kind whom none names. */
function everybody(named: readonly string[], { account, issuers }: Known): readonly Somebody[] {
  const user = `arn:aws:iam::${account}:user/`
  const people = [user, ...named.filter((arn) => arn.startsWith(user))].map((arn) => ({
    action: 'sts:AssumeRole',
    principal: { arn, role: undefined, account, federated: undefined },
  }))
  const others = issuers.flatMap((issuer) => {
    const path = issuer.namespace === undefined ? '' : `${issuer.namespace}/`
    const caller = `arn:aws:sts::${issuer.account}:federated-user/${path}`
    const arns = [caller, ...named.filter((arn) => arn.startsWith(caller))]
    return arns.map((arn) => ({
      action: 'sts:AssumeRoleWithWebIdentity',
      principal: { arn, role: undefined, account: issuer.account, federated: issuer.issuer },
    }))
  })
  return [...people, ...others]
}

function isBoundaryEmpty(role: ConfiguredRole, { policies, boundaries }: Known): boolean {
  const identity = compiled(policies, role.policies)
  const boundary = compiled(boundaries, role.boundary === undefined ? [] : [role.boundary])
  return identity.allows.all.length > 0 && !mayMeet(identity, boundary)
}

function compiled(
  policies: readonly ConfiguredPolicy[],
  names: readonly string[],
): CompiledPolicies {
  return compilePolicies(policies.filter(({ name }) => names.includes(name)))
}

import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import { isFirstParty } from './clients.ts'
import type { IssuerParts, IssuerSettings } from './issuer.ts'
import { isRoleScope } from './role-scope.ts'

type Grant = InstanceType<Provider['Grant']>
type KeepingParts = Pick<IssuerParts, 'grants' | 'currentSession'>

/**
 * A client of ours gets a grant, and with it a session, for each sign-in; another one keeps the grant the
 * person consented to while its session lives and the sign-in is the same one.
 *
 * Invariant: tokens say what the sign-in proved that they were asked for with, never what an earlier one did with
 * a stronger key, or with one that is for more.
 * Invariant: a grant for a role is not kept. What the person agreed to was the role, so tokens without it take
 * another yes; and taking it again begins its time anew.
 */
export async function loadGrant(
  settings: Pick<IssuerSettings, 'clients'>,
  parts: KeepingParts,
  ctx: KoaContextWithOIDC,
): Promise<Grant | undefined> {
  const consented = ctx.oidc.result?.consent?.grantId
  if (consented !== undefined) return liveGrant(parts, ctx, consented)
  const clientId = ctx.oidc.client?.clientId ?? ''
  const takesRole = ctx.oidc.requestParamScopes.values().some(isRoleScope)
  if (takesRole || isFirstParty(settings, clientId)) return undefined
  const id = ctx.oidc.session?.grantIdFor(clientId)
  const kept = (await isOfThisSignIn(parts, ctx, id)) ? await liveGrant(parts, ctx, id) : undefined
  const isForRole = kept?.getOIDCScope().split(' ').some(isRoleScope) === true
  return isForRole ? undefined : kept
}

/** Whether the session of a kept grant says of the sign-in what the browser's own session says of it. */
async function isOfThisSignIn(
  { grants, currentSession }: KeepingParts,
  ctx: KoaContextWithOIDC,
  id: string | undefined,
): Promise<boolean> {
  const granted = await grants.sessionOf(id)
  const own = granted === undefined ? undefined : await currentSession(ctx.req)
  return (
    granted !== undefined &&
    own?.personId === granted.personId &&
    own.authenticatedAt === granted.authenticatedAt &&
    own.facts.credentialId === granted.facts.credentialId
  )
}

async function liveGrant(
  { grants }: Pick<KeepingParts, 'grants'>,
  { oidc }: KoaContextWithOIDC,
  id: string | undefined,
): Promise<Grant | undefined> {
  if (id === undefined || (await grants.sessionOf(id)) === undefined) return undefined
  return oidc.provider.Grant.find(id)
}

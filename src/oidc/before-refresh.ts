import type { KoaContextWithOIDC } from 'oidc-provider'
import { errors } from './library.ts'
import { sessionPolicyOf } from './taking.ts'

/**
 * Every refresh rotates. Asked here, before the old token is taken, is whatever could be refused by what the
 * client wrote: the library would find out only afterwards, and a slip of the pen would end the family.
 *
 * @param checkSessionPolicy - says what is wrong with a document, if anything is.
 * @throws InvalidTarget for a resource that was not granted, InvalidRequest for a session policy that is none.
 */
export function allowRefresh(
  ctx: KoaContextWithOIDC,
  checkSessionPolicy: (text: string) => string | undefined,
): boolean {
  const { resource } = ctx.oidc.params ?? {}
  const granted = ctx.oidc.entities.RefreshToken?.resourceIndicators
  if (typeof resource === 'string' && granted?.has(resource) !== true) {
    throw new errors.InvalidTarget()
  }
  sessionPolicyOf(ctx, checkSessionPolicy)
  return true
}

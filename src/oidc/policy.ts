import type { IncomingMessage } from 'node:http'
import type { interactionPolicy as policies, KoaContextWithOIDC } from 'oidc-provider'
import { epochSeconds } from '../core/index.ts'
import { acrOf } from '../session/index.ts'
import type { Session } from '../session/index.ts'
import { errors, interactionPolicy } from './library.ts'

/** Finds the live browser session of a request to the identity origin. */
export type CurrentSession = (request: IncomingMessage) => Promise<Session | undefined>

/** What sign-in here can prove, the stronger first. */
export const contextClasses = ['phrh', 'phr'] as const

/**
 * The library's prompts plus three of ours: its own login session counts only while it is backed by a live
 * session of ours, approving a device code takes a touch made for it, and `acr_values` are met or refused.
 */
export function promptPolicy(currentSession: CurrentSession): policies.DefaultPolicy {
  const { Check, base } = interactionPolicy
  const policy = base()
  const login = policy.get('login')
  login?.checks.add(
    new Check('own_session', 'a live Proofgate session is required', async (ctx) => {
      const { oidc } = ctx
      if (oidc.result?.login !== undefined) return Check.NO_NEED_TO_PROMPT
      const session = await currentSession(ctx.req)
      const same =
        session !== undefined &&
        session.personId === oidc.session?.accountId &&
        epochSeconds(session.authenticatedAt) === oidc.session.loginTs
      return same ? Check.NO_NEED_TO_PROMPT : Check.REQUEST_PROMPT
    }),
  )
  login?.checks.add(
    new Check('device_touch', 'approving a device takes a touch', (ctx) =>
      ctx.oidc.entities.DeviceCode !== undefined && ctx.oidc.result?.login === undefined
        ? Check.REQUEST_PROMPT
        : Check.NO_NEED_TO_PROMPT,
    ),
  )
  login?.checks.add(
    new Check('acr_values', 'a stronger proof is required', async (ctx) => {
      const asked = contextClassesAsked(ctx)
      if (asked === undefined) return Check.NO_NEED_TO_PROMPT
      const isDone = ctx.oidc.result?.login !== undefined
      const session = isDone ? undefined : await currentSession(ctx.req)
      const reached = isDone ? ctx.oidc.acr : session === undefined ? 'none' : acrOf(session.facts)
      if (reaches(reached, asked)) return Check.NO_NEED_TO_PROMPT
      // RFC 9470 5: what a touch cannot give, or did not, is refused and not asked for again.
      if (isDone || !contextClasses.some((one) => asked.includes(one))) {
        throw new errors.UnmetAuthenticationRequirements('none of the acr_values was reached')
      }
      return Check.REQUEST_PROMPT
    }),
  )
  return policy
}

/** OpenID Connect Core 3.1.2.1; `undefined` when nothing is asked for. */
function contextClassesAsked({ oidc }: KoaContextWithOIDC): readonly string[] | undefined {
  const { acr_values: asked } = oidc.params ?? {}
  const values = typeof asked === 'string' ? asked.split(' ').filter((one) => one !== '') : []
  return values.length === 0 ? undefined : values
}

/** Whoever proves `phrh` has proved `phr` too. */
function reaches(acr: string | undefined, asked: readonly string[]): boolean {
  return asked.some((one) => one === acr || (one === 'phr' && acr === 'phrh'))
}

import type { IncomingMessage } from 'node:http'
import type { interactionPolicy as policies } from 'oidc-provider'
import { epochSeconds } from '../core/index.ts'
import type { Session } from '../session/index.ts'
import { interactionPolicy } from './library.ts'

/** Finds the live browser session of a request to the identity origin. */
export type CurrentSession = (request: IncomingMessage) => Promise<Session | undefined>

/**
 * The library's prompts plus two of ours: its own login session counts only while it is backed by a live
 * session of ours, and approving a device code takes a touch made for it.
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
  return policy
}

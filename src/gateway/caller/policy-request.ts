import type { PolicyRequest } from '../../policy/index.ts'
import type { Incoming } from '../incoming/incoming.ts'
import type { Target } from '../incoming/target.ts'
import type { Api } from '../route.ts'
import { contextOf } from './context.ts'
import type { ContextCall } from './context.ts'
import type { Principal } from './principal.ts'

/** `arn:aws:execute-api:{region}:{account}:{api}/{stage}/{METHOD}/{path}` */
export function resourceOf(routed: {
  readonly api: Pick<Api, 'arnPrefix'>
  readonly target: Pick<Target, 'path'>
  readonly incoming: Pick<Incoming, 'method'>
}): string {
  return `${routed.api.arnPrefix}${routed.incoming.method}${routed.target.path}`
}

/** Calling an API, as policies name it. */
export const invoke = 'execute-api:Invoke'

/**
 * A request as policies see it. Live decisions, reviews and explanations are all made of this one.
 *
 * @param resource - the ARN of what is called.
 */
export function policyRequestOf(
  resource: string,
  call: ContextCall & { readonly api: Pick<Api, 'resourcePolicy' | 'account'> },
  principal: Principal,
): PolicyRequest {
  const { account } = principal.names
  const { api } = call
  return {
    action: invoke,
    resource,
    resourcePolicy: api.resourcePolicy,
    sameAccount: account === undefined || account === api.account,
    principal: principal.names,
    context: contextOf(call, principal),
  }
}

import type { PolicyRequest } from '../../policy/index.ts'
import type { Api } from '../route.ts'
import { contextOf } from './context.ts'
import type { ContextFacts } from './context.ts'

/** Calling an API, as policies name it. */
export const invoke = 'execute-api:Invoke'

/**
 * A request as policies see it. Live decisions, reviews and explanations are all made of this one.
 *
 * @param resource - the ARN of what is called.
 */
export function policyRequestOf(
  resource: string,
  api: Pick<Api, 'secure' | 'resourcePolicy' | 'account'>,
  { incoming, principal }: Pick<ContextFacts, 'incoming' | 'principal'>,
): PolicyRequest {
  const { account } = principal.names
  return {
    action: invoke,
    resource,
    resourcePolicy: api.resourcePolicy,
    sameAccount: account === undefined || account === api.account,
    principal: principal.names,
    context: contextOf(incoming, api, principal),
  }
}

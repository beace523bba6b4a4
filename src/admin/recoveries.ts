import { isRefusal } from '../core/index.ts'
import { parseReason } from '../identity/index.ts'
import { adminErrors } from './errors.ts'
import { optionalText, recordAdministration, withFound } from './operation.ts'
import type { OperationTable } from './operation.ts'

/** Letting people in again with the approval of somebody else. */
export const recoveryOperations: OperationTable = {
  'POST /v1/people/{username}/recover': async (parts, { parameters, body }) => {
    const approvers = parts.approvers()
    if (approvers === undefined) return adminErrors.refuse('no_approvers')
    const text = optionalText(body, 'reason')
    const reason = isRefusal(text) ? text : parseReason(text ?? '')
    if (isRefusal(reason)) return reason
    return withFound(parts.directory.require(parameters['username'] ?? ''), (person) =>
      withFound(parts.recoveries.request(person, reason), async ({ recovery, secret }) => {
        const { id, code, expiresAt } = recovery
        const { username } = person
        await recordAdministration(parts, 'recovery.request', { username, recovery: id, reason })
        return {
          username,
          link: `${parts.identityBase()}/enrol/${secret}`,
          approval: `${parts.identityBase()}/recoveries`,
          approvers,
          code,
          approveUntil: new Date(expiresAt).toISOString(),
        }
      }),
    )
  },
}

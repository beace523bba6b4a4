import { isRefusal } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import { keyFacts } from '../identity/index.ts'
import type { Person } from '../identity/index.ts'
import { adminErrors } from './errors.ts'
import { optionalText, recordAdministration, withFound } from './operation.ts'
import type { AdminParts, OperationTable } from './operation.ts'

/** When somebody leaves: everything that is theirs ends, and what can be handed over is. */
export const leavingOperations: OperationTable = {
  'POST /v1/people/{username}/leave': (parts, { parameters, body }) =>
    withFound(parts.directory.require(parameters['username'] ?? ''), async (person) => {
      const heir = await heirOf(parts, person, optionalText(body, 'to'))
      if (isRefusal(heir)) return heir
      // Disabled first: whatever fails after it, they are out.
      await parts.people.update(person.id, { disabled: true })
      await parts.revocations.revoke('person', person.id)
      const ended = await parts.sessions.endAll(person.id)
      await parts.directory.withdrawInvitations(person)
      const passkeys = await endPasskeys(parts, person, body['remove'] === true)
      await handOver(parts, person, heir)
      parts.onPeopleChanged()
      const done = {
        username: person.username,
        ended,
        passkeys,
        ...(heir === undefined ? {} : { to: heir.username }),
        groups: person.groups,
      }
      await recordAdministration(parts, 'person.leave', done)
      const stays = parts.directory.groupsOf({ ...person, groups: [] })
      return { ...done, stillInConfiguration: stays }
    }),
}

async function heirOf(
  { directory }: AdminParts,
  person: Person,
  to: string | undefined | Refusal,
): Promise<Person | undefined | Refusal> {
  if (to === undefined || isRefusal(to)) return to
  const heir = await directory.require(to)
  if (isRefusal(heir)) return heir
  const isFit = heir.id !== person.id && !heir.disabled
  return isFit ? heir : adminErrors.refuse('unfit_heir', `found ${to}`)
}

async function endPasskeys(parts: AdminParts, person: Person, remove: boolean): Promise<number> {
  const own = await parts.credentials.listFor(person.id)
  const now = parts.clock.now()
  for (const credential of own) {
    const { id } = credential
    if (remove) await parts.credentials.remove(id, person.id, { allowLast: true, now })
    else await parts.credentials.suspend(id, { reason: 'left', allowLast: true, now })
    const action = remove ? 'credential.remove' : 'credential.suspend'
    await recordAdministration(parts, action, { ...keyFacts(credential), reason: 'left' })
  }
  parts.revocations.refresh()
  return own.length
}

/** All there is to hand over is the groups that administration gave. */
async function handOver(
  parts: AdminParts,
  person: Person,
  heir: Person | undefined,
): Promise<void> {
  await parts.people.update(person.id, { groups: [] })
  if (heir === undefined || person.groups.length === 0) return
  const groups = [...new Set([...heir.groups, ...person.groups])].sort()
  await parts.people.update(heir.id, { groups })
  await parts.revocations.revoke('directory', heir.id)
}

import { isRefusal } from '../core/index.ts'
import type { Refusal } from '../core/index.ts'
import type { Person } from '../identity/index.ts'
import { adminErrors } from './errors.ts'
import { optionalText, recordAdministration, textList, withFound } from './operation.ts'
import type { AdminParts, OperationTable } from './operation.ts'

/** People and their invitations. */
export const peopleOperations: OperationTable = {
  'GET /v1/people': async (parts) => ({
    people: await Promise.all((await parts.people.list()).map((person) => view(parts, person))),
  }),
  'GET /v1/people/{username}': (parts, { parameters }) =>
    withFound(parts.directory.require(parameters['username'] ?? ''), (person) =>
      view(parts, person),
    ),
  'POST /v1/people': async (parts, { body }) => {
    const username = optionalText(body, 'username')
    const name = optionalText(body, 'name')
    const groups = knownGroups(parts, textList(body, 'groups'))
    if (isRefusal(username)) return username
    if (isRefusal(name)) return name
    if (isRefusal(groups)) return groups
    const created = parts.directory.create({ username: username ?? '', name, groups })
    return withFound(created, async (person) => {
      await recordAdministration(parts, 'person.create', { username: person.username, groups })
      return view(parts, person)
    })
  },
  'POST /v1/people/{username}/groups': (parts, { parameters, body }) =>
    withFound(parts.directory.require(parameters['username'] ?? ''), async (person) => {
      const groups = knownGroups(parts, textList(body, 'groups'))
      if (isRefusal(groups)) return groups
      await parts.people.update(person.id, { groups })
      await parts.revocations.revoke('directory', person.id)
      parts.onPeopleChanged()
      await recordAdministration(parts, 'person.groups', { username: person.username, groups })
      return view(parts, { ...person, groups })
    }),
  'POST /v1/people/{username}/disable': (parts, { parameters }) =>
    withFound(parts.directory.require(parameters['username'] ?? ''), async (person) => {
      await parts.people.update(person.id, { disabled: true })
      await parts.revocations.revoke('person', person.id)
      const ended = await parts.sessions.endAll(person.id)
      await parts.directory.withdrawInvitations(person)
      parts.onPeopleChanged()
      await recordAdministration(parts, 'person.disable', { username: person.username, ended })
      return view(parts, { ...person, disabled: true })
    }),
  'POST /v1/people/{username}/enable': (parts, { parameters }) =>
    withFound(parts.directory.require(parameters['username'] ?? ''), async (person) => {
      await parts.people.update(person.id, { disabled: false })
      parts.onPeopleChanged()
      await recordAdministration(parts, 'person.enable', { username: person.username })
      return view(parts, { ...person, disabled: false })
    }),
  'POST /v1/people/{username}/invite': (parts, { parameters }) =>
    withFound(parts.directory.require(parameters['username'] ?? ''), (person) =>
      withFound(parts.directory.invite(person), async (ticket) => {
        await recordAdministration(parts, 'person.invite', { username: person.username })
        return {
          username: person.username,
          link: `${parts.identityBase()}/enrol/${ticket.secret}`,
          expiresAt: new Date(ticket.expiresAt).toISOString(),
        }
      }),
    ),
}

async function view(parts: AdminParts, person: Person): Promise<Record<string, unknown>> {
  const credentials = await parts.credentials.listFor(person.id)
  return {
    id: person.id,
    username: person.username,
    name: person.name,
    groups: parts.directory.groupsOf(person),
    disabled: person.disabled,
    credentials: credentials.length,
    createdAt: new Date(person.createdAt).toISOString(),
  }
}

function knownGroups(
  parts: AdminParts,
  groups: readonly string[] | Refusal,
): readonly string[] | Refusal {
  if (isRefusal(groups)) return groups
  const known = new Set(parts.groups())
  const unknown = groups.find((group) => !known.has(group))
  if (unknown === undefined) return groups
  return adminErrors.refuse('unknown_group', `found ${unknown}, expected ${[...known].join(', ')}`)
}

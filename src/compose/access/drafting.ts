import type { Drafting, Subject } from '../../analysis/index.ts'
import type { Configuration } from '../../config/index.ts'
import type { Person } from '../../identity/index.ts'
import { accessViewOf } from './view.ts'

/** For whom policies can be drafted: everybody for whom there are any, or one of them. */
export type DraftedFor = Pick<Subject, 'kind' | 'name'> | undefined

/** What drafts are made of; `undefined` when there is nobody of that name. */
export function draftingOf(
  configuration: Configuration,
  people: readonly Person[],
  wanted: DraftedFor,
): Drafting | undefined {
  const all = subjectsOf(configuration, people)
  const subjects =
    wanted === undefined
      ? all.filter(({ policies }) => policies.length > 0)
      : wanted.kind === 'person'
        ? asked(configuration, people, wanted.name)
        : all.filter(({ kind, name }) => kind === wanted.kind && name === wanted.name)
  if (wanted !== undefined && subjects.length === 0) return undefined
  return {
    view: accessViewOf(configuration),
    policies: new Map(configuration.policies.map((one) => [one.name, one])),
    subjects,
  }
}

function subjectsOf(
  { groups, roles, attachments, people: configured }: Configuration,
  people: readonly Person[],
): readonly Subject[] {
  const given = new Map(configured.map(({ username, groups }) => [username, groups]))
  const groupsOf = new Map(
    people.map((one) => [
      one.id as string,
      new Set([...one.groups, ...(given.get(one.username) ?? [])]),
    ]),
  )
  return [
    ...groups.map(({ name, policies }): Subject => ({
      kind: 'group',
      name,
      policies,
      // The groups of somebody another issuer vouched for are not recorded: they may be of each.
      includes: (caller, role) =>
        role === undefined &&
        (caller.kind === 'external' ||
          (caller.kind === 'person' && groupsOf.get(caller.id)?.has(name) === true)),
    })),
    ...roles.map(({ name, policies }): Subject => ({
      kind: 'role',
      name,
      policies,
      includes: (_, role) => role === name,
    })),
    ...attachments.map(({ username, policies }) => personal(username, policies)),
  ]
}

/** Everything that a person has without a role, not only what is attached to them alone. */
function asked(
  { groups, people: configured, attachments }: Configuration,
  people: readonly Person[],
  username: string,
): readonly Subject[] {
  const person = people.find((one) => one.username === username)
  if (person === undefined) return []
  const given = configured.find((one) => one.username === username)?.groups ?? []
  const names = new Set([...person.groups, ...given])
  const own = attachments.filter((one) => one.username === username)
  const all = [...groups.filter(({ name }) => names.has(name)), ...own]
  return [
    personal(
      username,
      all.flatMap(({ policies }) => policies),
    ),
  ]
}

function personal(name: string, policies: readonly string[]): Subject {
  return {
    kind: 'person',
    name,
    policies,
    includes: (caller, role) =>
      role === undefined && caller.kind === 'person' && caller.username === name,
  }
}

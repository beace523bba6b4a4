import type { Draft, NamedSection } from '../draft.ts'
import type { Configuration, ConfiguredGroup, ConfiguredPerson } from '../model.ts'
import { quote } from '../problems.ts'
import type { Path, ProblemCode } from '../problems.ts'
import { limitsOf } from './authenticators.ts'

/** People, groups and what is attached to whom; every name must lead somewhere. */
export function resolvePeople(
  draft: Draft,
): Pick<Configuration, 'people' | 'groups' | 'attachments'> {
  const { shape } = draft
  const people = shape.people.map((person, index) => resolvePerson(draft, person, index))
  checkDuplicates(draft, people)
  const groups = Object.entries(shape.groups).map(([name, group]): ConfiguredGroup => {
    checkReferences(draft, ['groups', name, 'policies'], group.policies, 'policies')
    return {
      name,
      description: group.description ?? '',
      policies: group.policies,
      authenticators:
        group.authenticators === undefined ? undefined : limitsOf(group.authenticators),
    }
  })
  const attachments = Object.entries(shape.attachments).map(([username, policies]) => {
    checkAttached(draft, username, people)
    checkReferences(draft, ['attachments', username], policies, 'policies')
    return { username, policies }
  })
  warnOfEmptyGroups(draft, people)
  return { people, groups, attachments }
}

function resolvePerson(
  draft: Draft,
  person: Draft['shape']['people'][number],
  index: number,
): ConfiguredPerson {
  const { username, groups, boundary } = person
  checkReferences(draft, ['people', index, 'groups'], groups, 'groups')
  if (boundary !== undefined) {
    checkReference(draft, ['people', index, 'boundary'], boundary, 'policies')
  }
  if (person.name === undefined) draft.derive(['people', index, 'name'], username)
  return { username, name: person.name ?? username, groups, boundary, tags: { ...person.tags } }
}

function checkDuplicates(draft: Draft, people: readonly ConfiguredPerson[]): void {
  const seen = new Set<string>()
  for (const [index, { username }] of people.entries()) {
    if (seen.has(username)) {
      draft.report(['people', index, 'username'], {
        code: 'config.username-duplicate',
        message: `found ${quote(username)} a second time, expected each person once`,
        hint: 'Merge the two entries.',
      })
    }
    seen.add(username)
  }
}

function checkAttached(draft: Draft, username: string, people: readonly ConfiguredPerson[]): void {
  if (people.some((person) => person.username === username)) return
  const listed = (draft.located.value as { people?: unknown }).people
  const isListed = Array.isArray(listed) && listed.some((item) => hasUsername(item, username))
  if (isListed) return
  draft.report(
    ['attachments', username],
    {
      code: 'config.unknown-person',
      message: `found ${quote(username)}, expected one of the people`,
      hint: 'Add the person to `people`, or attach the policy to a group.',
    },
    'key',
  )
}

function hasUsername(item: unknown, username: string): boolean {
  return typeof item === 'object' && item !== null && Reflect.get(item, 'username') === username
}

const unknownCodes: Readonly<Record<NamedSection, ProblemCode>> = {
  groups: 'config.unknown-group',
  policies: 'config.unknown-policy',
  roles: 'config.unknown-role',
  upstreams: 'config.unknown-upstream',
  issuers: 'config.unknown-authorizer',
}

/** Each name of a list must be an entry of the section. */
export function checkReferences(
  draft: Draft,
  path: Path,
  names: readonly string[],
  section: NamedSection,
): void {
  for (const [index, name] of names.entries()) {
    checkReference(draft, [...path, index], name, section)
  }
}

export function checkReference(
  draft: Draft,
  path: Path,
  name: string,
  section: NamedSection,
  others: readonly string[] = [],
): boolean {
  if (others.includes(name) || draft.knows(section, name)) return true
  const known = [...others, ...draft.names(section)]
  draft.report(path, {
    code: unknownCodes[section],
    message: `found ${quote(name)}, expected ${known.length === 0 ? `an entry of \`${section}\`` : `one of ${known.slice(0, 20).join(', ')}`}`,
    hint: `Add ${quote(name)} to \`${section}\`, or mend the name.`,
  })
  return false
}

function warnOfEmptyGroups(draft: Draft, people: readonly ConfiguredPerson[]): void {
  const used = new Set(people.flatMap((person) => person.groups))
  for (const name of Object.keys(draft.shape.groups)) {
    if (used.has(name)) continue
    draft.warn(['groups', name], {
      code: 'config.warn-empty-group',
      message: `found no one in the group ${quote(name)}, expected somebody`,
      hint: 'That is fine when people are put into it with the command line.',
    })
  }
}

import type { Configuration, ConfiguredPerson, ConfiguredPolicy } from '../../config/index.ts'
import { invoke } from '../../gateway/index.ts'
import type { PolicyDirectory } from '../../gateway/index.ts'
import { compilePolicies } from '../../policy/index.ts'
import type { CompiledPolicies, PolicySource } from '../../policy/index.ts'
import { Mandates, roleArn } from '../../roles/index.ts'
import type { Attached } from '../../roles/index.ts'

/** Compiles each set of policies that somebody has once. */
export function policyDirectory(configuration: Configuration): PolicyDirectory {
  const { account, groups, attachments, people } = configuration
  const identities = new Compiled(configuration.policies)
  const boundaries = new Compiled(configuration.boundaries)
  const ofGroup = new Map(groups.map((group) => [group.name, group.policies]))
  const ofPerson = new Map(attachments.map((one) => [one.username, one.policies]))
  const boundaryOf = new Map(people.map((person) => [person.username, person.boundary]))
  const tags = new Map(people.map((person) => [person.username, tagsOf(person)]))
  const known = new Map<string, Attached>()
  const attachedOf = (names: readonly string[], boundary: string | undefined): Attached => {
    const distinct = [...new Set(names)].sort()
    const key = [boundary ?? '', ...distinct].join('\n')
    const found = known.get(key)
    if (found !== undefined) return found
    const fresh = {
      key,
      identity: identities.of(distinct),
      boundary: boundary === undefined ? undefined : boundaries.of([boundary]),
    }
    known.set(key, fresh)
    return fresh
  }
  const ofGroups = (names: readonly string[]): readonly string[] =>
    names.flatMap((name) => ofGroup.get(name) ?? [])
  return {
    account,
    forPerson: (username, groups) =>
      attachedOf(
        [...ofGroups(groups), ...(ofPerson.get(username) ?? [])],
        boundaryOf.get(username),
      ),
    forGroups: (groups) => attachedOf(ofGroups(groups), undefined),
    tagsOf: (username) => tags.get(username) ?? noTags,
    mandates: mandatesOf(configuration, { identities, boundaries }),
  }
}

const noTags: ReadonlyMap<string, string> = new Map()

/** By lower-case name: condition keys are not case-sensitive. */
function tagsOf({ tags }: Pick<ConfiguredPerson, 'tags'>): ReadonlyMap<string, string> {
  return new Map(Object.entries(tags).map(([name, value]) => [name.toLowerCase(), value]))
}

function mandatesOf(
  { account, roles, credentialRoles }: Configuration,
  { identities, boundaries }: { identities: Compiled; boundaries: Compiled },
): Mandates {
  return new Mandates({
    roles: roles.map((role) => ({
      name: role.name,
      arn: roleArn(account, role.name),
      description: role.description,
      trust: compilePolicies([{ ...role.trust, role: role.name }]),
      identity: identities.inRole(role.name, role.policies),
      boundary:
        role.boundary === undefined ? undefined : boundaries.inRole(role.name, [role.boundary]),
      automatic: role.automatic,
      maximumSession: role.maxSession,
      tags: tagsOf(role),
    })),
    restrictions: new Map(
      credentialRoles.map(({ credential, roles, until }) => [
        credential,
        { roles: new Set(roles), until },
      ]),
    ),
  })
}

/** What is attached to an API itself. */
export function compiledDocument(
  policy: ConfiguredPolicy | undefined,
): CompiledPolicies | undefined {
  return policy === undefined ? undefined : compiledToInvoke([policy])
}

/** Ready for what the gateway asks. */
function compiledToInvoke(sources: readonly PolicySource[]): CompiledPolicies {
  const compiled = compilePolicies(sources)
  const action = invoke.toLowerCase()
  compiled.denies.prepare(action)
  compiled.allows.prepare(action)
  return compiled
}

/** Sets of policies that are compiled ahead of requests at most. */
const mostAhead = 256
/** Fewer statements are compiled in less time than anybody notices. */
const fewStatements = 256

/**
 * Compiles what the people of the configuration are going to be asked about, so that none of their requests
 * waits for it. Small installations start as they did.
 */
export function compileAhead(
  directory: Pick<PolicyDirectory, 'forPerson' | 'forGroups'>,
  { policies, people, groups, attachments }: Configuration,
): void {
  const statements = policies.reduce((sum, { document }) => sum + document.statements.length, 0)
  if (statements <= fewStatements) return
  const combinations = new Map(people.map((one) => [[...one.groups].sort().join('\n'), one.groups]))
  const single = groups.map(({ name }) => [name])
  for (const names of [...single, ...combinations.values()].slice(0, mostAhead)) {
    directory.forGroups(names)
  }
  const groupsOf = new Map(people.map((one) => [one.username, one.groups]))
  for (const { username } of attachments.slice(0, mostAhead)) {
    directory.forPerson(username, groupsOf.get(username) ?? [])
  }
}

/** Policies by name, each set of them compiled once. */
class Compiled {
  readonly #sources: ReadonlyMap<string, PolicySource>
  readonly #sets = new Map<string, CompiledPolicies>()

  constructor(policies: readonly ConfiguredPolicy[]) {
    this.#sources = new Map(policies.map((policy) => [policy.name, policy]))
  }

  /**
   * The policies of these names, in their order.
   *
   * Invariant: one that is missing is a fault of ours. A boundary that nobody finds must not become none.
   */
  of(names: readonly string[]): CompiledPolicies {
    const key = names.join('\n')
    const known = this.#sets.get(key)
    if (known !== undefined) return known
    const compiled = compiledToInvoke(names.map((name) => this.#source(name)))
    this.#sets.set(key, compiled)
    return compiled
  }

  /** The same, so that decisions name the role. */
  inRole(role: string, names: readonly string[]): CompiledPolicies {
    return compiledToInvoke(names.map((name) => ({ ...this.#source(name), role })))
  }

  #source(name: string): PolicySource {
    const source = this.#sources.get(name)
    if (source === undefined) {
      throw new TypeError('a checked configuration names no unknown policy')
    }
    return source
  }
}

import type { Command } from 'commander'
import type { JsonObject } from '../../core/index.ts'
import { withAdministration } from '../admin-client.ts'
import type { LaunchOptions } from '../launch.ts'
import { example, withJson, withLocation } from '../options.ts'
import { print, table } from '../output.ts'

interface ShownRole {
  readonly name: string
  readonly arn: string
  readonly description: string
  readonly automatic: boolean
  readonly policies: readonly string[]
  readonly boundary: string | null
  readonly maxSession: string
  readonly tags: Readonly<Record<string, string>>
  readonly trust: readonly {
    readonly statement: string
    readonly effect: string
    readonly place: string | null
    readonly principal: readonly string[]
    readonly conditions: readonly { operator: string; key: string; values: readonly string[] }[]
  }[]
  readonly credentials: readonly { credential: string; until: string | null }[]
}

/** `proofgate roles list` and `proofgate roles show NAME`. */
export function registerRoles(program: Command): void {
  const roles = program.command('roles').description('show the roles of the configuration')
  const list = withJson(withLocation(roles.command('list')))
    .description('every role, with what it allows')
    .action(async (options: LaunchOptions) => {
      const answer = await withAdministration(options, (call) => call('GET', '/v1/roles'))
      print(options, answer, listed(answer))
    })
  example(list, 'roles list')
  const show = withJson(withLocation(roles.command('show')))
    .argument('<name>', 'name of the role, as `proofgate roles list` shows it')
    .description('one role, with who may have it')
    .action(async (name: string, options: LaunchOptions) => {
      const path = `/v1/roles/${encodeURIComponent(name)}`
      const answer = await withAdministration(options, (call) => call('GET', path))
      print(options, answer, shown(answer as unknown as ShownRole))
    })
  example(show, 'roles show order-writer')
}

function listed(answer: JsonObject): string {
  const roles = answer['roles'] as unknown as readonly ShownRole[]
  if (roles.length === 0) return 'the configuration in force has no roles'
  const rows = roles.map(({ name, automatic, policies, boundary, maxSession, description }) => [
    name,
    automatic,
    policies.join(', '),
    boundary ?? '-',
    maxSession,
    description,
  ])
  return table(['NAME', 'AUTOMATIC', 'POLICIES', 'BOUNDARY', 'MAX SESSION', 'DESCRIPTION'], rows)
}

function shown(role: ShownRole): string {
  const tags = Object.entries(role.tags).map(([name, value]) => `${name}=${value}`)
  const facts = table(
    ['', ''],
    [
      ['role', role.name],
      ['arn', role.arn],
      ['description', role.description],
      ['automatic', role.automatic],
      ['policies', role.policies.join(', ')],
      ['boundary', role.boundary ?? '-'],
      ['max session', role.maxSession],
      ['tags', tags.join(', ')],
      ...role.credentials.map(({ credential, until }) => [
        'passkey',
        until === null ? credential : `${credential} until ${until}`,
      ]),
    ],
  ).trimStart()
  const trust = table(
    ['STATEMENT', 'EFFECT', 'PRINCIPAL', 'PLACE', 'CONDITIONS'],
    role.trust.map(({ statement, effect, principal, place, conditions }) => [
      statement,
      effect,
      principal.join(', '),
      place ?? '-',
      conditions
        .map(({ operator, key, values }) => `${operator} ${key} ${values.join(' or ')}`)
        .join('; '),
    ]),
  )
  return `${facts}\n\n${trust}`
}

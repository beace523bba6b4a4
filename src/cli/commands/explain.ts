import { join } from 'node:path'
import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { ProofgateError } from '../../core/index.ts'
import type { StoredRecord } from '../../audit/index.ts'
import type { Explanation } from '../../analysis/index.ts'
import { withAdministration } from '../admin-client.ts'
import { dataDirectoryOf } from '../loading.ts'
import type { LaunchOptions } from '../launch.ts'
import { example, withJson, withLocation } from '../options.ts'
import { print, table } from '../output.ts'

interface ExplainOptions extends LaunchOptions {
  readonly as?: string
  readonly address?: string
  readonly at?: string
  readonly fact?: Facts
  readonly role?: string
  readonly credential?: string
}

type Facts = Readonly<Record<string, readonly string[]>>

/** `proofgate explain METHOD URL --as PERSON` and `proofgate explain REQUEST-ID`. */
export function registerExplain(program: Command): void {
  const command = withJson(withLocation(program.command('explain')))
    .argument('<method>', 'method of a request, or the id of a recorded one')
    .argument('[url]', 'the whole address, with http:// or https://')
    .option('--as <person>', 'username of the caller (default: nobody)')
    .option('--address <address>', 'source address of the caller (default: 127.0.0.1)')
    .option('--at <time>', 'when, in ISO 8601 (default: now)', parseTime)
    .option('--role <role>', 'a role the caller took')
    .option('--credential <id>', 'the passkey of the caller (default: one with user verification)')
    .option('--fact <key=value>', 'a fact of the request; again for more', parseFact)
    .description('why a request would be let through or not, and what would be done with it')
    .action(async (method: string, url: string | undefined, options: ExplainOptions) => {
      const record = url === undefined ? await recordOf(method, options) : undefined
      const asked = record === undefined ? { method, url } : askedBy(record)
      const { as, at, address, role, credential, fact: facts } = options
      const given = Object.entries({ as, at, address, role, credential }).filter(
        ([, value]) => value !== undefined,
      )
      const answer = await withAdministration(options, (call) =>
        call('POST', '/v1/explain', {
          ...asked,
          ...Object.fromEntries(given),
          facts: { ...asked.facts, ...facts },
        }),
      )
      const explanation = answer as unknown as Explanation
      const recorded = record === undefined ? undefined : recordedOf(record)
      const whole = recorded === undefined ? answer : { ...answer, recorded }
      print(options, whole, textOf(explanation, recorded))
      if (explanation.answer !== 'allow') process.exitCode = 2
    })
  example(
    command,
    'explain GET http://api.proofgate.localhost:8080/orders/1 --as alice',
    'explain DELETE http://api.proofgate.localhost:8080/orders/1 --as alice --fact proofgate:AuthAge=30',
    'explain GET http://api.proofgate.localhost:8080/orders/1 --as alice --role reader',
    'explain 5b1ac2f0-6f2e-4c39-9d0b-1f5a6c1e2d3f',
  )
}

function parseTime(text: string): string {
  if (Number.isNaN(Date.parse(text))) {
    throw new InvalidArgumentError('a time is written in ISO 8601, such as 2026-11-22T09:00:00Z')
  }
  return text
}

function parseFact(text: string, before: Facts = {}): Facts {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('a fact is a condition key, "=", and its value')
  const [key, value] = [text.slice(0, at), text.slice(at + 1)]
  const known = Object.hasOwn(before, key) ? (before[key] ?? []) : []
  return { ...before, [key]: [...known, value] }
}

async function recordOf(id: string, options: LaunchOptions): Promise<StoredRecord> {
  const { findRecord } = await import('../../audit/index.ts')
  const wanted = /^\d{1,15}$/.test(id) ? Number(id) : id
  const record = await findRecord(join(dataDirectoryOf(options), 'audit'), wanted)
  if (record?.kind !== 'decision') {
    throw new ProofgateError('audit.unknown_record', `there is no recorded request ${id}`, {
      hint: 'Ids are in the x-request-id of every answer; or write `proofgate explain METHOD URL`.',
    })
  }
  return record
}

interface Asked {
  readonly method: string
  readonly url: string | undefined
  readonly facts?: Facts
}

/** The recorded request again. What the record does not say is open, not absent. */
function askedBy({ what, who, where, at }: StoredRecord): Asked & Record<string, unknown> {
  const text = (name: string): string => String(what?.[name] ?? '')
  const caller = { as: who?.username, role: what?.['assumedRole'], address: where?.address }
  return {
    method: text('method'),
    url: `http://${text('host')}${text('path')}`,
    at,
    open: true,
    facts: factsIn({ who, where }),
    ...Object.fromEntries(Object.entries(caller).filter(([, value]) => value !== undefined)),
  }
}

function factsIn({
  who,
  where,
}: {
  who: StoredRecord['who']
  where: StoredRecord['where']
}): Facts {
  const known = {
    'aws:UserAgent': where?.userAgent,
    'proofgate:CredentialId': who?.credential,
    'proofgate:ClientId': who?.client,
  }
  return Object.fromEntries(
    Object.entries(known).flatMap(([key, value]) => (value === undefined ? [] : [[key, [value]]])),
  )
}

/** What was decided at the time. */
interface Recorded {
  readonly id: string
  readonly at: string
  readonly outcome: string
  readonly reason: string
  readonly policy: string | undefined
  readonly statement: string | undefined
  readonly configuration: string | undefined
}

function recordedOf({ id, at, outcome, reason, what }: StoredRecord): Recorded {
  const text = (name: string): string | undefined => {
    const value = what?.[name]
    return typeof value === 'string' ? value : undefined
  }
  return {
    id,
    at,
    outcome,
    reason,
    policy: text('policy'),
    statement: text('statement'),
    configuration: text('configuration'),
  }
}

function textOf(explanation: Explanation, recorded: Recorded | undefined): string {
  const { statements, answer, reason, decidedBy, remedies } = explanation
  const judged =
    statements.length === 0
      ? withoutStatements(explanation)
      : table(
          ['RESULT', 'EFFECT', 'POLICY', 'STATEMENT', 'PLACE', 'WHY'],
          statements.map((one) => [
            one.result,
            one.effect,
            one.role === undefined ? one.policy : `${one.role}/${one.policy}`,
            one.statement,
            one.place,
            [one.detail, ...one.further].join('; and '),
          ]),
        )
  const by =
    decidedBy === undefined
      ? ''
      : `, by ${decidedBy.policy}/${decidedBy.statement}${decidedBy.place === undefined ? '' : ` (${decidedBy.place})`}`
  const change =
    remedies.length === 0 ? '' : `\nto let it through:\n${remedies.map(bullet).join('\n')}`
  const sections = [
    factsOf(explanation, recorded),
    ...rolesOf(explanation),
    judged,
    `answer: ${answer} (${reason})${by}${change}`,
    ...proofOf(explanation),
  ]
  return sections.join('\n\n')
}

/** What the gateway would ask for before it lets the request through. */
function proofOf({ answer, proof }: Explanation): readonly string[] {
  if (proof === undefined) return []
  const { self, others, groups } = proof.approvers
  const people = others === 0 ? [] : [`${others} of ${groups.join(' or ')}`]
  const who = [...(self ? ['the caller'] : []), ...people].join(' and ')
  const touch = `a touch of a key for exactly this request, by ${who}`
  return answer === 'allow'
    ? [`proof: it is let through only with ${touch}`]
    : [`proof: the gateway asks for ${touch}, and decides again with it`]
}

function withoutStatements({ route, roles }: Explanation): string {
  if (route === undefined) return 'no policy was asked: the request leads to no route'
  return roles.length === 0
    ? 'no policy was asked, or none is attached to this caller'
    : 'no policy is attached to this caller'
}

/** Roles that are there, with whether the caller has them. */
function rolesOf({ roles, role: taken }: Explanation): readonly string[] {
  if (roles.length === 0) return []
  const rows = roles.map(({ role, automatic, held, why }) => [
    role,
    role === taken ? 'taken' : automatic ? 'automatic' : 'to be taken',
    held,
    why,
  ])
  return [table(['ROLE', 'KIND', 'HELD', 'WHY'], rows)]
}

function bullet(text: string): string {
  return `  - ${text}`
}

function factsOf(explanation: Explanation, recorded: Recorded | undefined): string {
  const { groups } = explanation
  return table(
    ['', ''],
    [
      ['request', `${explanation.method} ${explanation.url}`],
      ...recordedRows(recorded),
      [
        'caller',
        `${explanation.principal}  groups: ${groups.length === 0 ? '-' : groups.join(', ')}`,
      ],
      ['api', explanation.api],
      ['route', explanation.route],
      ['authorizer', explanation.authorizer],
      ['resource', explanation.resource],
      ...prospectRows(explanation.prospect),
      ...throttleRows(explanation.throttle),
    ],
  ).trimStart()
}

function recordedRows(recorded: Recorded | undefined): string[][] {
  if (recorded === undefined) return []
  const { policy, statement = '', at, outcome, reason } = recorded
  const by = policy === undefined ? '' : `, by ${policy}/${statement}`
  return [['recorded', `${outcome} (${reason})${by}, at ${at}`]]
}

function throttleRows(throttle: Explanation['throttle']): string[][] {
  if (throttle === undefined) return []
  const { principal, route } = throttle
  const rows = [['per caller', `${principal.rate}/s, burst ${principal.burst}`]]
  if (route !== undefined) rows.push(['whole route', `${route.rate}/s, burst ${route.burst}`])
  return rows
}

/** What happens to the request when it is let through. */
function prospectRows(prospect: Explanation['prospect']): string[][] {
  if (prospect === undefined) return []
  const { action, upstream = '', target = '', status, location, mirror } = prospect
  if (action !== 'forward') {
    return [['then', `${action} ${status}${location === undefined ? '' : ` to ${location}`}`]]
  }
  const forwarded = ['then', `forward ${target} to ${upstream}`]
  if (mirror === undefined) return [forwarded]
  return [forwarded, ['copies', `${mirror.percent} % to ${mirror.upstream}`]]
}

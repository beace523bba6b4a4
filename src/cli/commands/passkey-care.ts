import type { Command } from 'commander'
import type { JsonObject } from '../../core/index.ts'
import { withAdministration } from '../admin-client.ts'
import type { LaunchOptions } from '../launch.ts'
import { example, withJson, withLocation } from '../options.ts'
import { print, table } from '../output.ts'

type Row = Readonly<Record<string, unknown>>

const columns: readonly (readonly [head: string, member: string])[] = [
  ['USERNAME', 'username'],
  ['ID', 'id'],
  ['MODEL', 'model'],
  ['STANDING', 'standing'],
  ['REPLACE BY', 'replaceBy'],
  ['LAST USED', 'lastUsedAt'],
  ['ATTESTED', 'attested'],
  ['SYNCED', 'synced'],
  ['SEALED', 'sealed'],
]

/** `credentials report`: whose passkeys have to be replaced, and who has too few. */
export function registerCredentialReport(credentials: Command): void {
  const report = withJson(withLocation(credentials.command('report')))
    .option('--due', 'only passkeys that are due, overdue, lapsed or unused')
    .description('where passkeys stand by age and use, and who has only one or fewer than needed')
    .action(async (options: LaunchOptions & { due?: boolean }) => {
      const answer = await withAdministration(options, (call) =>
        call('GET', '/v1/credentials/report'),
      )
      const shown = options.due === true ? { ...answer, credentials: dueOnly(answer) } : answer
      print(options, shown, printReport(shown))
    })
  example(report, 'credentials report --due')
}

function rowsOf(answer: JsonObject, member: string): readonly Row[] {
  return answer[member] as unknown as readonly Row[]
}

function dueOnly(answer: JsonObject): JsonObject[] {
  const rows = rowsOf(answer, 'credentials').filter(({ standing }) => standing !== 'current')
  return rows as JsonObject[]
}

function printReport(answer: JsonObject): string {
  const credentials = table(
    columns.map(([head]) => head),
    rowsOf(answer, 'credentials').map((row) => columns.map(([, member]) => row[member])),
  )
  const short = rowsOf(answer, 'people').map(
    ({ username, credentials: count, wanted }) =>
      `${String(username)} has ${String(count)}, should have ${String(Math.max(2, Number(wanted)))}`,
  )
  return [credentials, ...short].join('\n')
}

/** `recover`: an enrolment link that works once somebody else has approved it. */
export function registerRecover(program: Command): void {
  const recover = withJson(withLocation(program.command('recover')))
    .argument('<username>', 'who has lost their passkeys')
    .requiredOption('--reason <text>', 'why, for whoever approves')
    .description('make an enrolment link that works once somebody else has approved it')
    .action(async (username: string, options: LaunchOptions & { reason: string }) => {
      const { reason } = options
      const answer = await withAdministration(options, (call) =>
        call('POST', `/v1/people/${encodeURIComponent(username)}/recover`, { reason }),
      )
      print(options, answer, printRecovery(answer))
    })
  example(recover, 'recover alice --reason "lost her key, known by voice"')
}

function printRecovery(answer: JsonObject): string {
  const { link, approval, approvers, code, approveUntil } = answer as Record<string, unknown>
  return [
    String(link),
    '',
    `It works once, for 15 minutes after somebody in ${String(approvers)} has approved it at`,
    `${String(approval)} (code ${String(code)}, until ${String(approveUntil)})`,
  ].join('\n')
}

/** `credentials seal` and `unseal`: passkeys for emergencies. */
export function registerSealing(credentials: Command): void {
  const texts = {
    seal: 'keep a passkey for emergencies: it signs in only when the person says why, and raises an alarm',
    unseal: 'make a passkey for emergencies one for every day again',
  }
  for (const verb of ['seal', 'unseal'] as const) {
    const command = withJson(withLocation(credentials.command(verb)))
      .argument('<id>', 'credential id; write -- before one that begins with a dash')
      .description(texts[verb])
      .action(async (id: string, options: LaunchOptions) => {
        const path = `/v1/credentials/${encodeURIComponent(id)}/${verb}`
        const answer = await withAdministration(options, (call) => call('POST', path, {}))
        print(options, answer, `${verb}ed ${id}`)
      })
    example(command, `credentials ${verb} AbCdEf...`)
  }
}

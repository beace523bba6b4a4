import type { Command } from 'commander'
import { withAdministration } from '../admin-client.ts'
import type { LaunchOptions } from '../launch.ts'
import { example, withJson, withLocation } from '../options.ts'
import { print, table } from '../output.ts'

/** One who is told of events, as the administration reports it. */
interface Told {
  readonly kind: string
  readonly name: string
  readonly to: string
  readonly state: string
  readonly behind: number
  readonly waiting: number | null
  readonly problem: string | null
  readonly deliveredAt: string | null
}

interface Family {
  readonly command: string
  readonly kind: 'webhook' | 'receiver'
  readonly about: string
  readonly test: { readonly name: string; readonly about: string }
}

const families: readonly Family[] = [
  {
    command: 'webhooks',
    kind: 'webhook',
    about: 'webhooks: how it goes with them, test one, try one again',
    test: { name: 'test', about: 'send an event that stands for nothing, at once' },
  },
  {
    command: 'signals',
    kind: 'receiver',
    about: 'shared signals: how it goes with their receivers, verify one, try one again',
    test: {
      name: 'verify',
      about: 'send a verification event (SSF 1.0); for one that polls, it waits to be fetched',
    },
  },
]

/** Commands around those who are told of events. */
export function registerSignals(program: Command): void {
  for (const family of families) {
    const group = program.command(family.command).description(family.about)
    registerList(group, family)
    registerTest(group, family)
    registerRetry(group, family)
  }
}

function registerList(group: Command, { command, kind }: Family): void {
  const list = withJson(withLocation(group.command('list')))
    .description('who is told, how far behind they are, and what keeps them')
    .action(async (options: LaunchOptions) => {
      const answer = await withAdministration(options, (call) => call('GET', '/v1/signals'))
      const all = answer['signals'] as unknown as readonly Told[]
      const own = all.filter((one) => one.kind === kind)
      const rows = own.map((one) => [
        one.name,
        one.to,
        one.state,
        one.waiting ?? one.behind,
        one.deliveredAt ?? 'never',
        one.problem ?? '',
      ])
      const head = ['NAME', 'TO', 'STATE', 'WAITING', 'LAST', 'PROBLEM']
      print(options, { [command]: own }, table(head, rows))
    })
  example(list, `${command} list`)
}

function registerTest(group: Command, { command, kind, test }: Family): void {
  const run = withJson(withLocation(group.command(test.name)))
    .argument('<name>', 'as in the configuration')
    .description(test.about)
    .action(async (name: string, options: LaunchOptions) => {
      const path = `/v1/signals/${kind}/${encodeURIComponent(name)}/test`
      const answer = await withAdministration(options, (call) => call('POST', path, {}))
      const { delivered, problem } = answer as { delivered?: boolean; problem?: string }
      print(options, answer, delivered === true ? 'delivered' : `not delivered: ${problem}`)
      if (delivered !== true) process.exitCode = 1
    })
  example(run, `${command} ${test.name} siem`)
}

function registerRetry(group: Command, { command, kind }: Family): void {
  const retry = withJson(withLocation(group.command('retry')))
    .argument('<name>', 'as in the configuration')
    .option('--skip', 'leave out the event that could not be told')
    .description('go on where it was given up, at once')
    .action(async (name: string, options: LaunchOptions & { skip?: boolean }) => {
      const path = `/v1/signals/${kind}/${encodeURIComponent(name)}/retry`
      const skip = options.skip === true
      const answer = await withAdministration(options, (call) => call('POST', path, { skip }))
      print(options, answer, `tried again: ${name}`)
    })
  example(retry, `${command} retry siem`, `${command} retry siem --skip`)
}

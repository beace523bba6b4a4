import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import type { FleetState } from '../../compose/index.ts'
import type { JsonObject } from '../../core/index.ts'
import { withAdministration } from '../admin-client.ts'
import type { Call } from '../admin-client.ts'
import type { LaunchOptions } from '../launch.ts'
import { example, withJson, withLocation } from '../options.ts'
import { print, say, table } from '../output.ts'

const askEvery = 250
/** What takes longer is told how far it is. */
const patience = 2000

/** `credentials judge`: everybody's passkeys by the rules, anchors and metadata of now. */
export function registerJudging(credentials: Command): void {
  const judge = withJson(withLocation(credentials.command('judge')))
    .description(
      'judge all passkeys by the rules, anchors and metadata of now, and act as configured',
    )
    .action(async (options: LaunchOptions) => {
      const state = await withAdministration(options, async (call) => {
        await call('POST', '/v1/credentials/judge', {})
        return followJudging(call)
      })
      print(options, state, printJudging(state))
    })
  example(judge, 'credentials judge')
}

/** Waits for the judging that is under way, and says on standard error how far it is. */
export async function followJudging(call: Call): Promise<FleetState> {
  const begun = performance.now()
  let toldAt = begun
  for (;;) {
    const state = (await call('GET', '/v1/credentials/judging')) as JsonObject & FleetState
    if (!state.running) return state
    if (performance.now() - begun > patience && performance.now() - toldAt > patience) {
      toldAt = performance.now()
      say(`judged ${state.done} of ${state.total} passkeys`)
    }
    await delay(askEvery)
  }
}

const columns = ['username', 'id', 'model', 'state', 'trusted', 'finding', 'done'] as const

export function printJudging(state: FleetState): string {
  const { counts, credentials = [], problem, done, total } = state
  if (problem !== undefined) return problem
  const acts = Object.entries(counts ?? {}).flatMap(([act, count]) =>
    count > 0 ? [`${act.replace('_', ' ')} ${count}`] : [],
  )
  const summary = [`judged ${done} of ${total} passkeys`, ...acts].join(', ')
  if (credentials.length === 0) return summary
  const head = columns.map((column) => column.toUpperCase())
  const rows = credentials.map((row) => columns.map((column) => row[column]))
  const more = (state.unlisted ?? 0) > 0 ? [`and ${state.unlisted} more`] : []
  return [summary, table(head, rows), ...more].join('\n')
}

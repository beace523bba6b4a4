import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { JsonObject } from '../../core/index.ts'
import type { Imported } from '../../metadata/index.ts'
import { withAdministration } from '../admin-client.ts'
import type { LaunchOptions } from '../launch.ts'
import { example, withJson, withLocation } from '../options.ts'
import { print, say, table } from '../output.ts'
import { followJudging, printJudging } from './judging.ts'

const columns = ['id', 'username', 'model', 'proved', 'verdict', 'reasons']

/** Commands around FIDO metadata. */
export function registerMetadata(program: Command): void {
  const metadata = program
    .command('mds')
    .description('FIDO metadata: import a list, show which one is in force and whom it warns of')
  const load = withJson(withLocation(metadata.command('import')))
    .argument('<file>', 'a signed list (a BLOB of the FIDO Metadata Service)')
    .description(
      'verify a list by the configured roots, put it in force, and judge all passkeys again',
    )
    .action(async (file: string, options: LaunchOptions) => {
      const { imported, judging } = await withAdministration(options, async (call) => ({
        imported: await call('POST', '/v1/metadata/import', { file: resolve(file) }),
        judging: await followJudging(call),
      }))
      const text = `${importLine(imported)}\n${printJudging(judging)}`
      print(options, { ...imported, judging }, text)
    })
  example(load, 'mds import blob.jwt')
  const status = withJson(withLocation(metadata.command('status')))
    .description('the list in force, how old it is, and how many models it warns of')
    .action(async (options: LaunchOptions) => {
      const answer = await withAdministration(options, (call) => call('GET', '/v1/metadata'))
      print(options, answer, table(['KEY', 'VALUE'], Object.entries(answer)))
    })
  example(status, 'mds status')
  const report = withJson(withLocation(metadata.command('report')))
    .description('passkeys of models that the list in force warns of or blocks')
    .action(async (options: LaunchOptions) => {
      const answer = await withAdministration(options, (call) => call('GET', '/v1/metadata/report'))
      const { state } = answer as { state?: string }
      if (state !== 'current') say(`FIDO metadata: ${state}; \`proofgate mds status\` says more`)
      const rows = answer['credentials'] as unknown as Record<string, unknown>[]
      const head = columns.map((column) => column.toUpperCase())
      const lines = rows.map((row) => columns.map((column) => row[column]))
      print(options, answer, table(head, lines))
    })
  example(report, 'mds report')
}

function importLine(answer: JsonObject): string {
  const { no, models, nextUpdate, changed } = answer as unknown as Imported
  const what = changed ? 'in force' : 'in force already'
  return `${what}: list ${no}, ${models} models, next update ${nextUpdate}`
}

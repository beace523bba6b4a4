import { resolve } from 'node:path'
import type { Command } from 'commander'
import { ProofgateError } from '../../core/index.ts'
import type { JsonObject } from '../../core/index.ts'
import type { Imported, ImportedRevocationLists } from '../../metadata/index.ts'
import { withAdministration } from '../admin-client.ts'
import type { Call } from '../admin-client.ts'
import { withDownload } from '../download.ts'
import type { LaunchOptions } from '../launch.ts'
import { example, withJson, withLocation } from '../options.ts'
import { plain, print, say, table } from '../output.ts'
import { followJudging, printJudging } from './judging.ts'

const columns = ['id', 'username', 'model', 'proved', 'verdict', 'reasons']

/** Commands around FIDO metadata. */
export function registerMetadata(program: Command): void {
  const metadata = program
    .command('mds')
    .description(
      'FIDO metadata: import or fetch a list, show which one is in force and whom it warns of',
    )
  const load = withJson(withLocation(metadata.command('import')))
    .argument(
      '<file>',
      'a signed list (a BLOB of the FIDO Metadata Service), or lists of revoked certificates (CRL)',
    )
    .description(
      'verify a list by the configured roots, put it in force, and judge all passkeys again',
    )
    .action(async (file: string, options: LaunchOptions) => {
      await withAdministration(options, (call) => bringIn(call, options, resolve(file)))
    })
  example(load, 'mds import blob.jwt')
  const get = withJson(withLocation(metadata.command('fetch')))
    .argument('[url]', 'where from, in place of `authenticators.metadata.url`')
    .description('download a list, then do what `mds import` does; nothing else fetches any')
    .action(async (url: string | undefined, options: LaunchOptions) => {
      await withAdministration(options, async (call) =>
        withDownload(url ?? (await configuredUrl(call)), (file) => bringIn(call, options, file)),
      )
    })
  example(get, 'mds fetch')
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

async function configuredUrl(call: Call): Promise<string> {
  const { url } = await call('GET', '/v1/metadata')
  if (typeof url === 'string') return url
  throw new ProofgateError('cli.arguments', 'no address to fetch from', {
    hint: 'Name one, or write it as `authenticators.metadata.url`.',
  })
}

/** Has a file imported, waits until all passkeys were judged by it, and says what came of it. */
async function bringIn(call: Call, options: LaunchOptions, file: string): Promise<void> {
  const imported = await call('POST', '/v1/metadata/import', { file })
  const judging = await followJudging(call)
  const text = `${importLine(imported)}\n${printJudging(judging)}`
  print(options, { ...imported, judging }, text)
}

function importLine(answer: JsonObject): string {
  if ('revocationLists' in answer) return revocationLines(answer)
  const { no, models, nextUpdate, changed } = answer as unknown as Imported
  const what = changed ? 'in force' : 'in force already'
  return `${what}: list ${no}, ${models} models, next update ${nextUpdate}`
}

function revocationLines(answer: JsonObject): string {
  const { revocationLists, changed } = answer as unknown as ImportedRevocationLists
  const what = changed ? 'in force' : 'in force already'
  const lines = revocationLists.map(
    ({ issuer, revoked, nextUpdate }) =>
      `${what}: ${revoked} revoked certificates of ${plain(issuer)}, next update ${nextUpdate}`,
  )
  return lines.join('\n')
}

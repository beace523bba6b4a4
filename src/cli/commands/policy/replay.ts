import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { ChangeGroup, ReplayReport } from '../../../analysis/index.ts'
import type { Instant } from '../../../core/index.ts'
import { installedLaunch, requireConfiguration } from '../../loading.ts'
import type { LaunchOptions } from '../../launch.ts'
import { example, parseCount, withJson, withLocation } from '../../options.ts'
import { print, table } from '../../output.ts'
import { parsePeriod } from './period.ts'
import { recordedRequests, sayProgress } from './recorded.ts'

interface ReplayOptions extends LaunchOptions {
  readonly candidate: string
  readonly since: Instant
  readonly until?: Instant
  readonly limit: number
  readonly strict?: boolean
}

/** `proofgate policy replay --candidate FILE`. */
export function registerReplay(policy: Command): void {
  const command = withJson(withLocation(policy.command('replay')))
    .requiredOption('--candidate <file>', 'the configuration to decide by')
    .requiredOption('--since <time>', 'from when on: 24h, 7d or a time in ISO 8601', parsePeriod)
    .option('--until <time>', 'up to when (default: now)', parsePeriod)
    .option('--limit <count>', 'how many groups of changes are listed', parseCount, 50)
    .option('--strict', 'exit code 3 also when something may change')
    .description('which recorded decisions another configuration would change (exit code 3)')
    .action(async (options: ReplayOptions) => {
      const report = await run(options)
      const { changes, ...counts } = report
      const listed = changes.slice(0, options.limit)
      const more = changes.length - listed.length
      const said = { ...counts, groupsAsOf: 'now', changes: listed, moreGroups: more }
      print(options, said, textOf(report, listed))
      const changed = report.wouldAllow + report.wouldDeny
      if (changed + (options.strict === true ? report.mayChange : 0) > 0) process.exitCode = 3
    })
  example(
    command,
    'policy replay --since 24h --candidate next.yaml',
    'policy replay --since 30d --candidate next.yaml --json',
  )
}

async function run(options: ReplayOptions): Promise<ReplayReport> {
  const launch = installedLaunch(options)
  const inForce = requireConfiguration(launch)
  // What the server was started with holds for the candidate as well.
  const candidate = requireConfiguration({
    file: resolve(options.candidate),
    overrides: { ...launch.overrides, dataDirectory: inForce.dataDirectory },
  })
  const [{ replay }, { readPeople, replaySetting }] = await Promise.all([
    import('../../../analysis/index.ts'),
    import('../../../compose/index.ts'),
  ])
  return replay(recordedRequests(inForce, options), {
    inForce: replaySetting(inForce),
    candidate: replaySetting(candidate),
    people: await readPeople(inForce),
    onRequest: sayProgress,
  })
}

/** So that nobody takes what the groups of today decide for what was decided then. */
const groupsNote =
  'groups and tags are those that callers have now: records do not hold those of the time, so somebody whose groups changed since may be listed for that'

function textOf(report: ReplayReport, listed: readonly ChangeGroup[]): string {
  const { requests, first, last, unchanged, wouldAllow, wouldDeny, mayChange, already } = report
  if (requests === 0) return 'no request is recorded in that time'
  const counts = table(
    ['', ''],
    [
      ['recorded requests', `${requests}, from ${first} to ${last}`],
      ['decided as before', unchanged],
      ['would be denied', wouldDeny],
      ['would be allowed', wouldAllow],
      ['may change', mayChange],
      ...(already === 0 ? [] : [['changed already by what is in force', already]]),
      ...apart(report),
    ],
  ).trimStart()
  return [counts, groupsNote, ...changesText(report, listed)].join('\n\n')
}

function apart({ notJudged }: ReplayReport): (string | number)[][] {
  return Object.entries(reasons).flatMap(([name, text]) => {
    const count = notJudged[name as keyof typeof notJudged]
    return count === 0 ? [] : [[`not judged: ${text}`, count]]
  })
}

const reasons: Readonly<Record<keyof ReplayReport['notJudged'], string>> = {
  notByPolicy: 'refused before policies were asked, or by a limit',
  noRoute: 'no route takes it any more',
  noCaller: 'the caller is gone or disabled',
  external: 'the groups of callers of other issuers are not recorded',
  incomplete: 'the record was cut',
}

function changesText(
  { changes, ungrouped }: ReplayReport,
  listed: readonly ChangeGroup[],
): readonly string[] {
  if (changes.length === 0) return []
  const rows = listed.map((one) => [
    one.certainty,
    one.count,
    one.who,
    `${one.api} ${one.route}`,
    one.was,
    one.becomes,
    one.last,
    one.example,
  ])
  const head = ['', 'COUNT', 'WHO', 'ROUTE', 'WAS', 'BECOMES', 'LAST', 'EXAMPLE']
  const more = changes.length - listed.length
  return [
    table(head, rows),
    ...(more === 0
      ? []
      : [`and ${more} more ${more === 1 ? 'group' : 'groups'}: --limit shows more`]),
    ...(ungrouped === 0
      ? []
      : [`and ${ungrouped} more changes in groups that were not kept apart`]),
    'an example is explained by `proofgate explain EXAMPLE`',
  ]
}

import { Option } from 'commander'
import type { Command } from 'commander'
import type { Draft, StatementReport, Suggestion } from '../../../analysis/index.ts'
import { ProofgateError } from '../../../core/index.ts'
import type { Instant } from '../../../core/index.ts'
import { requireInstalled } from '../../loading.ts'
import type { LaunchOptions } from '../../launch.ts'
import { example, withJson, withLocation } from '../../options.ts'
import { print, say } from '../../output.ts'
import { parsePeriod } from './period.ts'
import { recordedRequests, sayProgress } from './recorded.ts'

interface SuggestOptions extends LaunchOptions {
  readonly since: Instant
  readonly until?: Instant
  readonly group?: string
  readonly role?: string
  readonly person?: string
}

/** `proofgate policy suggest`. */
export function registerSuggest(policy: Command): void {
  const command = withJson(withLocation(policy.command('suggest')))
    .requiredOption('--since <time>', 'from when on: 30d or a time in ISO 8601', parsePeriod)
    .option('--until <time>', 'up to when (default: now)', parsePeriod)
    .addOption(new Option('--group <group>', 'for this group').conflicts(['role', 'person']))
    .addOption(new Option('--role <role>', 'for this role').conflicts('person'))
    .option('--person <person>', 'for this person, without roles')
    .description('least policies that would have allowed what was done; what they are made of')
    .action(async (options: SuggestOptions) => {
      const suggestion = await run(options)
      // Policies alone go to standard output, so that they can be written to a file.
      if (options.json !== true) say(notesOf(suggestion))
      const documents = suggestion.drafts.flatMap(({ kind, name, document }) =>
        document === undefined ? [] : [[`${kind} ${name}`, document] as const],
      )
      const isOne = [options.group, options.role, options.person].some((one) => one !== undefined)
      const policies = isOne ? documents[0]?.[1] : Object.fromEntries(documents)
      if (options.json === true || policies !== undefined) {
        print({ json: true }, options.json === true ? suggestion : policies, '')
      }
    })
  example(
    command,
    'policy suggest --since 90d',
    'policy suggest --since 90d --group readers > readers.json',
  )
}

async function run(options: SuggestOptions): Promise<Suggestion> {
  const configuration = requireInstalled(options)
  const [{ suggest }, { draftingOf, readPeople }] = await Promise.all([
    import('../../../analysis/index.ts'),
    import('../../../compose/index.ts'),
  ])
  const wanted = (['group', 'role', 'person'] as const).flatMap((kind) => {
    const name = options[kind]
    return name === undefined ? [] : [{ kind, name }]
  })[0]
  const drafting = draftingOf(configuration, await readPeople(configuration), wanted)
  if (drafting === undefined) {
    throw new ProofgateError(
      'cli.unknown_name',
      `there is no ${wanted?.kind ?? 'group'} ${wanted?.name ?? ''}`,
      { hint: '`proofgate people list` and the configuration have the names.' },
    )
  }
  return suggest(recordedRequests(configuration, options), { ...drafting, onRequest: sayProgress })
}

const dayMillis = 86_400_000

function notesOf(suggestion: Suggestion): string {
  const { requests, first, last, allowed, leftOut, drafts } = suggestion
  if (first === undefined || last === undefined) return 'no request is recorded in that time'
  const days = Math.max(1, Math.round((Date.parse(last) - Date.parse(first)) / dayMillis))
  const head = [
    `${requests} requests are recorded, from ${first} to ${last} (${days === 1 ? 'a day' : `${days} days`}); policies allowed ${allowed}.`,
    'What is done less often, such as a restore or the end of a month, may not be among them.',
    ...(leftOut.noRoute === 0 ? [] : [`No route takes ${leftOut.noRoute} of them any more.`]),
    ...(leftOut.otherwise === 0
      ? []
      : [
          `${leftOut.otherwise} of them were allowed by other policies, or to people who have them no more.`,
        ]),
  ]
  return [head.join('\n'), ...drafts.map(draftNotes)].join('\n\n')
}

function draftNotes({ kind, name, document, statements }: Draft): string {
  const made = document === undefined ? ': nothing was used, so nothing is suggested' : ''
  return [`${kind} ${name}${made}`, ...statements.map(statementNote)].join('\n')
}

const listedNames = 5

function statementNote(report: StatementReport): string {
  const { policy, statement, effect, place, count, routes, kept } = report
  const at = place === undefined ? '' : ` (${place})`
  const named = `  ${effect} ${policy}/${statement}${at}`
  if (count === 0) return `${named}: never used${kept === 'dropped' ? ', left out' : ', kept'}`
  const used = `${count} ${count === 1 ? 'request' : 'requests'} by ${callersOf(report)}`
  const where = routes.map(({ api, route, count: calls }) => `${api} ${route} (${calls})`)
  return `${named}: ${used}, kept ${kept}: ${where.join(', ')}`
}

function callersOf({ callers, otherCallers }: StatementReport): string {
  const listed = callers.slice(0, listedNames)
  const isWhole = listed.length === callers.length && otherCallers === 0
  return isWhole ? listed.join(', ') : `${listed.join(', ')} and others`
}

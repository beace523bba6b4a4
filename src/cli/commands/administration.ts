import { resolve } from 'node:path'
import type { Command } from 'commander'
import { ProofgateError } from '../../core/index.ts'
import { withAdministration } from '../admin-client.ts'
import type { Call } from '../admin-client.ts'
import type { LaunchOptions } from '../launch.ts'
import { example } from '../options.ts'
import { print, table } from '../output.ts'
import { administer, listing, show, textOf } from './administer.ts'
import { registerCredentials } from './credentials.ts'
import { registerLeave } from './leaving.ts'
import { registerRecover } from './passkey-care.ts'

/** Commands that administer people, credentials, sessions and keys, with or without a running server. */
export function registerAdministration(program: Command): void {
  registerInvite(program)
  registerRecover(program)
  registerPeople(program)
  registerCredentials(program)
  registerSessions(program)
  registerKeys(program)
  registerProcess(program)
}

function registerInvite(program: Command): void {
  const command = administer(program.command('invite'))
    .argument('<username>', 'who the link is for; made if there is no such person')
    .option('--name <name>', 'full name of a new person')
    .option('--group <group...>', 'groups of a new person')
    .description('make a one-time enrolment link (15 minutes)')
    .action(
      async (username: string, options: LaunchOptions & { name?: string; group?: string[] }) => {
        const answer = await withAdministration(options, async (call) => {
          await createIfMissing(call, username, options)
          return call('POST', `/v1/people/${encodeURIComponent(username)}/invite`, {})
        })
        const { renderUnicodeCompact } = await import('uqr')
        const link = textOf(answer['link'])
        const until = textOf(answer['expiresAt'])
        print(
          options,
          answer,
          `${link}\n\n${renderUnicodeCompact(link)}\nworks once, until ${until}`,
        )
      },
    )
  example(command, 'invite alice --name "Alice Example" --group readers')
}

async function createIfMissing(
  call: Call,
  username: string,
  options: { name?: string; group?: string[] },
): Promise<void> {
  const { people } = await call('GET', '/v1/people')
  const known = (people as unknown as { username: string }[]).some(
    (person) => person.username === username,
  )
  if (known) return
  await call('POST', '/v1/people', {
    username,
    ...(options.name === undefined ? {} : { name: options.name }),
    groups: options.group ?? [],
  })
}

const personColumns = ['username', 'name', 'groups', 'credentials', 'disabled']

const standings = {
  disable: 'end all sessions and open links, and refuse every sign-in',
  enable: 'allow sign-in again',
}

function registerPeople(program: Command): void {
  const people = program.command('people').description('list, add, disable and enable people')
  const list = administer(people.command('list'))
    .description('everybody')
    .action((options: LaunchOptions) =>
      show(options, (call) => call('GET', '/v1/people'), listing('people', personColumns)),
    )
  example(list, 'people list')
  const add = administer(people.command('add'))
    .argument('<username>')
    .option('--name <name>', 'full name')
    .option('--group <group...>', 'groups')
    .description('add somebody; `proofgate invite` then makes their link')
    .action((username: string, options: LaunchOptions & { name?: string; group?: string[] }) =>
      show(
        options,
        (call) =>
          call('POST', '/v1/people', {
            username,
            ...(options.name === undefined ? {} : { name: options.name }),
            groups: options.group ?? [],
          }),
        () => `added ${username}; next: proofgate invite ${username}`,
      ),
    )
  example(add, 'people add bob --name "Bob Example" --group readers')
  const groups = administer(people.command('groups'))
    .argument('<username>')
    .argument(
      '[groups...]',
      'the groups they are in from now on, besides those of the configuration',
    )
    .description('set the groups of a person')
    .action((username: string, wanted: string[], options: LaunchOptions) =>
      show(
        options,
        (call) =>
          call('POST', `/v1/people/${encodeURIComponent(username)}/groups`, { groups: wanted }),
        (answer) => `${username}: ${(answer['groups'] as string[]).join(', ')}`,
      ),
    )
  example(groups, 'people groups bob readers')
  for (const [verb, description] of Object.entries(standings)) {
    const command = administer(people.command(verb))
      .argument('<username>')
      .description(description)
      .action((username: string, options: LaunchOptions) =>
        show(
          options,
          (call) => call('POST', `/v1/people/${encodeURIComponent(username)}/${verb}`, {}),
          () => `${verb}d ${username}`,
        ),
      )
    example(command, `people ${verb} bob`)
  }
  registerLeave(people)
}

const sessionColumns = ['id', 'username', 'kind', 'name', 'audience', 'address', 'lastSeenAt']

function registerSessions(program: Command): void {
  const sessions = program.command('sessions').description('list and end sessions')
  const list = administer(sessions.command('list'))
    .description('live sessions')
    .action((options: LaunchOptions) =>
      show(options, (call) => call('GET', '/v1/sessions'), listing('sessions', sessionColumns)),
    )
  example(list, 'sessions list')
  const end = administer(sessions.command('end'))
    .argument('[id]', 'session id, from `sessions list`')
    .option('--person <username>', 'all sessions of this person')
    .description('end a session; its tokens are refused at once')
    .action((id: string | undefined, options: LaunchOptions & { person?: string }) =>
      show(
        options,
        (call) => call('POST', `${sessionsPath(id, options.person)}/end`, {}),
        () => 'ended',
      ),
    )
  example(end, 'sessions end 3q2-7w', 'sessions end --person bob')
}

function sessionsPath(id: string | undefined, person: string | undefined): string {
  if (id !== undefined && person === undefined) return `/v1/sessions/${encodeURIComponent(id)}`
  if (id === undefined && person !== undefined) {
    return `/v1/people/${encodeURIComponent(person)}/sessions`
  }
  throw new ProofgateError('cli.arguments', 'name a session or `--person`, and one of them only', {
    hint: '`proofgate sessions list` shows the ids.',
  })
}

const keyColumns = ['id', 'algorithm', 'state', 'createdAt', 'retireAt']

function registerKeys(program: Command): void {
  const keys = program.command('keys').description('list and rotate signing keys')
  const list = administer(keys.command('list'))
    .description('signing keys of the issuer')
    .action((options: LaunchOptions) =>
      show(options, (call) => call('GET', '/v1/keys'), listing('keys', keyColumns)),
    )
  example(list, 'keys list')
  const rotate = administer(keys.command('rotate'))
    .option('--algorithm <algorithm>', 'ES256 or RS256 (default: both)')
    .description('sign with new keys; the old ones stay published until their tokens have ended')
    .action((options: LaunchOptions & { algorithm?: string }) =>
      show(
        options,
        (call) =>
          call(
            'POST',
            '/v1/keys/rotate',
            options.algorithm === undefined ? {} : { algorithm: options.algorithm },
          ),
        listing('keys', keyColumns),
      ),
    )
  example(rotate, 'keys rotate --algorithm ES256')
}

function registerProcess(program: Command): void {
  const status = administer(program.command('status'))
    .description('what the server (or the data directory) holds')
    .action((options: LaunchOptions) =>
      show(
        options,
        (call) => call('GET', '/v1/status'),
        (answer) => table(['KEY', 'VALUE'], Object.entries(answer)),
      ),
    )
  example(status, 'status')
  const reload = administer(program.command('reload'))
    .description('make the running server read its configuration again')
    .action((options: LaunchOptions) =>
      show(
        options,
        (call) => call('POST', '/v1/reload', {}),
        (answer) => `in force: version ${textOf(answer['configuration'])}`,
      ),
    )
  example(reload, 'reload')
  const backup = administer(program.command('backup'))
    .argument('<directory>', 'a directory that does not exist yet')
    .description('copy the data directory, while it is in use')
    .action((directory: string, options: LaunchOptions) =>
      show(
        options,
        (call) => call('POST', '/v1/backup', { directory: resolve(directory) }),
        (answer) => `backed up to ${textOf(answer['directory'])}`,
      ),
    )
  example(backup, 'backup /var/backups/proofgate-2026-11-22')
}

import type { Command } from 'commander'
import type { LaunchOptions } from '../launch.ts'
import { example } from '../options.ts'
import { administer, listing, show } from './administer.ts'
import { registerJudging } from './judging.ts'
import { registerCredentialReport, registerSealing } from './passkey-care.ts'

const idText = 'credential id, from `credentials list`; write -- before one that begins with a dash'
const credentialColumns = ['id', 'username', 'name', 'model', 'synced', 'state', 'lastUsedAt']

/** Passkeys: list, suspend, restore, remove. */
export function registerCredentials(program: Command): void {
  const credentials = program
    .command('credentials')
    .description('list, suspend, restore and remove passkeys')
  const list = administer(credentials.command('list'))
    .argument('[username]', 'only those of this person')
    .description('passkeys')
    .action((username: string | undefined, options: LaunchOptions) =>
      show(
        options,
        (call) =>
          call(
            'GET',
            username === undefined
              ? '/v1/credentials'
              : `/v1/people/${encodeURIComponent(username)}/credentials`,
          ),
        listing('credentials', credentialColumns),
      ),
    )
  example(list, 'credentials list alice')
  const remove = administer(credentials.command('remove'))
    .argument('<id>', idText)
    .option('--last', 'even if it is the last one of its owner')
    .description('remove a passkey; its sessions and tokens end at once')
    .action((id: string, options: LaunchOptions & { last?: boolean }) =>
      show(
        options,
        (call) =>
          call('POST', `/v1/credentials/${encodeURIComponent(id)}/remove`, {
            last: options.last === true,
          }),
        () => `removed ${id}`,
      ),
    )
  example(remove, 'credentials remove AbCdEf...')
  registerStates(credentials)
  registerJudging(credentials)
  registerCredentialReport(credentials)
  registerSealing(credentials)
}

function registerStates(credentials: Command): void {
  const suspend = administer(credentials.command('suspend'))
    .argument('<id>', idText)
    .requiredOption('--reason <text>', 'why; shown to administrators and kept in the audit log')
    .option('--last', 'even if it is the last active one of its owner')
    .description('let a passkey open nothing until it is restored; its sessions and tokens end')
    .action((id: string, options: LaunchOptions & { reason: string; last?: boolean }) =>
      show(
        options,
        (call) =>
          call('POST', `/v1/credentials/${encodeURIComponent(id)}/suspend`, {
            reason: options.reason,
            last: options.last === true,
          }),
        () => `suspended ${id}`,
      ),
    )
  example(suspend, 'credentials suspend AbCdEf... --reason "left on a train"')
  const restore = administer(credentials.command('restore'))
    .argument('<id>', idText)
    .description('let a suspended passkey sign in again; what it opened before stays closed')
    .action((id: string, options: LaunchOptions) =>
      show(
        options,
        (call) => call('POST', `/v1/credentials/${encodeURIComponent(id)}/restore`, {}),
        () => `restored ${id}`,
      ),
    )
  example(restore, 'credentials restore AbCdEf...')
}

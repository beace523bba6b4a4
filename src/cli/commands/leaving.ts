import type { Command } from 'commander'
import type { JsonObject } from '../../core/index.ts'
import { withAdministration } from '../admin-client.ts'
import type { LaunchOptions } from '../launch.ts'
import { example, withJson, withLocation } from '../options.ts'
import { print } from '../output.ts'

interface LeaveOptions extends LaunchOptions {
  readonly to?: string
  readonly removePasskeys?: boolean
}

/** `people leave`: ends everything that is somebody's. */
export function registerLeave(people: Command): void {
  const leave = withJson(withLocation(people.command('leave')))
    .argument('<username>', 'who leaves')
    .option('--to <username>', 'who gets the groups that administration gave them')
    .option('--remove-passkeys', 'remove their passkeys instead of suspending them')
    .description('disable somebody who leaves: sessions, tokens, links and passkeys end')
    .action(async (username: string, options: LeaveOptions) => {
      const answer = await withAdministration(options, (call) =>
        call('POST', `/v1/people/${encodeURIComponent(username)}/leave`, {
          ...(options.to === undefined ? {} : { to: options.to }),
          remove: options.removePasskeys === true,
        }),
      )
      print(options, answer, printLeave(answer, options))
    })
  example(leave, 'people leave bob --to alice')
}

function printLeave(answer: JsonObject, { removePasskeys = false, to }: LeaveOptions): string {
  const { username, ended, passkeys } = answer as Record<string, unknown>
  const groups = answer['groups'] as string[]
  const stays = answer['stillInConfiguration'] as string[]
  const lines = [
    `disabled ${String(username)}`,
    `ended ${String(ended)} sessions, and every link and token`,
    `${removePasskeys ? 'removed' : 'suspended'} ${String(passkeys)} passkeys`,
  ]
  if (groups.length > 0) {
    const whereTo = to === undefined ? 'taken away' : `given to ${to}`
    lines.push(`groups ${whereTo}: ${groups.join(', ')}`)
  }
  if (stays.length > 0) lines.push(`still in groups by the configuration: ${stays.join(', ')}`)
  return lines.join('\n')
}

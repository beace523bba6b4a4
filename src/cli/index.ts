/**
 * The command line. Each command is thin: it loads the configuration, calls an area or the admin API, and
 * prints. Data goes to standard output, prose to standard error, and `--json` makes data of it.
 */
import { Command } from 'commander'
import { registerRunning } from './commands/running.ts'
import type { Launcher } from './launch.ts'

export type { Launcher } from './launch.ts'
export { reportFailure } from './report.ts'

/**
 * The commands, ready to parse.
 *
 * @param named - the command that will be run, if it is known: one that runs a server comes without the others, which
 *   a server would hold as long as it lives.
 */
export async function buildProgram(launcher: Launcher, named?: string): Promise<Command> {
  const program = new Command('proofgate')
    .description('Touch a key, call an API: the passwordless API gateway')
    .version(launcher.version)
    .showHelpAfterError('(`proofgate COMMAND --help` shows how)')
    .configureHelp({ showGlobalOptions: true })
  registerRunning(program, launcher)
  if (program.commands.some((command) => command.name() === named)) return program
  const { registerOthers } = await import('./commands/others.ts')
  registerOthers(program)
  return program
}

/**
 * The command line. Each command is thin: it loads the configuration, calls an area or the admin API, and
 * prints. Data goes to standard output, prose to standard error, and `--json` makes data of it.
 */
import { Command } from 'commander'
import { registerClientCommands } from './client/index.ts'
import { registerAdministration } from './commands/administration.ts'
import { registerAudit } from './commands/audit.ts'
import { registerDevelopmentAuthority } from './commands/dev-ca.ts'
import { registerDoctor } from './commands/doctor.ts'
import { registerExplain } from './commands/explain.ts'
import { registerMetadata } from './commands/metadata.ts'
import { registerPolicy } from './commands/policy/index.ts'
import { registerRoles } from './commands/roles.ts'
import { registerSignals } from './commands/signals.ts'
import { registerServerCommands } from './commands/server.ts'

export { reportFailure } from './report.ts'

/** All commands, ready to parse. */
export async function buildProgram(version: string): Promise<Command> {
  const program = new Command('proofgate')
    .description('Touch a key, call an API: the passwordless API gateway')
    .version(version)
    .showHelpAfterError('(`proofgate COMMAND --help` shows how)')
    .configureHelp({ showGlobalOptions: true })
  registerServerCommands(program, version)
  registerClientCommands(program)
  registerAdministration(program)
  registerRoles(program)
  registerExplain(program)
  registerPolicy(program)
  registerMetadata(program)
  registerSignals(program)
  registerAudit(program)
  registerDoctor(program)
  registerDevelopmentAuthority(program)
  return program
}

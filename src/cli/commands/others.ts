import type { Command } from 'commander'
import { registerClientCommands } from '../../client/index.ts'
import { registerAdministration } from './administration.ts'
import { registerAudit } from './audit.ts'
import { registerCompletion } from './completion.ts'
import { registerConfiguration } from './configuration.ts'
import { registerDevelopmentAuthority } from './dev-ca.ts'
import { registerDoctor } from './doctor.ts'
import { registerExplain } from './explain.ts'
import { registerMetadata } from './metadata.ts'
import { registerPolicy } from './policy/index.ts'
import { registerRoles } from './roles.ts'
import { registerSignals } from './signals.ts'

/** All commands that run no server, in the order in which help shows them. */
export function registerOthers(program: Command): void {
  registerConfiguration(program)
  registerClientCommands(program)
  registerCompletion(program)
  registerAdministration(program)
  registerRoles(program)
  registerExplain(program)
  registerPolicy(program)
  registerMetadata(program)
  registerSignals(program)
  registerAudit(program)
  registerDoctor(program)
  registerDevelopmentAuthority(program)
}

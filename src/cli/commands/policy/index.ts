import type { Command } from 'commander'
import { registerLint } from './lint.ts'
import { registerSimulate } from './simulate.ts'

/** `proofgate policy ...`: working with policies, without a running server. One file per command. */
export function registerPolicy(program: Command): void {
  const policy = program.command('policy').description('work with policies')
  registerLint(policy)
  registerSimulate(policy)
}

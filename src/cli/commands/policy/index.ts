import type { Command } from 'commander'
import { registerLint } from './lint.ts'
import { registerReach } from './reach.ts'
import { registerReplay } from './replay.ts'
import { registerSimulate } from './simulate.ts'
import { registerSuggest } from './suggest.ts'
import { registerTest } from './test.ts'

/** `proofgate policy ...`: working with policies, most of them without a running server. A file for each. */
export function registerPolicy(program: Command): void {
  const policy = program.command('policy').description('work with policies')
  registerLint(policy)
  registerReach(policy)
  registerReplay(policy)
  registerSimulate(policy)
  registerSuggest(policy)
  registerTest(policy)
}

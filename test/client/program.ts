import { Command } from 'commander'
import { registerClientCommands } from '../../src/client/index.ts'
import { ProofgateError } from '../../src/core/index.ts'

/** The commands as the real program shows them: an error and its hint on stderr, exit code 1. */
const program = new Command('proofgate').description('test').version('0.0.0')
registerClientCommands(program)
program.command('people').description("who's there: all").command('add').option('--name <n>', 'x')
try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof ProofgateError)) throw error
  process.stderr.write(`error: ${error.message}\n  ${error.code}\n  ${error.hint ?? ''}\n`)
  process.exitCode = 1
}

import type { Launcher } from './cli/index.ts'
import { readsAhead } from './cli/reading-ahead.ts'
import { beginReading } from './config/apart/begin.ts'
import { findOwnModules } from './core/own-modules.ts'

/** Runs the command line. */
export async function run(argv: readonly string[], launcher: Launcher): Promise<void> {
  findOwnModules()
  const begun = readsAhead(argv[2]) ? beginReading() : undefined
  // Whoever reads may stop early, as `head` does; that is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  const { ConfigurationReader } = await import('./config/apart/index.ts')
  const reader = begun === undefined ? undefined : new ConfigurationReader({ begun })
  const { keepHttpLean } = await import('./core/index.ts')
  keepHttpLean()
  const { buildProgram, reportFailure } = await import('./cli/index.ts')
  try {
    const program = await buildProgram({ ...launcher, reader }, argv[2])
    await program.parseAsync([...argv])
  } catch (error) {
    // To `curl` the flag means a body to send.
    process.exitCode = reportFailure(error, argv.includes('--json') && argv[2] !== 'curl')
  } finally {
    reader?.close()
  }
}

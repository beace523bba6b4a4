import { keepHttpLean } from './core/index.ts'

/** Runs the command line. */
export async function run(argv: readonly string[], version: string): Promise<void> {
  // Whoever reads may stop early, as `head` does; that is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  keepHttpLean()
  const { buildProgram, reportFailure } = await import('./cli/index.ts')
  try {
    const program = await buildProgram(version)
    await program.parseAsync([...argv])
  } catch (error) {
    // To `curl` the flag means a body to send.
    process.exitCode = reportFailure(error, argv.includes('--json') && argv[2] !== 'curl')
  }
}

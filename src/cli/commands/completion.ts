import { Argument } from 'commander'
import type { Command } from 'commander'

/** Adds `completion`, which reads the commands of the whole program when it runs. */
export function registerCompletion(program: Command): void {
  program
    .command('completion')
    .description('print a completion script for your shell')
    .addArgument(
      new Argument('[shell]', 'the shell (default: from SHELL)').choices(['bash', 'zsh', 'fish']),
    )
    .addHelpText('after', help)
    .action(async (shell: string | undefined) => {
      const { completionScript, parseShell } = await import('../completion.ts')
      process.stdout.write(completionScript(program, parseShell(shell ?? process.env['SHELL'])))
    })
}

const help = `
Example:
  $ source <(proofgate completion bash)
  $ proofgate completion fish | source`

import type { Command } from 'commander'
import { buildProgram } from '../src/cli/index.ts'

/** The command line as it stands, and all commands below it but the printed help itself. */
export async function commandsOf(): Promise<readonly { path: string; command: Command }[]> {
  const program = await buildProgram({
    version: '0.0.0',
    installedVersion: () => undefined,
    onServing: () => undefined,
  })
  const below = (command: Command, path: string): { path: string; command: Command }[] =>
    command.commands
      .filter((child) => child.name() !== 'help')
      .flatMap((child) => {
        const own = `${path} ${child.name()}`
        return [{ path: own, command: child }, ...below(child, own)]
      })
  return [{ path: 'proofgate', command: program }, ...below(program, 'proofgate')]
}

/** What `--help` prints on a terminal of 80 columns. */
export function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({
    getOutHelpWidth: () => 80,
    writeOut: (part) => {
      text += part
    },
  })
  command.outputHelp()
  return text
}

/** `docs/cli.md`: the page's own words, then what each command prints. */
export async function commandReference(page: string): Promise<string> {
  const words = page.slice(0, page.indexOf('## `proofgate`'))
  const commands = await commandsOf()
  const sections = commands.map(
    ({ path, command }) => `## \`${path}\`\n\n\`\`\`text\n${helpOf(command)}\`\`\`\n`,
  )
  return `${words}${sections.join('\n')}`
}

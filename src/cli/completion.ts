import type { Command } from 'commander'
import { ProofgateError } from '../core/index.ts'

const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** A shell by its name or its path (`/usr/bin/zsh`); throws for one there is no script for. */
export function parseShell(text: string | undefined): Shell {
  const name = (text ?? '').split('/').at(-1)
  const shell = shells.find((known) => known === name)
  if (shell !== undefined) return shell
  throw new ProofgateError('cli.shell_unknown', 'there is no completion for this shell', {
    hint: `name one of ${shells.join(', ')}`,
  })
}

/** The words that can follow one command: the command is its path below the program, '' for itself. */
interface Step {
  readonly path: string
  readonly words: readonly Word[]
}

interface Word {
  readonly word: string
  readonly description: string
}

/** A script for the shell to source, made from the program's own commands and options. */
export function completionScript(program: Command, shell: Shell): string {
  const name = program.name()
  const steps = stepsOf(program, '')
  if (shell === 'bash') return bashScript(name, steps)
  return shell === 'zsh' ? zshScript(name, steps) : fishScript(name, steps)
}

function stepsOf(command: Command, path: string): readonly Step[] {
  const help = command.createHelp()
  const children = help.visibleCommands(command)
  const words = [
    ...children.map((child) => ({ word: child.name(), description: child.description() })),
    ...command.registeredArguments
      .flatMap(({ argChoices }) => argChoices ?? [])
      .map((word) => ({ word, description: '' })),
    ...help
      .visibleOptions(command)
      .filter(({ long }) => long !== undefined && long !== null)
      .map(({ long, description }) => ({ word: long ?? '', description })),
  ]
  const below = children
    .filter((child) => command.commands.includes(child))
    .flatMap((child) => stepsOf(child, path === '' ? child.name() : `${path} ${child.name()}`))
  return [{ path, words }, ...below]
}

/** Walks over the words before the cursor as long as they name commands. */
function walk(steps: readonly Step[], words: string): string {
  const paths = steps.filter(({ path }) => path !== '').map(({ path }) => quote(path))
  return [
    `  local at='' next word`,
    `  for word in ${words}; do`,
    `    next="\${at:+$at }$word"`,
    ...(paths.length === 0
      ? []
      : [`    case "$next" in`, `      ${paths.join('|')}) at="$next" ;;`, '    esac']),
    '  done',
  ].join('\n')
}

function bashScript(name: string, steps: readonly Step[]): string {
  const cases = steps.map(
    ({ path, words }) =>
      `    ${quote(path)}) words=${quote(words.map(({ word }) => word).join(' '))} ;;`,
  )
  return `# ${name} completion for bash
_${name}() {
  local words=''
${walk(steps, '"${COMP_WORDS[@]:1:COMP_CWORD-1}"')}
  case "$at" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _${name} ${name}
`
}

function zshScript(name: string, steps: readonly Step[]): string {
  const cases = steps.map(({ path, words }) => {
    const items = words.map(
      ({ word, description }) => `      ${quote(`${word.replaceAll(':', '\\:')}:${description}`)}`,
    )
    return [`    ${quote(path)}) items=(`, ...items, '    ) ;;'].join('\n')
  })
  return `#compdef ${name}
# ${name} completion for zsh
_${name}() {
  local -a items
${walk(steps, '"${words[@]:1:$((CURRENT-2))}"')}
  case "$at" in
${cases.join('\n')}
  esac
  _describe '${name}' items || _files
}
compdef _${name} ${name}
`
}

function fishScript(name: string, steps: readonly Step[]): string {
  const paths = steps.filter(({ path }) => path !== '').map(({ path }) => fishQuote(path))
  const lines = steps.flatMap(({ path, words }) =>
    words.map(({ word, description }) => {
      const condition = fishQuote(`test "$(__${name}_path)" = "${path}"`)
      const what = word.startsWith('--')
        ? `-l ${fishQuote(word.slice(2))}`
        : `-a ${fishQuote(word)}`
      return `complete -c ${name} -n ${condition} ${what} -d ${fishQuote(description)}`
    }),
  )
  return `# ${name} completion for fish
function __${name}_path
  set -l at
  for word in (commandline -opc)[2..]
    set -l next (string join ' ' $at $word)
    if contains -- $next ${paths.join(' ')}
      set at $next
    end
  end
  echo $at
end
${lines.join('\n')}
`
}

/** One word of a POSIX shell, whatever is in it. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

function fishQuote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

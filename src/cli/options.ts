import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'

/** `--config` and `--data-dir`: where a command finds its installation. */
export function withLocation(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration file (default: proofgate.yaml, if there is one)')
    .option('--data-dir <directory>', 'data directory (default: .proofgate)')
}

/** What changes where the server listens. */
export function withListening(command: Command): Command {
  return withLocation(command)
    .option('-p, --port <port>', 'port of the public listener', parsePort)
    .option('--admin-port <port>', 'port of the admin listener', parsePort)
    .option('--origin <origin>', 'serve everything on this one origin, e.g. http://localhost:8080')
    .option('--domain <domain>', 'domain of the identity, console and API hosts')
    .option(
      '--take-over',
      'replace the server that runs on this data directory; callers do not notice',
    )
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print JSON')
}

export function parsePort(value: string): number {
  const port = Number(value)
  if (/^\d{1,5}$/.test(value) && port <= 65_535) return port
  throw new InvalidArgumentError('a port is a number from 0 to 65535')
}

export function parseCount(value: string): number {
  const count = Number(value)
  if (/^\d{1,9}$/.test(value)) return count
  throw new InvalidArgumentError('a count is a whole number')
}

/** Adds an example below the help text. */
export function example(command: Command, ...lines: readonly string[]): Command {
  const printed = lines.map((line) => `  $ proofgate ${line}`).join('\n')
  return command.addHelpText('after', `\nExample:\n${printed}`)
}

import type { Command } from 'commander'
import type { JsonObject } from '../../core/index.ts'
import { withAdministration } from '../admin-client.ts'
import type { Call } from '../admin-client.ts'
import type { LaunchOptions } from '../launch.ts'
import { withJson, withLocation } from '../options.ts'
import { print, table } from '../output.ts'

/*
 * What commands that administer have in common: one call, and its answer as JSON or as a table.
 */

export function administer(command: Command): Command {
  return withJson(withLocation(command))
}

/** Runs one call and prints its answer. */
export async function show(
  options: LaunchOptions,
  work: (call: Call) => Promise<JsonObject>,
  text: (answer: JsonObject) => string,
): Promise<void> {
  const answer = await withAdministration(options, (call) => work(call))
  print(options, answer, text(answer))
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** `lastUsedAt` is the time that stands below LAST USED. */
function headOf(column: string): string {
  return column
    .replace(/At$/, '')
    .replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toUpperCase()
}

/** Prints a list of objects by the columns named. */
export function listing(
  member: string,
  columns: readonly string[],
): (answer: JsonObject) => string {
  return (answer) => {
    const rows = answer[member] as unknown as Record<string, unknown>[]
    return table(
      columns.map(headOf),
      rows.map((row) => columns.map((column) => row[column])),
    )
  }
}

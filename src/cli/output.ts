/** Writes data for programs (`--json`) or for people to standard output. */
export function print(options: { json?: boolean | undefined }, data: unknown, text: string): void {
  process.stdout.write(options.json === true ? `${JSON.stringify(data, null, 2)}\n` : `${text}\n`)
}

/** Progress and prose: never on standard output, which belongs to data. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** Columns padded to their widest cell. */
export function table(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const lines = [head, ...rows].map((row) => row.map(cell))
  const widths = head.map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length)),
  )
  return lines
    .map((line) =>
      line
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '-'
  return plain(Array.isArray(value) ? value.map(String).join(',') : printable(value))
}

/** On one line, with nothing that a terminal would obey. */
export function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
}

function printable(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

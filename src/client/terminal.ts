const longestForeignText = 300

/**
 * Text from elsewhere as it may reach a terminal: bounded, and without the control and direction
 * characters that could move the cursor, rewrite lines or reverse what is read.
 */
export function printable(text: string, longest = longestForeignText): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, ' ')
  return clean.length > longest ? `${clean.slice(0, longest)}...` : clean
}

/** Progress and prose go to stderr, so that stdout stays data. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2))
}

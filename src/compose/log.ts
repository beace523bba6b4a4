/** Levels in order. */
const levels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof levels)[number]

export type LogFields = Readonly<Record<string, unknown>>

/**
 * Structured log lines (NDJSON) on standard error. Values are printed by `JSON.stringify`, so a `Secret`
 * prints its placeholder and a line break cannot begin a line of its own.
 */
export class Log {
  readonly #least: () => LogLevel
  readonly #write: (line: string) => void

  constructor(least: () => LogLevel, write: (line: string) => void = writeStandardError) {
    this.#least = least
    this.#write = write
  }

  isOn(level: LogLevel): boolean {
    return levels.indexOf(level) >= levels.indexOf(this.#least())
  }

  write(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (!this.isOn(level)) return
    const head = { at: new Date().toISOString(), level, message }
    this.#write(`${encode({ ...head, ...fields, ...head }) ?? encode(head)}\n`)
  }

  /** An unexpected failure with everything that leads to its cause. */
  failure(message: string, error: unknown, fields: LogFields = {}): void {
    this.write('error', message, { ...fields, error: describe(error) })
  }
}

function writeStandardError(line: string): void {
  process.stderr.write(line)
}

/** Nothing for what JSON cannot hold: the line is written without it, as logging must never fail. */
function encode(line: LogFields): string | undefined {
  try {
    return JSON.stringify(line)
  } catch {
    return undefined
  }
}

const longestChain = 8

function describe(error: unknown, depth = 0): unknown {
  if (depth === longestChain) return 'and so on'
  if (!(error instanceof Error)) return String(error)
  return {
    name: error.name,
    message: error.message,
    ...('code' in error ? { code: error.code } : {}),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: describe(error.cause, depth + 1) }),
  }
}

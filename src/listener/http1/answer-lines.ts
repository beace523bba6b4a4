import { isFieldValue, lowerName, NameMemory } from '../../http1/index.ts'

/** What a header line is about; `none` for what is no name. */
type LineKind = 'usual' | 'date' | 'length' | 'connection' | 'framing' | 'none'

const special: ReadonlyMap<string, LineKind> = new Map<string, LineKind>([
  ['date', 'date'],
  ['content-length', 'length'],
  ['connection', 'connection'],
  ['keep-alive', 'framing'],
  ['transfer-encoding', 'framing'],
])

const kinds = new NameMemory<LineKind>((name) => {
  const lower = lowerName(name)
  return lower === undefined ? 'none' : (special.get(lower) ?? 'usual')
})

/**
 * Invariant: nothing becomes a header line but a name and a value.
 *
 * @throws TypeError for anything else.
 */
export function line(name: string, value: string, kind = kinds.of(name)): string {
  if (kind === 'none' || !isFieldValue(value)) {
    throw new TypeError('a header that HTTP does not allow')
  }
  return `${name}: ${value}\r\n`
}

/** Header lines of an answer as they go out, and what they say about it that is for us to say. */
export class AnswerLines {
  text = ''
  /** Of the body, where a line tells it. */
  length: number | undefined = undefined
  /** One of them ends the connection. */
  closes = false
  hasDate = false

  /** @param before - stand before what is added. */
  constructor(before?: AnswerLines) {
    if (before === undefined) return
    this.text = before.text
    this.length = before.length
    this.closes = before.closes
    this.hasDate = before.hasDate
  }

  /**
   * @param headers - flat name, value pairs.
   * @throws TypeError for what is no header, and for a second length.
   */
  add(headers: readonly string[], status: number): this {
    let { text } = this
    for (let at = 0; at < headers.length; at += 2) {
      const name = headers[at] ?? ''
      const value = headers[at + 1] ?? ''
      const kind = kinds.of(name)
      if (kind === 'date') this.hasDate = true
      else if (kind !== 'usual' && this.#isForUs(kind, value, status)) continue
      text += line(name, value, kind)
    }
    this.text = text
    return this
  }

  /** Whether a line is about what we say ourselves, and is left out. */
  #isForUs(kind: LineKind, value: string, status: number): boolean {
    if (kind === 'connection') this.closes ||= value.toLowerCase() === 'close'
    if (kind !== 'length') return kind !== 'none'
    if (status === 204) return true
    this.length = lengthIn(value, this.length)
    return false
  }
}

interface Known {
  readonly headers: readonly string[]
  readonly status: number
  readonly lines: AnswerLines
}

/** Few services answer at the same time with heads that stay the same. */
const mostKnown = 8
const known: Known[] = []
let oldest = 0

/**
 * The lines of headers that many answers have in common, judged and written once.
 *
 * Invariant: found by the very array, which nobody changes, never by what looks like it.
 */
export function knownLines(headers: readonly string[], status: number): AnswerLines {
  for (const one of known) {
    if (one.headers === headers && one.status === status) return one.lines
  }
  const lines = new AnswerLines().add(headers, status)
  lines.text = Buffer.from(lines.text, 'latin1').toString('latin1')
  known[oldest] = { headers, status, lines }
  oldest = (oldest + 1) % mostKnown
  return lines
}

const lengthText = /^[0-9]{1,15}$/

/**
 * @param before - what another line said.
 * @throws TypeError for what is no length, and for a second one.
 */
function lengthIn(value: string, before: number | undefined): number {
  if (before === undefined && lengthText.test(value)) return Number(value)
  throw new TypeError('a length that HTTP does not allow')
}

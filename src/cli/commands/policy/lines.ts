import { isUtf8 } from 'node:buffer'

/** A line of the input: its text, or why it is not read. */
export type Line = { readonly text: string } | { readonly fault: string }

const newline = 0x0a

/**
 * Cuts bytes into lines. A line that is longer than `longest` bytes is not kept: it counts as one line
 * that is not read, however much of it follows.
 */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  longest: number,
): AsyncGenerator<Line> {
  const open = new OpenLine(longest)
  for await (const chunk of chunks) {
    let start = 0
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, start)) {
      open.add(chunk.subarray(start, at))
      yield open.close()
      start = at + 1
    }
    open.add(chunk.subarray(start))
  }
  if (open.length > 0) yield open.close()
}

class OpenLine {
  readonly #longest: number
  #parts: Uint8Array[] = []
  length = 0

  constructor(longest: number) {
    this.#longest = longest
  }

  add(bytes: Uint8Array): void {
    this.length += bytes.length
    if (this.length > this.#longest) this.#parts = []
    else if (bytes.length > 0) this.#parts.push(bytes)
  }

  close(): Line {
    const bytes = Buffer.concat(this.#parts)
    const isTooLong = this.length > this.#longest
    this.#parts = []
    this.length = 0
    if (isTooLong) return { fault: `longer than ${this.#longest} bytes` }
    return isUtf8(bytes) ? { text: bytes.toString('utf8') } : { fault: 'not UTF-8' }
  }
}

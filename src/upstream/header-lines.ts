import { invariant } from '../core/index.ts'
import { isFieldValue, isToken, NameMemory } from '../http1/index.ts'

/** Header lines as they go over the wire, each beginning with the end of the one before. */
export interface WrittenLines {
  readonly text: string
  /** How many of them are `host`. */
  readonly hosts: number
}

/**
 * Header lines that a caller's requests have in common. They do not change, so that they are judged and written
 * once and not for each of them.
 */
export class CommonLines {
  /** Flat name, value pairs. */
  readonly flat: readonly string[]
  #written: WrittenLines | undefined

  constructor(flat: readonly string[]) {
    this.flat = flat
  }

  /** As over HTTP/1.1. */
  get written(): WrittenLines {
    return (this.#written ??= inOnePiece(writeLines(this.flat)))
  }
}

/** A text put together is copied piece by piece each time it is sent. */
function inOnePiece({ text, hosts }: WrittenLines): WrittenLines {
  return { text: Buffer.from(text, 'latin1').toString('latin1'), hosts }
}

/**
 * Writes flat name, value pairs.
 *
 * Invariant: nothing a caller of ours passes can add a line or a second framing; the stages before have filtered
 * already, so a violation is a bug and stops the request.
 */
export function writeLines(headers: readonly string[]): WrittenLines {
  let text = ''
  let hosts = 0
  for (let at = 0; at < headers.length; at += 2) {
    const { kind, opening } = names.of(headers[at] ?? '')
    const value = headers[at + 1]
    invariant(
      value !== undefined && isSound(value, kind),
      'request header value holds a control byte',
    )
    if (kind === 'host') hosts += 1
    text += opening
    text += value
  }
  return { text, hosts }
}

type NameKind = 'host' | 'vouching' | 'other'

/** How a line begins whose name may be written. The names that only this file writes may not. */
const names = new NameMemory<{ readonly kind: NameKind; readonly opening: string }>((name) => {
  invariant(isToken(name), 'request header name is not a token')
  invariant(!ownNames.has(name.toLowerCase()), 'a request header about framing or connection')
  return { kind: kindOf(name.toLowerCase()), opening: `\r\n${name}: ` }
})

function kindOf(name: string): NameKind {
  if (name === 'host') return name
  return name === 'x-proofgate-assertion' ? 'vouching' : 'other'
}

const longestJudged = 2048
/** A power of two. */
const mostJudged = 1024
/**
 * Values that were sound, each at a place of its own: what vouches for a caller is long, and the same for many
 * of its requests. It is compared and never hashed, which a text of somebody who comes once would be for nothing.
 */
const judged: (string | undefined)[] = Array.from({ length: mostJudged }, () => undefined)
/** What came last at each place. Only what comes twice in a row is remembered: others would live on for nothing. */
const cameLast = new Int32Array(mostJudged)

function isSound(value: string, kind: NameKind): boolean {
  if (kind !== 'vouching' || value.length > longestJudged) return isFieldValue(value)
  const place = placeOf(value)
  if (judged[place] === value) return true
  if (!isFieldValue(value)) return false
  const mark = markOf(value)
  if (cameLast[place] === mark) judged[place] = value
  cameLast[place] = mark
  return true
}

function markOf(value: string): number {
  const middle = value.length - 40
  let mark = 0
  for (let at = middle; at < middle + 5; at += 1) mark = (mark << 6) ^ value.charCodeAt(at)
  return mark
}

/** By its end, which is that of a signature; the very last character says little. */
function placeOf(value: string): number {
  const end = value.length
  return (value.charCodeAt(end - 2) * 61 + value.charCodeAt(end - 3)) & (mostJudged - 1)
}

const ownNames: ReadonlySet<string> = new Set([
  'te',
  'upgrade',
  'connection',
  'keep-alive',
  'content-length',
  'proxy-connection',
  'transfer-encoding',
])

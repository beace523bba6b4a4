import { isFieldValue, lowerName, NameMemory } from '../../http1/index.ts'
import { connectionFields } from '../../http2/index.ts'

/** They have no place here. */
const leftOut: ReadonlySet<string> = new Set([...connectionFields, 'te'])

/** What becomes of a field, by its name. */
interface Verdict {
  readonly name: string
  readonly kind: 'sent' | 'left out' | 'length' | 'date'
}

const verdicts = new NameMemory<Verdict>((spelled) => {
  const name = lowerName(spelled)
  if (name === undefined) throw new TypeError('a name that HTTP does not allow')
  if (leftOut.has(name)) return { name, kind: 'left out' }
  if (name === 'content-length') return { name, kind: 'length' }
  return { name, kind: name === 'date' ? 'date' : 'sent' }
})

/** The fields of an answer as they are sent. */
export interface AnswerFields {
  /** Flat name, value pairs: `:status` first, names in lower case. */
  readonly list: string[]
  /** The length of the body is among them. */
  readonly isSized: boolean
  readonly isDated: boolean
}

/**
 * Fields of a head, or without `status` of a trailer section.
 *
 * @param flat - name, value pairs.
 * @throws TypeError for what may not stand in a header: nobody behind us looks at it again.
 */
export function answerFields(status: number | undefined, flat: readonly string[]): AnswerFields {
  const list: string[] = status === undefined ? [] : [':status', String(status)]
  let isSized = false
  let isDated = false
  for (let at = 0; at < flat.length; at += 2) {
    const { name, kind } = verdicts.of(flat[at] ?? '')
    if (kind === 'left out') continue
    if (kind === 'length') isSized = true
    else if (kind === 'date') isDated = true
    list.push(name, legal(flat[at + 1] ?? ''))
  }
  return { list, isSized, isDated }
}

/** Blanks around a value are no part of it (RFC 9113 8.2.1). */
function legal(value: string): string {
  if (!isFieldValue(value)) throw new TypeError('a value that HTTP does not allow')
  const isBare = !isBlank(value.charCodeAt(0)) && !isBlank(value.charCodeAt(value.length - 1))
  return isBare ? value : value.replace(/^[\t ]+/, '').replace(/[\t ]+$/, '')
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

let datedAt = 0
let date = ''

/** The time of now as a `date` field has it; made once a second. */
export function dateNow(): string {
  const second = Math.floor(Date.now() / 1000)
  if (second !== datedAt) {
    datedAt = second
    date = new Date(second * 1000).toUTCString()
  }
  return date
}

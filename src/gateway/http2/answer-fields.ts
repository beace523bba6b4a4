/** RFC 9113 8.2.2: they speak of a connection of HTTP/1.1 and have no place here. */
const connectionSpecific: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'te',
])

const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
/** No control characters, and no blanks around it (RFC 9113 8.2.1). */
const legalValue = /^(?:[!-~\u0080-\u00ff](?:[\t -~\u0080-\u00ff]*[!-~\u0080-\u00ff])?)?$/

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
    const name = (flat[at] ?? '').toLowerCase()
    if (connectionSpecific.has(name)) continue
    if (!token.test(name)) throw new TypeError('a name that HTTP does not allow')
    const value = legal(flat[at + 1] ?? '')
    if (name === 'content-length') isSized = true
    else if (name === 'date') isDated = true
    list.push(name, value)
  }
  return { list, isSized, isDated }
}

/** Blanks around a value are no part of it. */
function legal(value: string): string {
  if (legalValue.test(value)) return value
  const bare = value.replace(/^[\t ]+/, '').replace(/[\t ]+$/, '')
  if (!legalValue.test(bare)) throw new TypeError('a value that HTTP does not allow')
  return bare
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

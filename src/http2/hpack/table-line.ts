/** What each line counts besides its name and value (RFC 7541 4.1, RFC 9113 6.5.2). */
const lineOverhead = 32

const soundName = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/
const unsoundValue = /[^\t\x20-\x7e\x80-\xff]|^[\t ]|[\t ]$/

/** A line of a table, judged once for all the times it is named. */
export class TableLine {
  readonly name: string
  readonly value: string
  /** RFC 7541 4.1. */
  readonly size: number
  /** What no field may be (RFC 9113 8.2.1). */
  readonly fault: string | undefined

  constructor(name: string, value: string) {
    this.name = name
    this.value = value
    this.size = lineSize(name, value)
    this.fault = faultOf(name, value)
  }
}

export function lineSize(name: string, value: string): number {
  return name.length + value.length + lineOverhead
}

/**
 * Invariant: names are tokens in lower case, or a colon and such a token, and values hold neither control
 * characters nor blanks around them, so that no field reads as another one further on (RFC 9113 8.2.1).
 */
function faultOf(name: string, value: string): string | undefined {
  if (!soundName.test(name)) return 'a field name with a forbidden octet'
  if (unsoundValue.test(value)) return 'a field value with a forbidden octet'
  return undefined
}

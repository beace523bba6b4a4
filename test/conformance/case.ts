/** The host of the one API that every subject of the corpus serves, on the default port of its scheme. */
export const authority = 'gw.proofgate.localhost'
export const host = `Host: ${authority}`

/** Stands for a token of somebody who may call `/app` and `/admin`; put in when a case is played. */
export const tokenOfAlice = '{alice}'
/** The same for somebody who may call `/app` only. */
export const tokenOfBob = '{bob}'

/** A request that must never be one: it is hidden in the body of another. */
export const smuggled = `GET /admin/smuggled HTTP/1.1\r\n${host}\r\n\r\n`

/** What has to come of one case. */
export interface Expected {
  /** Status of each answer, in order, `100 Continue` among them. */
  readonly statuses: readonly number[]
  /** The connection takes another request afterwards. */
  readonly kept: boolean
  /** What reaches the service, each as `METHOD target` or `METHOD target|body`. */
  readonly seen: readonly string[]
  /** The service may get the beginning of one more request, but never its end. */
  readonly mayBeCut?: boolean
  /** Decision records; one for each final answer unless given. */
  readonly records?: number
  /** Lines that must reach the service exactly so (`name: value`, name in lower case). */
  readonly has?: readonly string[]
  /** Names that must not reach the service, in lower case. */
  readonly lacks?: readonly string[]
}

/** Bytes that a caller sends over one connection. */
export interface Case {
  /** Begins with the row of the threat list that it belongs to. */
  readonly id: string
  readonly note: string
  /** As latin1; several pieces are sent one after the other with a pause between them. */
  readonly bytes: readonly string[]
  /** The caller then closes its side. */
  readonly eof: boolean
  readonly expect: Expected
}

type Written = Omit<Case, 'bytes' | 'eof'> & {
  readonly bytes: string | readonly string[]
  readonly eof?: boolean
}

export function one({ bytes, eof, ...rest }: Written): Case {
  return { ...rest, bytes: typeof bytes === 'string' ? [bytes] : bytes, eof: eof ?? false }
}

/** One case for each name and value of a table. */
export function each<Value>(
  row: string,
  table: Readonly<Record<string, Value>>,
  make: (value: Value, name: string) => Omit<Written, 'id'>,
): Case[] {
  return Object.entries(table).map(([name, value]) =>
    one({ id: `${row}.${name}`, ...make(value, name) }),
  )
}

/** A request head from its lines. */
export function lines(...parts: readonly string[]): string {
  return `${parts.join('\r\n')}\r\n\r\n`
}

export function get(target: string, ...more: readonly string[]): string {
  return lines(`GET ${target} HTTP/1.1`, host, ...more)
}

export function post(...more: readonly string[]): string {
  return lines('POST /public/x HTTP/1.1', host, ...more)
}

/** Refused, and the connection ended, because what follows on it cannot be trusted. */
export function refused(status = 400): Expected {
  return { statuses: [status], kept: false, seen: [] }
}

/** Refused, while the connection goes on. */
export function declined(status: number): Expected {
  return { statuses: [status], kept: true, seen: [] }
}

export function served(...seen: readonly string[]): Expected {
  return { statuses: seen.map(() => 200), kept: true, seen }
}

/** Refused when the service may have the beginning already: it is cut off there too. */
export function brokenOff(status = 400): Expected {
  return { statuses: [status], kept: false, seen: [], mayBeCut: true }
}

/** How bytes look in a note: what cannot be seen is escaped. */
export function visible(text: string): string {
  return text
    .slice(0, 60)
    .replaceAll(/[^ -~]/g, (found) => `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

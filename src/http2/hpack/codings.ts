import { integer, text } from './primitives.ts'
import { staticTable } from './static-table.ts'

/** How lines of one name are encoded. */
export interface Coding {
  /** Lines of the static table, by their value. */
  readonly whole: ReadonlyMap<string, string> | undefined
  /** Where connections keep lines of this name, or -1 when they never do. */
  readonly slot: number
  /** What goes in front of a value that is never to be indexed (RFC 7541 6.2.3). */
  readonly never: string
  /** What goes in front of a value that the table keeps (RFC 7541 6.2.1). */
  readonly keeping: string
}

/**
 * Names whose values repeat from message to message and are nobody's secret. Not among them: names that
 * carry credentials, paths, and what differs each time, which would only push out the rest.
 */
const indexed = [
  ':authority',
  ':status',
  'accept',
  'accept-encoding',
  'accept-language',
  'accept-ranges',
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
  'access-control-expose-headers',
  'access-control-max-age',
  'allow',
  'alt-svc',
  'cache-control',
  'content-encoding',
  'content-language',
  'content-security-policy',
  'content-type',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'date',
  'grpc-accept-encoding',
  'grpc-encoding',
  'grpc-status',
  'permissions-policy',
  'pragma',
  'referrer-policy',
  'server',
  'strict-transport-security',
  'te',
  'user-agent',
  'vary',
  'via',
  'x-content-type-options',
  'x-frame-options',
]

const codings: ReadonlyMap<string, Coding> = makeCodings()

/** How many slots there are. */
export const slots = indexed.length

export function codingOf(name: string): Coding | undefined {
  return codings.get(name)
}

function makeCodings(): ReadonlyMap<string, Coding> {
  const names = new Set([...staticTable.map((line) => line.name), ...indexed])
  return new Map([...names].map((name) => [name, makeCoding(name)]))
}

function makeCoding(name: string): Coding {
  const index = 1 + staticTable.findIndex((line) => line.name === name)
  const whole = new Map(
    staticTable.flatMap((line, at) =>
      line.name === name && line.value !== '' ? [[line.value, integer(0x80, 0x7f, at + 1)]] : [],
    ),
  )
  return {
    whole: whole.size > 0 ? whole : undefined,
    slot: indexed.indexOf(name),
    never: index === 0 ? `\x10${text(name)}` : integer(0x10, 0x0f, index),
    keeping: index === 0 ? `\x40${text(name)}` : integer(0x40, 0x3f, index),
  }
}

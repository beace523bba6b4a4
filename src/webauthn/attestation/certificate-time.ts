import { derTag } from '../der.ts'
import type { DerElement } from '../der.ts'

/** Milliseconds of a Time in the one form RFC 5280 4.1.2.5 allows: whole seconds, UTC. */
export function parseTime(element: DerElement | undefined): number | undefined {
  const digits = element === undefined ? undefined : digitsOf(element)
  if (digits === undefined) return undefined
  const iso = digits.replace(/^(....)(..)(..)(..)(..)(..)$/, '$1-$2-$3T$4:$5:$6.000Z')
  const at = Date.parse(iso)
  // A day that the month does not have would be read as one of the next.
  return Number.isNaN(at) || new Date(at).toISOString() !== iso ? undefined : at
}

function digitsOf({ tag, content }: DerElement): string | undefined {
  const text = Buffer.from(content).toString('latin1')
  if (tag === derTag.generalizedTime) return /^(\d{14})Z$/.exec(text)?.[1]
  const short = tag === derTag.utcTime ? /^(\d{12})Z$/.exec(text)?.[1] : undefined
  if (short === undefined) return undefined
  return `${short < '50' ? '20' : '19'}${short}`
}

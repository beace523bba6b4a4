import { z } from 'zod'
import { addressFamily, invariant, parseDuration } from '../core/index.ts'
import type { Millis } from '../core/index.ts'

// A parser compiled for each object takes longer than the one document it would parse, and needs `Function`.
z.config({ jitless: true })

const reference = /\$\{.+\}/.source

/**
 * A text that is not empty; `pattern` goes to the JSON Schema (which lets environment references pass),
 * `holds`, or else the pattern, decides.
 */
export function text(
  kind: string,
  description: string,
  pattern?: RegExp,
  holds: (value: string) => boolean = (value) => pattern?.test(value) ?? true,
) {
  const described = pattern === undefined ? {} : { pattern: `(?:${pattern.source})|${reference}` }
  return z
    .string({ error: kind })
    .refine((value) => value !== '' && holds(value), { error: kind })
    .meta({ description, ...described })
}

/** One of a few words. */
export function word<const Words extends readonly [string, ...string[]]>(
  kind: string,
  description: string,
  words: Words,
) {
  return z.enum(words, { error: kind }).meta({ description })
}

function referenceText() {
  return z.string().meta({ pattern: `^${reference}$` })
}

/** A number, or its digits when they came out of an environment variable. */
export function amount(
  kind: string,
  description: string,
  range: {
    readonly min: number
    readonly max: number
    readonly whole: boolean
    readonly aboveMin?: boolean
  },
) {
  const bounds = range.aboveMin === true ? { exclusiveMinimum: range.min } : { minimum: range.min }
  const type = range.whole ? 'integer' : 'number'
  const number = z.number().meta({ type, ...bounds, maximum: range.max })
  return z
    .union([number, referenceText()], { error: kind })
    .refine(
      (value) => {
        const read = readAmount(value)
        if (range.whole && !Number.isSafeInteger(read)) return false
        return read <= range.max && (range.aboveMin === true ? read > range.min : read >= range.min)
      },
      { error: kind },
    )
    .meta({ description })
}

/** NaN for what is not a plain decimal number. */
export function readAmount(value: number | string): number {
  if (typeof value === 'number') return value
  return /^\d{1,15}(?:\.\d{1,6})?$/.test(value) ? Number(value) : Number.NaN
}

/** true or false, or the word when it came out of an environment variable. */
export function flag(description: string) {
  return z
    .union([z.boolean(), referenceText()], { error: 'flag' })
    .refine((value) => value === true || value === false || value === 'true' || value === 'false', {
      error: 'flag',
    })
    .meta({ description })
}

export function readFlag(value: boolean | string): boolean {
  return value === true || value === 'true'
}

/** A duration from `min` to `max`, both written as durations. */
export function duration(description: string, min: string, max: string, kind = 'duration') {
  const [least, most] = [readDuration(min), readDuration(max)]
  return text(kind, `${description} (${min} to ${max})`, /^\d{1,9}(ms|s|m|h|d)$/, (value) => {
    const read = parseDuration(value)
    return read !== undefined && read >= least && read <= most
  })
}

export function readDuration(value: string): Millis {
  const read = parseDuration(value)
  invariant(read !== undefined, 'a duration was checked before it is read')
  return read
}

const percentageShape = /^(?:[1-9]\d?|100)%$/

export function percentage(description: string) {
  return text('percentage', `${description} (1% to 100%)`, percentageShape)
}

/** As a share of 1. */
export function readPercentage(value: string): number {
  return Number(value.slice(0, -1)) / 100
}

const sizeUnits = { B: 1, KiB: 1024, MiB: 1_048_576, GiB: 1_073_741_824 } as const
const sizeShape = /^(\d{1,12})(B|KiB|MiB|GiB)?$/

/** A number of bytes, or a text such as `16KiB`. */
export function size(description: string, min: number, max: number) {
  const textual = z.string().meta({ pattern: `${sizeShape.source}|^${reference}$` })
  return z
    .union([z.number().meta({ type: 'integer', minimum: min, maximum: max }), textual], {
      error: 'size',
    })
    .refine(
      (value) => {
        const read = readSize(value)
        return Number.isSafeInteger(read) && read >= min && read <= max
      },
      { error: 'size' },
    )
    .meta({ description: `${description} (${printSize(min)} to ${printSize(max)})` })
}

/** In bytes; NaN for what is not a size. */
export function readSize(value: number | string): number {
  if (typeof value === 'number') return value
  const match = sizeShape.exec(value)
  if (match === null) return Number.NaN
  return Number(match[1]) * sizeUnits[(match[2] ?? 'B') as keyof typeof sizeUnits]
}

/** The largest exact unit: 16384 becomes `16KiB`. */
export function printSize(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const) {
    if (bytes > 0 && bytes % sizeUnits[unit] === 0) return `${bytes / sizeUnits[unit]}${unit}`
  }
  return `${bytes}B`
}

/** A CIDR block; one that holds every address is no statement about proxies and is refused. */
export function isNarrowCidr(value: string): boolean {
  const match = /^([0-9A-Fa-f.:]{2,45})\/(\d{1,3})$/.exec(value)
  const family = addressFamily(match?.[1] ?? '')
  const prefix = Number(match?.[2] ?? 0)
  return family !== 0 && prefix >= 1 && prefix <= (family === 4 ? 32 : 128)
}

/** `2026-12-31` or `2026-12-31T18:00:00Z`, on a day that exists. */
export function isMoment(value: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}Z)?$/.test(value)) return false
  const read = Date.parse(value)
  return !Number.isNaN(read) && new Date(read).toISOString().startsWith(value.replace('Z', ''))
}

import { Secret } from '../../core/index.ts'
import type { Configuration } from '../model.ts'

declare const portable: unique symbol

/**
 * A configuration as it goes from process to process and from thread to thread, where only plain data goes: its
 * secrets are texts behind a key nothing else has, and so are the records that inherit nothing.
 */
export type PortableConfiguration = { readonly [portable]: true }

const secretKey = '\0secret'
const bareKey = '\0bare'

export function packConfiguration(configuration: Configuration): PortableConfiguration {
  return mapWhole(configuration, packOne) as PortableConfiguration
}

/** Frozen again, as a configuration is; what was one object is one again. */
export function unpackConfiguration(packed: PortableConfiguration): Configuration {
  return mapWhole(packed, unpackOne) as Configuration
}

/** Maps what is in it by itself. */
type Within = (value: unknown) => unknown

/** Each object once, however many lead to it: a thousand routes share what none of them says. */
function mapWhole(whole: unknown, mapOne: (value: object, within: Within) => unknown): unknown {
  const known = new Map<object, unknown>()
  const within: Within = (value) => {
    if (typeof value !== 'object' || value === null) return value
    const before = known.get(value)
    if (before !== undefined) return before
    const mapped = mapOne(value, within)
    known.set(value, mapped)
    return mapped
  }
  return within(whole)
}

/** Everything but lists and plain records travels as the runtime copies it. */
function packOne(value: object, within: Within): unknown {
  if (value instanceof Secret) return { [secretKey]: value.reveal() }
  if (Array.isArray(value)) return value.map(within)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null) return { [bareKey]: mapMembers(value, within) }
  return prototype === Object.prototype ? mapMembers(value, within) : value
}

/** Invariant: a record that inherited nothing inherits nothing again, whatever its keys are called. */
function unpackOne(value: object, within: Within): unknown {
  if (Array.isArray(value)) return Object.freeze(value.map(within))
  if (Object.getPrototypeOf(value) !== Object.prototype) return value
  const record = value as Readonly<Record<string, unknown>>
  if (Object.hasOwn(record, secretKey)) return new Secret(String(record[secretKey]))
  if (!Object.hasOwn(record, bareKey)) return Object.freeze(mapMembers(record, within))
  const bare = Object.create(null) as object
  return Object.freeze(Object.assign(bare, mapMembers(record[bareKey] as object, within)))
}

function mapMembers(value: object, within: Within): object {
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, within(inner)]))
}

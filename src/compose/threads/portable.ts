import { Secret } from '../../core/index.ts'
import type { Configuration } from '../../config/index.ts'

declare const portable: unique symbol

/** A configuration as it goes from thread to thread: its secrets are texts behind a key nothing else has. */
export type PortableConfiguration = { readonly [portable]: true }

const secretKey = '\0secret'

export function packConfiguration(configuration: Configuration): PortableConfiguration {
  return pack(configuration) as PortableConfiguration
}

export function unpackConfiguration(packed: PortableConfiguration): Configuration {
  return unpack(packed) as Configuration
}

function pack(value: unknown): unknown {
  if (value instanceof Secret) return { [secretKey]: value.reveal() }
  return mapPlain(value, pack)
}

/** Frozen again, as a configuration is. */
function unpack(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && Object.hasOwn(value, secretKey)) {
    return new Secret((value as Record<string, string>)[secretKey] ?? '')
  }
  const mapped = mapPlain(value, unpack)
  return typeof mapped === 'object' ? Object.freeze(mapped) : mapped
}

/** Everything but lists and plain records travels as the runtime copies it. */
function mapPlain(value: unknown, map: (value: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(map)
  if (typeof value !== 'object' || value === null) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, map(inner)]))
}

import { createHash } from 'node:crypto'
import { canonicalJson, isJsonObject } from '../core/index.ts'
import type { Json } from '../core/index.ts'
import type { Configuration } from './model.ts'
import { printPath } from './problems.ts'
import type { Path } from './problems.ts'

/** One value of a configuration and where it came from. */
export interface EffectiveValue {
  /** `apis.orders.routes[0].path` */
  readonly path: string
  readonly value: string
  readonly source: ValueSource
  /** `file:line:column`, for what stands in a file. */
  readonly place?: string
}

/** `derived` follows from other values; `environment` came through a reference in the file. */
export type ValueSource = 'default' | 'file' | 'environment' | 'flag' | 'derived'

/** Each value with where it came from, for `proofgate config show`. Secrets show as `[secret]`. */
export function effectiveValues(configuration: Configuration): readonly EffectiveValue[] {
  return configuration.effective
}

/** Flattens the effective document; `origin` says where a value came from. */
export function listValues(
  tree: unknown,
  origin: (path: Path) => { readonly source: ValueSource; readonly place?: string },
): readonly EffectiveValue[] {
  const values: EffectiveValue[] = []
  const visit = (value: unknown, path: Path): void => {
    if (value === undefined) return
    const shown = show(value, path)
    if (shown !== undefined) {
      values.push(Object.freeze({ path: printPath(path), value: shown, ...origin(path) }))
    } else if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) visit(item, [...path, index])
    } else {
      for (const [key, member] of Object.entries(value as object)) visit(member, [...path, key])
    }
  }
  visit(tree, [])
  return Object.freeze(values)
}

const hidden = '[secret]'

/** `undefined` for what is shown part by part. */
function show(value: unknown, path: Path): string | undefined {
  if (isSecretPath(path)) return hidden
  if (path[0] === 'policies' && path.length === 2) return showPolicy(value)
  if (Array.isArray(value)) {
    return value.some((item) => typeof item === 'object') ? undefined : `[${value.join(', ')}]`
  }
  if (!isJsonObject(value)) return String(value)
  return Object.keys(value).length === 0 && path.length > 0 ? '{}' : undefined
}

function showPolicy(value: unknown): string {
  const statements = isJsonObject(value) ? value['Statement'] : undefined
  const count = Array.isArray(statements) ? statements.length : 1
  return count === 1 ? '1 statement' : `${count} statements`
}

function isSecretPath(path: Path): boolean {
  return path[0] === 'clients' && path[2] === 'secret'
}

export function versionsOf(tree: unknown): Pick<Configuration, 'version' | 'rulesVersion'> {
  return { version: contentVersion(tree), rulesVersion: rulesVersion(tree) }
}

/**
 * Names the content of a configuration: equal for equal effective values, whatever file they stood in.
 *
 * Invariant: secrets take no part, so that a version in a log gives nobody something to guess against.
 */
function contentVersion(tree: unknown): string {
  const text = canonicalJson(withoutSecrets(tree, []) as Json)
  return createHash('sha256').update(`proofgate/configuration\0${text}`).digest('hex').slice(0, 16)
}

/** What is a process's own, and has no say in what it decides. */
const ownKeys: ReadonlySet<string> = new Set(['dataDir', 'storage', 'workers', 'log'])
const ownListenerKeys: ReadonlySet<string> = new Set(['address', 'port'])

/**
 * The same without what processes differ in that decide alike: addresses they listen at, and places they
 * keep things.
 */
function rulesVersion(tree: unknown): string {
  const { listeners, ...rest } = keep(tree, (key) => !ownKeys.has(key))
  const front = isJsonObject(listeners) ? listeners['public'] : undefined
  return contentVersion({ ...rest, front: keep(front, (key) => !ownListenerKeys.has(key)) })
}

function keep(tree: unknown, isKept: (key: string) => boolean): Record<string, unknown> {
  const members = typeof tree === 'object' && tree !== null ? Object.entries(tree) : []
  return Object.fromEntries(members.filter(([key]) => isKept(key)))
}

function withoutSecrets(value: unknown, path: Path): unknown {
  if (isSecretPath(path)) return hidden
  if (Array.isArray(value))
    return value.map((item, index) => withoutSecrets(item, [...path, index]))
  if (!isJsonObject(value)) return path[0] === 'policies' ? value : String(value)
  const copy = Object.create(null) as Record<string, unknown>
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) copy[key] = withoutSecrets(member, [...path, key])
  }
  return copy
}

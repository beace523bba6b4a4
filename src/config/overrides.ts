import type { Located } from './located.ts'
import { pathKey } from './problems.ts'
import type { ProblemList } from './problems.ts'

/** Values given as flags; they win over the file. */
export interface ConfigurationOverrides {
  readonly origin?: string | undefined
  readonly domain?: string | undefined
  /** Port of the public listener. */
  readonly port?: number | undefined
  readonly adminPort?: number | undefined
  /** The port callers use when it is not the listener's: a proxy is in front, or the port was 0. */
  readonly publishedPort?: number | undefined
  /** URL of the only upstream. */
  readonly upstreamUrl?: string | undefined
  /** Absolute. */
  readonly dataDirectory?: string | undefined
}

type Tree = Record<string, unknown>

/**
 * Puts flags into the document before it is checked, so that they pass the same checks. Answers which
 * path came from which flag, by `pathKey`.
 */
export function applyOverrides(
  located: Located,
  overrides: ConfigurationOverrides,
  problems: ProblemList,
): ReadonlyMap<string, string> {
  const flags = new Map<string, string>()
  const root = located.value
  if (!isTree(root)) return flags
  const put = (path: readonly string[], value: unknown, flag: string): void => {
    if (value === undefined || !place(root, path, value)) return
    flags.set(pathKey(path), flag)
  }
  // One of the two decides everything else: a flag replaces whichever the file has.
  if (overrides.origin !== undefined) delete root['domain']
  else if (overrides.domain !== undefined) delete root['origin']
  put(['origin'], overrides.origin, '--origin')
  put(['domain'], overrides.domain, '--domain')
  put(['listeners', 'public', 'port'], overrides.port, '--port')
  put(['listeners', 'admin', 'port'], overrides.adminPort, '--admin-port')
  put(['dataDir'], overrides.dataDirectory, '--data')
  const upstream = upstreamPath(root, overrides, problems)
  if (upstream !== undefined) put(upstream, overrides.upstreamUrl, '--upstream')
  return flags
}

function upstreamPath(
  root: Tree,
  overrides: ConfigurationOverrides,
  problems: ProblemList,
): readonly string[] | undefined {
  if (overrides.upstreamUrl === undefined) return undefined
  const { upstreams } = root
  const names = isTree(upstreams) ? Object.keys(upstreams) : []
  const [only] = names
  if (names.length === 1 && only !== undefined) return ['upstreams', only, 'url']
  problems.add({
    file: '--upstream',
    line: 1,
    column: 1,
    path: 'upstreams',
    code: 'config.flag',
    message: `found ${names.length} upstreams, expected one that the flag could be about`,
    hint: 'Change the URL in the file instead.',
  })
  return undefined
}

/** Makes the mappings on the way; not where the document has something else there. */
function place(root: Tree, path: readonly string[], value: unknown): boolean {
  let target = root
  for (const part of path.slice(0, -1)) {
    if (!Object.hasOwn(target, part)) target[part] = Object.create(null) as Tree
    const next = target[part]
    if (!isTree(next)) return false
    target = next
  }
  target[path.at(-1) ?? ''] = value
  return true
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

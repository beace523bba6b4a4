import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { getCompileCacheDir } from 'node:module'
import { dirname, resolve } from 'node:path'
import { ProofgateError } from '../../core/index.ts'
import type { Environment } from '../environment.ts'
import type { LoadResult } from '../load.ts'
import type { ConfigurationOverrides } from '../overrides.ts'
import type { FileText, Reply, Request } from './messages.ts'
import { unpackConfiguration } from './portable.ts'

export interface ReadInput {
  /** As the operator named it; absent: `upstream`, or else the configuration Proofgate carries itself. */
  readonly file?: string | undefined
  /** `proofgate up URL`. */
  readonly upstream?: string | undefined
  readonly environment: Environment
  readonly overrides?: ConfigurationOverrides | undefined
  readonly readFile: (path: string) => string
}

/**
 * Reads configurations in a process of its own, which begins at once and ends with `close`. Files are read
 * here, so that what was looked at is what is loaded. Where no process can be had it is done in this one.
 */
export class ConfigurationReader {
  #child: ChildProcess | undefined
  readonly #waiting: ((reply: Reply | undefined) => void)[] = []

  constructor() {
    try {
      const child = fork(entry, {
        serialization: 'advanced',
        execArgv: ['--disable-warning=ExperimentalWarning'],
        env: childEnvironment(),
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
      child.on('message', (reply: Reply) => this.#waiting.shift()?.(reply))
      child.on('error', () => this.#lose())
      child.on('exit', () => this.#lose())
      this.#child = child
    } catch {
      this.#lose()
    }
  }

  /** As `loadConfiguration`. */
  async read({ readFile, ...named }: ReadInput): Promise<LoadResult> {
    const files = new Map<string, FileText>()
    const { file, upstream, overrides, environment } = named
    // It is always asked for.
    if (file !== undefined) files.set(resolve(file), readOne(resolve(file), readFile))
    for (;;) {
      const request = { kind: 'read', file, upstream, overrides, environment, files } as const
      const reply = await this.#ask({ ...request, environment: { ...environment } })
      if (reply?.kind === 'missing') {
        for (const path of reply.paths) files.set(path, readOne(path, readFile))
      } else if (reply?.kind === 'read') {
        const { result } = reply
        if ('problems' in result) return result
        return { ...result, configuration: unpackConfiguration(result.configuration) }
      } else return readHere({ ...named, readFile: (path) => textOf(path, files, readFile) })
    }
  }

  /** The JSON Schema of proofgate.yaml, as text. */
  async schema(): Promise<string> {
    const reply = await this.#ask({ kind: 'schema' })
    if (reply?.kind === 'schema') return reply.schema
    const { configurationSchema } = await import('../reference.ts')
    return JSON.stringify(configurationSchema(), null, 2)
  }

  close(): void {
    const child = this.#child
    this.#child = undefined
    if (child?.connected === true) child.disconnect()
  }

  /** Replies come in the order of the requests; nothing is one that never comes. */
  #ask(request: Request): Promise<Reply | undefined> {
    const child = this.#child
    if (child === undefined) return Promise.resolve(undefined)
    return new Promise((answered) => {
      this.#waiting.push(answered)
      child.send(request, (error) => {
        if (error !== null) this.#lose()
      })
    })
  }

  #lose(): void {
    this.#child = undefined
    for (const answered of this.#waiting.splice(0)) answered(undefined)
  }
}

async function readHere({ upstream, ...input }: ReadInput): Promise<LoadResult> {
  const { loadConfiguration } = await import('../load.ts')
  const { upConfiguration } = await import('../sample.ts')
  const text = upstream === undefined ? undefined : upConfiguration(upstream)
  return loadConfiguration({ ...input, text })
}

function readOne(path: string, readFile: (path: string) => string): FileText {
  try {
    return { text: readFile(path) }
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    return { code, message, isOurs: error instanceof ProofgateError }
  }
}

/** Those the other process has seen are not read again. */
function textOf(
  path: string,
  files: ReadonlyMap<string, FileText>,
  readFile: (path: string) => string,
): string {
  const known = files.get(path)
  return known !== undefined && 'text' in known ? known.text : readFile(path)
}

/** As this file: TypeScript in the repository, JavaScript in the package. */
const entry = new URL(
  import.meta.filename.endsWith('.ts') ? './entry.ts' : './entry.js',
  import.meta.url,
)

/** Ours, but for an inspector, which has one port; what the process compiled is kept where this one keeps it. */
function childEnvironment(): NodeJS.ProcessEnv {
  const options = (process.env['NODE_OPTIONS'] ?? '').split(/\s+/)
  const compiled = getCompileCacheDir()
  return {
    ...process.env,
    NODE_OPTIONS: options.filter((option) => !option.startsWith('--inspect')).join(' '),
    ...(compiled === undefined ? {} : { NODE_COMPILE_CACHE: dirname(compiled) }),
  }
}

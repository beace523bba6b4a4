import type { ChildProcess } from 'node:child_process'
import { resolve } from 'node:path'
import { millis, ProofgateError } from '../../core/index.ts'
import type { Millis } from '../../core/index.ts'
import type { Environment } from '../environment.ts'
import type { LoadResult } from '../load.ts'
import type { ConfigurationOverrides } from '../overrides.ts'
import { beginReading } from './begin.ts'
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

/** How long one reading may take, whatever comes of it meanwhile. */
const longestReading = millis(60_000)
/** How long a process that nobody asks any more may take to end. */
const longestLeaving = millis(5_000)

/**
 * Reads configurations in a process of its own, which begins at once and ends with `close`. Files are read
 * here, so that what was looked at is what is loaded. Where no process can be had it is done in this one.
 *
 * A process that does not answer in time, or is asked when `close` is called, is killed, and the reading ends
 * with a problem: what another process did not come to an end with, this one does not begin.
 */
export class ConfigurationReader {
  #child: ChildProcess | undefined
  readonly #waiting: ((reply: Answer) => void)[] = []
  readonly #limit: Millis

  /**
   * @param begun - a process of `beginReading`; one of its own is begun unless given.
   * @param limit - how long one reading may take; 60 s unless given.
   */
  constructor({ begun, limit = longestReading }: { begun?: ChildProcess; limit?: Millis } = {}) {
    this.#limit = limit
    const child = begun ?? beginReading()
    if (child === undefined || !isAlive(child)) return
    child.on('message', (reply: Reply) => this.#waiting.shift()?.(reply))
    child.on('error', () => this.#lose())
    child.on('exit', () => this.#lose())
    this.#child = child
    endWithUs(child)
  }

  /** As `loadConfiguration`. */
  async read({ readFile, ...named }: ReadInput): Promise<LoadResult> {
    const files = new Map<string, FileText>()
    const until = performance.now() + this.#limit
    const { file, upstream, overrides, environment } = named
    // It is always asked for.
    if (file !== undefined) files.set(resolve(file), readOne(resolve(file), readFile))
    for (;;) {
      const request = { kind: 'read', file, upstream, overrides, environment, files } as const
      const reply = await this.#ask({ ...request, environment: { ...environment } }, until)
      if (reply.kind === 'missing') {
        for (const path of reply.paths) files.set(path, readOne(path, readFile))
      } else if (reply.kind === 'read') {
        const { result } = reply
        if ('problems' in result) return result
        return { ...result, configuration: unpackConfiguration(result.configuration) }
      } else if (reply.kind === 'given up') {
        return notRead(reply.why, { file, files: [...files.keys()] })
      } else return readHere({ ...named, readFile: (path) => textOf(path, files, readFile) })
    }
  }

  /** The JSON Schema of proofgate.yaml, as text. */
  async schema(): Promise<string> {
    const reply = await this.#ask({ kind: 'schema' }, performance.now() + this.#limit)
    if (reply.kind === 'schema') return reply.schema
    const { configurationSchema } = await import('../reference.ts')
    return JSON.stringify(configurationSchema(), null, 2)
  }

  close(): void {
    const child = this.#child
    if (this.#waiting.length > 0) return this.#giveUp('found the reading ended from outside')
    this.#child = undefined
    if (child?.connected !== true) return
    child.disconnect()
    // Whoever ends does not wait for it.
    child.unref()
    const overdue = setTimeout(() => child.kill('SIGKILL'), longestLeaving).unref()
    child.once('exit', () => clearTimeout(overdue))
  }

  /**
   * Replies come in the order of the requests.
   *
   * @param until - on the clock of `performance`.
   */
  #ask(request: Request, until: number): Promise<Answer> {
    const child = this.#child
    if (child === undefined) return Promise.resolve(nobody)
    return new Promise((answered) => {
      const why = `found no answer of the process that reads it within ${this.#limit / 1000} s`
      const timer = setTimeout(() => this.#giveUp(why), until - performance.now())
      this.#waiting.push((reply) => {
        clearTimeout(timer)
        answered(reply)
      })
      child.send(request, (error) => {
        if (error !== null) this.#lose()
      })
    })
  }

  #giveUp(why: string): void {
    const child = this.#child
    this.#lose({ kind: 'given up', why })
    child?.kill('SIGKILL')
    child?.unref()
  }

  #lose(reply: Answer = nobody): void {
    this.#child = undefined
    for (const answered of this.#waiting.splice(0)) answered(reply)
  }
}

/** What becomes of a request: besides replies, that there is nobody to ask, or that nobody waits any more. */
type Answer =
  | Reply
  | { readonly kind: 'nobody' }
  | { readonly kind: 'given up'; readonly why: string }

const nobody = { kind: 'nobody' } as const

function notRead(
  why: string,
  { file, files }: { readonly file: string | undefined; readonly files: readonly string[] },
): LoadResult {
  const problem = {
    file: file ?? '(built in)',
    line: 1,
    column: 1,
    path: '',
    code: 'config.not-read',
    message: `${why}, expected it to be read`,
    hint: 'Try again; if it stays so, look for what stops or starves processes on this machine, or for the policy or pattern that takes so long.',
  } as const
  return { problems: [problem], sources: [], files }
}

/** One that could not be started has no id. */
function isAlive({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null
}

const endingSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
const living = new Set<ChildProcess>()

/** A signal that ends this process, because nobody else listens for it, ends those that read, whatever they do. */
function endWithUs(child: ChildProcess): void {
  if (living.size === 0) for (const signal of endingSignals) process.on(signal, endAll)
  living.add(child)
  child.once('exit', () => {
    living.delete(child)
    if (living.size === 0) for (const signal of endingSignals) process.off(signal, endAll)
  })
}

function endAll(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return
  for (const child of living) child.kill('SIGKILL')
  for (const each of endingSignals) process.off(each, endAll)
  process.kill(process.pid, signal)
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

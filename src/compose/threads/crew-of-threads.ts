import type { Revocation } from '../../session/index.ts'
import { randomBytes } from 'node:crypto'
import { getCompileCacheDir } from 'node:module'
import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { WorkerOptions } from 'node:worker_threads'
import { millis, ProofgateError } from '../../core/index.ts'
import type { Millis } from '../../core/index.ts'
import type { Configuration } from '../../config/index.ts'
import { requireFree } from '../../listener/index.ts'
import type { GatewayTable } from '../../gateway/index.ts'
import type { WaitingRoom } from '../../listener/index.ts'
import {
  AuditDesk,
  entryRingMemory,
  sharedBucketMemory,
  SharedBuckets,
} from '../../workers/index.ts'
import type { AuditReply } from '../../workers/index.ts'
import type { OwnAreas } from '../areas.ts'
import type { Crew } from '../crew.ts'
import { addExpositions } from '../metrics/exposition.ts'
import type { Log } from '../log.ts'
import { Serving } from '../serving.ts'
import type { FromThread, ThreadStart, ToThread } from './messages.ts'
import { packConfiguration } from '../../config/apart/index.ts'
import { ServingThread, ThreadEnded } from './serving-thread.ts'

/** Before a thread that died is started again; doubled while it goes on dying at once. */
const firstPause = 100
const longestPause = 5000
/** What a thread has beyond the deadline of its requests to close its state. */
const closing = 5000
/** A thread that lived this long did not die of its start. */
const lived = 10_000

/**
 * Several threads that serve on one port, each with all it needs but the audit log. One that dies is replaced;
 * what the others do is not touched by that.
 */
export class CrewOfThreads implements Crew {
  readonly #areas: OwnAreas
  readonly #log: Log
  readonly #count: number
  /** Builds what is explained, and finds what cannot be built before the threads do. */
  readonly #own: Serving
  readonly #memory: SharedArrayBuffer
  readonly #buckets: SharedBuckets
  readonly #formKey: Uint8Array
  readonly #threads = new Map<number, ServingThread>()
  #configuration: Configuration | undefined
  #address = ''
  #port = 0
  /** Of what is limited for the process. */
  #share = 1
  #nextThread = 1
  #pause = firstPause
  #stopping = false

  constructor(parts: { areas: OwnAreas; log: Log; count: number }) {
    this.#areas = parts.areas
    this.#log = parts.log
    this.#count = parts.count
    this.#share = 1 / parts.count
    this.#memory = sharedBucketMemory()
    this.#buckets = new SharedBuckets(this.#memory, 0x7fff_ffff)
    this.#formKey = new Uint8Array(randomBytes(32))
    this.#own = new Serving({ ...parts, buckets: this.#buckets, formKey: this.#formKey })
  }

  get table(): GatewayTable {
    return this.#own.table
  }

  /**
   * Invariant: what one thread cannot put in force is in force in none. They go back to what was before, and
   * the configuration is refused.
   */
  async apply(configuration: Configuration): Promise<void> {
    const before = this.#configuration
    this.#own.apply(configuration)
    this.#configuration = configuration
    try {
      await this.#applyInThreads(configuration)
    } catch (error) {
      if (before === undefined) throw error
      this.#configuration = before
      this.#own.apply(before)
      await this.#applyInThreads(before).catch((cause: unknown) => {
        this.#log.failure('the configuration before could not be put back everywhere', cause)
      })
      throw error
    }
  }

  /** A thread that ends meanwhile is followed by one that begins with what is in force then. */
  async #applyInThreads(configuration: Configuration): Promise<void> {
    const packed = packConfiguration(configuration)
    const answers = await this.#ask((call) => ({ kind: 'apply', call, configuration: packed }))
    const failed = answers.find((answer) => answer instanceof Error)
    if (failed !== undefined) throw failed
  }

  /** The first thread finds the port out when any will do; the others then share it. */
  async listen(address: string, port: number, room: WaitingRoom | undefined): Promise<number> {
    if (room === undefined) await requireFree(address, port)
    else this.#share = 1 / (this.#count + 1)
    this.#address = address
    this.#port = port
    this.#port = await this.#start()
    const others = Array.from({ length: this.#count - 1 }, () => this.#start())
    await Promise.all(others)
    // Those who arrive in it are served here: a connection cannot be given to another thread.
    if (room !== undefined) this.#own.adopt(room, this.#share)
    return this.#port
  }

  async drain(deadline: Millis): Promise<void> {
    this.#stopping = true
    await Promise.all([
      this.#own.drain(deadline),
      this.#ask((call) => ({ kind: 'drain', call, deadline }), millis(deadline + closing)),
    ])
  }

  async close(): Promise<void> {
    this.#stopping = true
    await Promise.all([...this.#threads.values()].map((thread) => thread.end()))
    await this.#own.close()
  }

  forgetPrincipals(): void {
    this.#own.forgetPrincipals()
    this.#tell({ kind: 'forget' })
  }

  /** Where it fails the keys known so far stay in use; it is done again soon. */
  async refreshKeys(): Promise<void> {
    await this.#own.refreshKeys()
    await this.#ask((call) => ({ kind: 'keys', call }))
  }

  onRevoked(changes: readonly Revocation[]): void {
    this.#own.forgetChanged(changes)
    this.#tell({ kind: 'revoked' })
  }

  async metrics(): Promise<string> {
    const answers = await this.#ask((call) => ({ kind: 'metrics', call }))
    const texts = answers.filter((answer) => typeof answer === 'string')
    // This thread serves too when it took the place of another process.
    return addExpositions([this.#own.metrics(), ...texts])
  }

  #tell(message: ToThread): void {
    for (const thread of this.#threads.values()) thread.tell(message)
  }

  /** Asks all threads; what each answered, or the error it had. Those that have ended do not count. */
  async #ask(
    make: (call: number) => ToThread,
    within?: Millis,
  ): Promise<readonly (string | Error)[]> {
    const answers = await Promise.allSettled(
      [...this.#threads.values()].map((thread) => thread.call(make, within)),
    )
    return answers.flatMap((answer): readonly (string | Error)[] => {
      if (answer.status === 'fulfilled') return [answer.value]
      if (answer.reason instanceof ThreadEnded) return []
      return [answer.reason instanceof Error ? answer.reason : new Error(String(answer.reason))]
    })
  }

  /** Resolves with the port when the thread serves. */
  async #start(): Promise<number> {
    const thread = this.#nextThread++
    const start: ThreadStart = {
      thread,
      share: this.#share,
      configuration: packConfiguration(this.#requireConfiguration()),
      buckets: this.#memory,
      entries: entryRingMemory(),
      formKey: this.#formKey,
      address: this.#address,
      port: this.#port,
    }
    const began = performance.now()
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const execArgv = ['--disable-warning=ExperimentalWarning']
    const worker = this.#spawn({ workerData: start, execArgv, env: threadEnvironment() })
    const serving = new ServingThread(worker)
    const { audit } = this.#areas
    const reply = (what: AuditReply): void => serving.tell(what)
    const desk = new AuditDesk(audit, { memory: start.entries, reply })
    audit.follow(desk)
    this.#threads.set(thread, serving)
    worker.on('message', (message: FromThread) => {
      if (message.kind === 'audit') audit.wake()
      else if (message.kind === 'answer') serving.settle(message)
      else if (message.kind === 'listening') resolve(message.port)
      else if (message.kind === 'revoked') this.#areas.revocations.tryRefresh()
      else reject(failureOf(message))
    })
    worker.on('error', (error) => this.#log.failure('a serving thread failed', error, { thread }))
    worker.on('exit', () => {
      reject(new ProofgateError('internal', 'a serving thread ended before it served'))
      audit.unfollow(desk)
      this.#ended(thread, performance.now() - began)
    })
    return promise
  }

  #ended(thread: number, age: number): void {
    this.#threads.get(thread)?.abandon()
    this.#threads.delete(thread)
    this.#buckets.release(thread)
    if (this.#stopping || this.#port === 0) return
    this.#pause = age > lived ? firstPause : Math.min(2 * this.#pause, longestPause)
    this.#log.write('error', 'a serving thread ended and is replaced', {
      thread,
      afterMillis: this.#pause,
    })
    this.#replaceLater()
  }

  #replaceLater(): void {
    setTimeout(() => {
      if (this.#stopping) return
      this.#start().catch((error: unknown) => this.#log.failure('no thread started', error))
    }, this.#pause).unref()
  }

  /** A machine that has no room for another thread now may have it later. */
  #spawn(options: WorkerOptions): Worker {
    try {
      return new Worker(threadFile, options)
    } catch (error) {
      if (!this.#stopping && this.#threads.size > 0) this.#replaceLater()
      throw error
    }
  }

  #requireConfiguration(): Configuration {
    if (this.#configuration === undefined) throw new TypeError('no configuration is in force yet')
    return this.#configuration
  }
}

/** As this file: TypeScript in the repository, JavaScript in the package. */
const threadFile = new URL(
  import.meta.filename.endsWith('.ts') ? './entry.ts' : './entry.js',
  import.meta.url,
)

/** Ours. A thread keeps what it compiled where the process does only if it is told where. */
function threadEnvironment(): NodeJS.ProcessEnv {
  const compiled = getCompileCacheDir()
  // Its last folder is named after this Node, which adds it by itself.
  return compiled === undefined
    ? process.env
    : { ...process.env, NODE_COMPILE_CACHE: dirname(compiled) }
}

function failureOf(message: Extract<FromThread, { kind: 'failed' }>): ProofgateError {
  const { code, hint } = message
  return new ProofgateError(code, message.message, hint === '' ? {} : { hint })
}

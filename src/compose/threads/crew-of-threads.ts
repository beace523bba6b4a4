import { randomBytes } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { ProofgateError } from '../../core/index.ts'
import type { Millis } from '../../core/index.ts'
import type { Configuration } from '../../config/index.ts'
import { requireFree } from '../../gateway/index.ts'
import type { GatewayTable, WaitingRoom } from '../../gateway/index.ts'
import { AuditDesk, sharedBucketMemory, SharedBuckets } from '../../workers/index.ts'
import type { OwnAreas } from '../areas.ts'
import type { Crew } from '../crew.ts'
import { addExpositions } from '../metrics/exposition.ts'
import type { Log } from '../log.ts'
import { Serving } from '../serving.ts'
import type { FromThread, ThreadStart, ToThread } from './messages.ts'
import { packConfiguration } from './portable.ts'
import { ServingThread } from './serving-thread.ts'

/** Before a thread that died is started again; doubled while it goes on dying at once. */
const firstPause = 100
const longestPause = 5000
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
  #nextThread = 1
  #pause = firstPause
  #stopping = false

  constructor(parts: { areas: OwnAreas; log: Log; count: number }) {
    this.#areas = parts.areas
    this.#log = parts.log
    this.#count = parts.count
    this.#memory = sharedBucketMemory()
    this.#buckets = new SharedBuckets(this.#memory, 0x7fff_ffff)
    this.#formKey = new Uint8Array(randomBytes(32))
    this.#own = new Serving({ ...parts, buckets: this.#buckets, formKey: this.#formKey })
  }

  get table(): GatewayTable {
    return this.#own.table
  }

  async apply(configuration: Configuration): Promise<void> {
    this.#own.apply(configuration)
    this.#configuration = configuration
    const packed = packConfiguration(configuration)
    await this.#all((thread) =>
      thread.call((call) => ({ kind: 'apply', call, configuration: packed })),
    )
  }

  /** The first thread finds the port out when any will do; the others then share it. */
  async listen(address: string, port: number, room: WaitingRoom | undefined): Promise<number> {
    if (room === undefined) await requireFree(address, port)
    this.#address = address
    this.#port = port
    this.#port = await this.#start()
    const others = Array.from({ length: this.#count - 1 }, () => this.#start())
    await Promise.all(others)
    // Those who arrive in it are served here: a connection cannot be given to another thread.
    if (room !== undefined) this.#own.adopt(room, 1 / this.#count)
    return this.#port
  }

  async drain(deadline: Millis): Promise<void> {
    this.#stopping = true
    await Promise.all([
      this.#own.drain(deadline),
      this.#all((thread) => thread.call((call) => ({ kind: 'drain', call, deadline }))),
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

  async refreshKeys(): Promise<void> {
    await this.#own.refreshKeys()
    await this.#all((thread) => thread.call((call) => ({ kind: 'keys', call })))
  }

  onRevoked(): void {
    this.#own.forgetPrincipals()
    this.#tell({ kind: 'revoked' })
  }

  async metrics(): Promise<string> {
    const texts = await Promise.all(
      [...this.#threads.values()].map((thread) =>
        thread.call((call) => ({ kind: 'metrics', call })).catch(() => ''),
      ),
    )
    return addExpositions(texts.filter((text) => text !== ''))
  }

  #tell(message: ToThread): void {
    for (const thread of this.#threads.values()) thread.tell(message)
  }

  /** One that cannot do as it is told is ended, and replaced by one that begins with what is in force now. */
  async #all(work: (thread: ServingThread) => Promise<unknown>): Promise<void> {
    await Promise.all(
      [...this.#threads.values()].map((thread) => work(thread).catch(() => thread.end())),
    )
  }

  /** Resolves with the port when the thread serves. */
  #start(): Promise<number> {
    const thread = this.#nextThread++
    const start: ThreadStart = {
      thread,
      threads: this.#count,
      configuration: packConfiguration(this.#requireConfiguration()),
      buckets: this.#memory,
      formKey: this.#formKey,
      address: this.#address,
      port: this.#port,
    }
    const began = performance.now()
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const execArgv = ['--disable-warning=ExperimentalWarning']
    const worker = new Worker(threadFile, { workerData: start, execArgv })
    const serving = new ServingThread(worker)
    const desk = new AuditDesk(this.#areas.audit, (reply) => serving.tell(reply))
    this.#threads.set(thread, serving)
    worker.on('message', (message: FromThread) => {
      if (message.kind === 'audit') desk.take(message)
      else if (message.kind === 'answer') serving.settle(message)
      else if (message.kind === 'listening') resolve(message.port)
      else if (message.kind === 'revoked') this.#areas.revocations.refresh()
      else reject(failureOf(message))
    })
    worker.on('error', (error) => this.#log.failure('a serving thread failed', error, { thread }))
    worker.on('exit', () => {
      reject(new ProofgateError('internal', 'a serving thread ended before it served'))
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
    setTimeout(() => {
      if (this.#stopping) return
      this.#start().catch((error: unknown) => this.#log.failure('no thread started', error))
    }, this.#pause).unref()
  }

  #requireConfiguration(): Configuration {
    if (this.#configuration === undefined) throw new TypeError('no configuration is in force yet')
    return this.#configuration
  }
}

/** As this file: TypeScript in the repository, JavaScript in the package. */
const threadFile = new URL(
  import.meta.filename.endsWith('.ts') ? './thread.ts' : './thread.js',
  import.meta.url,
)

function failureOf(message: Extract<FromThread, { kind: 'failed' }>): ProofgateError {
  const { code, hint } = message
  return new ProofgateError(code, message.message, hint === '' ? {} : { hint })
}

import type { Worker } from 'node:worker_threads'
import { millis } from '../../core/index.ts'
import type { Millis } from '../../core/index.ts'
import type { FromThread, ToThread } from './messages.ts'

/** How long a thread may take to answer unless the caller says otherwise. */
const patience = millis(10_000)

interface Caller {
  readonly resolve: (text: string) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

/** The thread is gone, or is on its way out: what it was asked does not matter any more. */
export class ThreadEnded extends Error {
  constructor() {
    super('the thread has ended')
    this.name = 'ThreadEnded'
  }
}

/** A serving thread as the one that started it sees it: told things, and asked things it answers in time. */
export class ServingThread {
  readonly #worker: Worker
  readonly #calls = new Map<number, Caller>()
  #nextCall = 0
  #gone = false

  constructor(worker: Worker) {
    this.#worker = worker
  }

  tell(message: ToThread): void {
    if (!this.#gone) this.#worker.postMessage(message)
  }

  /** One that does not answer in time hangs: it is ended, which replaces it. */
  call(make: (call: number) => ToThread, within: Millis = patience): Promise<string> {
    if (this.#gone) return Promise.reject(new ThreadEnded())
    const call = this.#nextCall++
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const timer = setTimeout(() => void this.end(), within)
    this.#calls.set(call, { resolve, reject, timer })
    this.#worker.postMessage(make(call))
    return promise
  }

  settle(answer: Extract<FromThread, { kind: 'answer' }>): void {
    const caller = this.#calls.get(answer.call)
    if (caller === undefined) return
    this.#calls.delete(answer.call)
    clearTimeout(caller.timer)
    if (answer.failed) caller.reject(new Error(answer.text))
    else caller.resolve(answer.text)
  }

  /** It has ended: nobody is answered any more. */
  abandon(): void {
    this.#gone = true
    const callers = [...this.#calls.values()]
    this.#calls.clear()
    for (const caller of callers) {
      clearTimeout(caller.timer)
      caller.reject(new ThreadEnded())
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}

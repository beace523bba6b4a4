import type { Worker } from 'node:worker_threads'
import type { FromThread, ToThread } from './messages.ts'

interface Caller {
  readonly resolve: (text: string) => void
  readonly reject: (error: Error) => void
}

/** A serving thread as the one that started it sees it: told things, and asked things it answers. */
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

  call(make: (call: number) => ToThread): Promise<string> {
    if (this.#gone) return Promise.reject(new Error('the thread has ended'))
    const call = this.#nextCall++
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    this.#calls.set(call, { resolve, reject })
    this.#worker.postMessage(make(call))
    return promise
  }

  settle(answer: Extract<FromThread, { kind: 'answer' }>): void {
    const caller = this.#calls.get(answer.call)
    this.#calls.delete(answer.call)
    if (answer.failed) caller?.reject(new Error(answer.text))
    else caller?.resolve(answer.text)
  }

  /** It has ended: nobody is answered any more. */
  abandon(): void {
    this.#gone = true
    const callers = [...this.#calls.values()]
    this.#calls.clear()
    for (const caller of callers) caller.reject(new Error('the thread has ended'))
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}

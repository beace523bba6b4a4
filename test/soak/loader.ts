import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Order, Word } from './load.ts'
import type { Target } from './target.ts'
import type { Counts } from './traffic.ts'

/** The process that `load.ts` is, as a soak holds it. */
export class Loader {
  readonly servicePort: number
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, servicePort: number) {
    this.#child = child
    this.servicePort = servicePort
  }

  static async start(): Promise<Loader> {
    const child = fork(fileURLToPath(new URL('load.ts', import.meta.url)), {
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
    const [word] = (await once(child, 'message')) as [Word]
    if (word.kind !== 'listening') throw new Error('the load does not listen')
    return new Loader(child, word.port)
  }

  aim(target: Target): void {
    this.#order({ kind: 'target', target })
  }

  /** Sends until so many requests are counted in all since the start. */
  run(total: number, callers: number): Promise<Counts> {
    const done = this.#hear('done')
    this.#order({ kind: 'run', total, callers })
    return done
  }

  /** With nothing under way, closes all connections on both sides of the gateway; the next run opens others. */
  rest(): void {
    this.#order({ kind: 'rest' })
  }

  /** Ends the run under way, and each one after it, with what is under way. */
  enough(): void {
    this.#order({ kind: 'enough' })
  }

  counts(): Promise<Counts> {
    const counted = this.#hear('counts')
    this.#order({ kind: 'counts' })
    return counted
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#order({ kind: 'end' })
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000)
    await exited
    clearTimeout(timer)
  }

  #order(order: Order): void {
    if (this.#child.connected) this.#child.send(order)
  }

  #hear(kind: 'counts' | 'done'): Promise<Counts> {
    return new Promise((resolve, reject) => {
      const over = (code: number | null): void => reject(new Error(`the load ended with ${code}`))
      const listen = (word: Word): void => {
        if (word.kind !== kind) return
        this.#child.off('message', listen)
        this.#child.off('exit', over)
        resolve(word.counts)
      }
      this.#child.on('message', listen)
      this.#child.once('exit', over)
    })
  }
}

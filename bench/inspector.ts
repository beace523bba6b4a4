/** A process of Node as its debugger sees it: garbage collection on demand, heap size, CPU profiles. */
import { ask } from './load.ts'

/** Node options for a process that listens for its debugger on this port of 127.0.0.1. */
export function inspectable(port: number): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--inspect=127.0.0.1:${port}` }
}

/** As V8 writes it: a tree of calls, and which of them each sample found running. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      readonly lineNumber: number
    }
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[]
}

export class Inspector {
  readonly #socket: WebSocket
  readonly #answers = new Map<number, (answer: { result?: unknown; error?: object }) => void>()
  #sent = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(String(data)) as { id?: number; result?: unknown; error?: object }
      if (answer.id === undefined) return
      this.#answers.get(answer.id)?.(answer)
      this.#answers.delete(answer.id)
    })
  }

  static async connect(port: number): Promise<Inspector> {
    const { body } = await ask(`http://127.0.0.1:${port}/json/list`, {})
    const [target] = JSON.parse(body) as { webSocketDebuggerUrl: string }[]
    const socket = new WebSocket(target!.webSocketDebuggerUrl)
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve(), { once: true })
      socket.addEventListener('error', () => reject(new Error('the inspector refuses')), {
        once: true,
      })
    })
    return new Inspector(socket)
  }

  /** Bytes on the heap that are still in use after a full collection. */
  async liveHeapBytes(): Promise<number> {
    await this.#call('HeapProfiler.enable')
    // The second one takes what the first one's finalizers let go.
    for (let turn = 0; turn < 2; turn += 1) await this.#call('HeapProfiler.collectGarbage')
    const { usedSize } = (await this.#call('Runtime.getHeapUsage')) as { usedSize: number }
    return usedSize
  }

  async startProfile(intervalMicros: number): Promise<void> {
    await this.#call('Profiler.enable')
    await this.#call('Profiler.setSamplingInterval', { interval: intervalMicros })
    await this.#call('Profiler.start')
  }

  async stopProfile(): Promise<CpuProfile> {
    const { profile } = (await this.#call('Profiler.stop')) as { profile: CpuProfile }
    return profile
  }

  close(): void {
    this.#socket.close()
  }

  #call(method: string, params: object = {}): Promise<unknown> {
    this.#sent += 1
    const id = this.#sent
    return new Promise((resolve, reject) => {
      this.#answers.set(id, (answer) => {
        if (answer.error === undefined) resolve(answer.result)
        else reject(new Error(`${method}: ${JSON.stringify(answer.error)}`))
      })
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
  }
}

/**
 * The load generator, a child process (see `generator.ts`). It sends requests at a constant rate whatever
 * the answers do, and counts each latency from the moment the request was due, not from the moment a
 * connection was free to carry it: a server that stalls is charged for everybody who had to wait. Without
 * a rate it keeps all connections busy instead.
 *
 * It sleeps whenever nothing is due and nothing has arrived. One that stays awake instead takes a core from
 * whom it measures, and charges the wait for that core to whoever needs it more often.
 *
 * HTTP/1.1 with keep-alive, one request at a time on each connection.
 */
import { readFileSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { Histogram } from './histogram.ts'
import type { LoadOrder, LoadOutcome } from './generator.ts'

const READ_BUFFER_BYTES = 65_536
const LONGEST_WAIT_MILLIS = 10_000

/** One keep-alive connection; `onAnswer` is called once for each request it was given. */
class Connection {
  readonly #socket: Socket
  readonly #onAnswer: (connection: Connection, succeeded: boolean) => void
  /** Bytes of the answer's body still to come; -1 while its head is. */
  #missing = -1
  #head = ''
  #succeeded = false
  /** What was wrong with the last answer that was no success. */
  problem = 'the connection was closed'
  dueAt = 0
  isOpen = false

  constructor(
    port: number,
    onOpen: (connection: Connection) => void,
    onAnswer: (connection: Connection, succeeded: boolean) => void,
  ) {
    this.#onAnswer = onAnswer
    const buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)
    this.#socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer,
        callback: (length) => {
          this.#read(buffer, length)
          return true
        },
      },
    })
    this.#socket.once('connect', () => {
      this.isOpen = true
      onOpen(this)
    })
    this.#socket.on('error', () => this.#socket.destroy())
    this.#socket.once('close', () => {
      this.isOpen = false
      onAnswer(this, false)
    })
  }

  send(request: string, dueAt: number): void {
    this.dueAt = dueAt
    this.#socket.write(request, 'latin1')
  }

  end(): void {
    this.#socket.removeAllListeners('close')
    this.#socket.destroy()
  }

  #read(buffer: Buffer, length: number): void {
    let body = length
    if (this.#missing < 0) {
      const text = this.#head + buffer.toString('latin1', 0, length)
      const end = text.indexOf('\r\n\r\n')
      if (end < 0) {
        this.#head = text
        return
      }
      this.#head = ''
      const size = /\r\ncontent-length: *([0-9]+)/i.exec(text.slice(0, end))?.[1]
      this.#succeeded = text.startsWith('HTTP/1.1 2') && size !== undefined
      if (!this.#succeeded) this.problem = text.slice(0, text.indexOf('\r\n'))
      this.#missing = Number(size ?? 0)
      body = text.length - end - 4
    }
    this.#missing -= body
    if (this.#missing > 0) return
    this.#missing = -1
    this.#onAnswer(this, this.#succeeded)
  }
}

/** Wakes the generator at a time, exact to some 60 us: a thread sleeps until then, as timers are too coarse. */
class Alarm {
  readonly #thread = new Worker(new URL('alarm.ts', import.meta.url))
  #ring: (() => void) | undefined

  constructor() {
    this.#thread.on('message', () => {
      const ring = this.#ring
      this.#ring = undefined
      ring?.()
    })
    this.#thread.unref()
  }

  /** One at a time: nothing is set while another is. @param at - on the clock of `performance.now`. */
  setFor(at: number, ring: () => void): void {
    if (this.#ring === undefined) this.#thread.postMessage(performance.timeOrigin + at)
    this.#ring = ring
  }
}

const alarm = new Alarm()

/** One order carried out. */
class Run {
  readonly #order: LoadOrder
  readonly #file: ReadFile
  readonly #free: Connection[] = []
  readonly #connections: Connection[] = []
  /** Due times of requests that found no free connection, oldest first. */
  readonly #waiting: number[] = []
  #waitingFrom = 0
  readonly #latencies = new Histogram()
  readonly #lateness = new Histogram()
  readonly #finish: (outcome: LoadOutcome) => void
  #startedAt = 0
  #lastAnswerAt = 0
  #endAt = Infinity
  #begun = 0
  #answered = 0
  #succeeded = 0
  #over = false
  #problem = ''

  constructor(order: LoadOrder, finish: (outcome: LoadOutcome) => void) {
    this.#order = order
    this.#finish = finish
    this.#file = openFile(order)
    if (order.once) this.#file.next = 0
    for (let count = 0; count < order.connections; count += 1) {
      this.#connections.push(
        new Connection(
          order.port,
          (connection) => this.#opened(connection),
          (connection, succeeded) => this.#answer(connection, succeeded),
        ),
      )
    }
  }

  #opened(connection: Connection): void {
    this.#free.push(connection)
    if (this.#free.length < this.#order.connections) return
    this.#startedAt = performance.now()
    this.#endAt = this.#startedAt + this.#order.seconds * 1000
    const limit = this.#order.seconds * 1000 + LONGEST_WAIT_MILLIS
    setTimeout(() => this.#end(), limit).unref()
    if (this.#order.rate === undefined) for (const one of this.#free.splice(0)) this.#refill(one)
    else this.#turn()
  }

  /** What arrives by now goes out, on a free connection or as soon as there is one. */
  #turn(): void {
    if (this.#over) return
    const now = performance.now()
    while (this.#nextDue() <= now) {
      this.#waiting.push(this.#nextDue())
      this.#begun += 1
    }
    while (this.#free.length > 0 && this.#waitingFrom < this.#waiting.length) {
      const due = this.#waiting[this.#waitingFrom++]!
      this.#lateness.record((performance.now() - due) * 1000)
      this.#free.pop()!.send(this.#take(), due)
    }
    const due = this.#nextDue()
    if (due < Infinity) alarm.setFor(due, () => this.#turn())
    else if (this.#answered === this.#begun) this.#end()
  }

  /** When the next request is due; never, after the last one. */
  #nextDue(): number {
    const { rate = 0, seconds } = this.#order
    const isLast = this.#begun >= Math.round(rate * seconds) || !this.#hasMore()
    return isLast ? Infinity : this.#startedAt + (this.#begun * 1000) / rate
  }

  #refill(connection: Connection): void {
    const now = performance.now()
    if (now < this.#endAt && this.#hasMore()) {
      this.#begun += 1
      connection.send(this.#take(), now)
    } else if (this.#answered === this.#begun) this.#end()
  }

  #answer(connection: Connection, succeeded: boolean): void {
    if (this.#over) return
    const now = performance.now()
    this.#lastAnswerAt = now
    this.#answered += 1
    if (succeeded) this.#succeeded += 1
    else if (this.#problem === '') this.#problem = connection.problem
    if (!connection.isOpen) {
      this.#end()
      return
    }
    if (now - this.#startedAt >= this.#order.skipSeconds * 1000) {
      this.#latencies.record((now - connection.dueAt) * 1000)
    }
    if (this.#order.rate === undefined) this.#refill(connection)
    else {
      this.#free.push(connection)
      const isWaitedFor = this.#waitingFrom < this.#waiting.length
      if (isWaitedFor || this.#nextDue() === Infinity) this.#turn()
    }
  }

  #hasMore(): boolean {
    return !this.#order.once || this.#begun < this.#file.requests.length
  }

  #take(): string {
    const { requests, next } = this.#file
    this.#file.next = (next + 1) % requests.length
    return requests[next]!
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    for (const connection of this.#connections) connection.end()
    this.#finish({
      requests: this.#succeeded,
      failed: this.#begun - this.#succeeded,
      problem: this.#problem,
      durationMicros: Math.round((this.#lastAnswerAt - this.#startedAt) * 1000),
      p50Micros: this.#latencies.percentile(50),
      p90Micros: this.#latencies.percentile(90),
      p99Micros: this.#latencies.percentile(99),
      largestMicros: this.#latencies.largest,
      lateMicros: this.#order.rate === undefined ? 0 : this.#lateness.percentile(99),
    })
  }
}

/** A file that was read, and where the next order for it goes on. */
interface ReadFile {
  readonly changedAt: number
  readonly requests: readonly string[]
  next: number
}

const readFiles = new Map<string, ReadFile>()
/** Sides that take turns read one file each; the one read longest ago goes first. */
const MOST_FILES = 4

function openFile({ file }: LoadOrder): ReadFile {
  const changedAt = statSync(file).mtimeMs
  const known = readFiles.get(file)
  if (known?.changedAt === changedAt) return known
  readFiles.delete(file)
  const [oldest] = readFiles.keys()
  if (oldest !== undefined && readFiles.size >= MOST_FILES) readFiles.delete(oldest)
  const read = { changedAt, requests: readRequests(file), next: 0 }
  readFiles.set(file, read)
  return read
}

/** Each line of the file is a path and header lines, with tabs between. */
function readRequests(file: string): readonly string[] {
  const lines = readFileSync(file, 'latin1').split('\n')
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const [path, ...headers] = line.split('\t')
      return [`GET ${path} HTTP/1.1`, ...headers, '', ''].join('\r\n')
    })
}

process.on('message', (order: LoadOrder) => {
  try {
    const run = new Run(order, (outcome) => process.send?.(outcome))
    void run
  } catch (error) {
    process.send?.({ problem: (error as Error).message })
  }
})
process.on('disconnect', () => process.exit(0))

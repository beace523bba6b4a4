import { kindOf, markOf } from './mixture.ts'
import type { Kind } from './mixture.ts'
import type { LoadedService } from './service.ts'
import { largeBodyOf, smallBodyOf } from './bodies.ts'
import type { Target } from './target.ts'
import { Http1Traffic } from './traffic-http1.ts'
import { Http2Traffic } from './traffic-http2.ts'
import { UnreadError } from './unread.ts'

export interface Counts {
  /** Requests that a decision has to be on record for; their numbers are 1 to this. */
  readonly sent: number
  readonly kinds: Readonly<Record<string, number>>
  /** Connections that the gateway answered and that nothing was ever sent on. */
  readonly silent: number
  /**
   * Requests over HTTP/1.1 that met a connection that was just being closed, and were sent again. Had the
   * gateway read one before, it would have two records.
   */
  readonly unread: number
  /** Requests over HTTP/2 that the gateway said it had not begun, as it stopped, and that were sent again. */
  readonly notBegun: number
  readonly failures: readonly string[]
}

type Send = (number: number) => Promise<void>

/** After so many failures the rest would say nothing new. */
const mostFailures = 20
/** What takes longer is stuck, in milliseconds: no request of the mixture takes a second by itself. */
const longest = 120_000

/** Callers of every kind, a bounded number of them at once. Each request is checked for what it must be. */
export class Traffic {
  target: Target
  readonly #http1: Http1Traffic
  readonly #http2: Http2Traffic
  readonly #sending: Readonly<Record<Kind, Send>>
  readonly #underWay = new Map<number, number>()
  readonly #kinds: Record<string, number> = {}
  readonly #failures: string[] = []
  #sent = 0
  #unread = 0
  #isEnough = false

  constructor(target: Target, service: LoadedService) {
    this.target = target
    this.#http1 = new Http1Traffic(service, (text) => {
      this.#failures.push(`bytes that answer nothing: ${text.slice(0, 300)}`)
    })
    this.#http2 = new Http2Traffic(service)
    this.#sending = { ...this.#onHttp1(), ...this.#onHttp2() }
  }

  get counts(): Counts {
    return {
      sent: this.#sent,
      kinds: this.#kinds,
      silent: this.#http1.silent,
      unread: this.#unread,
      notBegun: this.#http2.notBegun,
      failures: this.#failures,
    }
  }

  /** Sends until so many requests are counted in all. */
  async run(total: number, callers: number): Promise<void> {
    const call = async (): Promise<void> => {
      while (this.#mayGoOn(total)) await this.#one()
    }
    let timer: NodeJS.Timeout | undefined
    const stuck = new Promise<void>((resolve) => {
      timer = setInterval(() => this.#hasStuck() && resolve(), 5000)
    })
    await Promise.race([Promise.all(Array.from({ length: callers }, call)), stuck])
    clearInterval(timer)
  }

  /** No more of it, whatever was asked for. */
  enough(): void {
    this.#isEnough = true
  }

  /** Ends all connections; whoever calls afterwards opens others. */
  close(): void {
    this.#http1.close()
    this.#http2.close()
  }

  #mayGoOn(total: number): boolean {
    return !this.#isEnough && this.#sent < total && this.#failures.length < mostFailures
  }

  async #one(): Promise<void> {
    const number = ++this.#sent
    const kind = kindOf(number)
    this.#kinds[kind] = (this.#kinds[kind] ?? 0) + 1
    this.#underWay.set(number, performance.now())
    try {
      await this.#insist(this.#sending[kind], number)
    } catch (error) {
      this.#failures.push(`${kind} ${markOf(number)}: ${(error as Error).message}`)
    }
    this.#underWay.delete(number)
  }

  async #insist(send: Send, number: number): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        await send(number)
        return
      } catch (error) {
        if (!(error instanceof UnreadError) || tries === 3) throw error
        this.#unread += 1
      }
    }
  }

  #hasStuck(): boolean {
    const before = performance.now() - longest
    const stuck = [...this.#underWay].filter(([, begun]) => begun < before)
    for (const [number] of stuck) {
      this.#failures.push(`${kindOf(number)} ${markOf(number)}: no end in ${longest / 1000} s`)
    }
    return stuck.length > 0
  }

  #onHttp1(): Record<Exclude<Kind, `HTTP/2${string}`>, Send> {
    const http1 = this.#http1
    return {
      'event stream': (number) => http1.events(this.target, number),
      tunnel: (number) => http1.tunnel(this.target, number),
      'slow upload': (number) => http1.slowUpload(this.target, number),
      'slow answer': (number) => http1.slowAnswer(this.target, number),
      'large post': (number) => http1.post(this.target, number, largeBodyOf(number)),
      download: (number) => http1.download(this.target, number),
      'given up': (number) => http1.givenUp(this.target, number),
      'upload given up': (number) => http1.uploadGivenUp(this.target, number),
      'download given up': (number) => http1.downloadGivenUp(this.target, number),
      'new connection': (number) => http1.alone(this.target, number),
      post: (number) => http1.post(this.target, number, smallBodyOf(number)),
      'open get': (number) => http1.get(this.target, number, 'nobody'),
      'protected get': (number) => http1.get(this.target, number, 'alice'),
      'get by another client': (number) => http1.getByAnother(this.target, number),
      refused: (number) => http1.refused(this.target, number),
      malformed: (number) => http1.malformed(this.target, number),
    }
  }

  #onHttp2(): Record<Extract<Kind, `HTTP/2${string}`>, Send> {
    const http2 = this.#http2
    return {
      'HTTP/2 event stream': (number) => http2.events(this.target, number),
      'HTTP/2 large post': (number) => http2.post(this.target, number, largeBodyOf(number)),
      'HTTP/2 download': (number) => http2.download(this.target, number),
      'HTTP/2 download read slowly': (number) => http2.downloadSlowly(this.target, number),
      'HTTP/2 download given up': (number) => http2.downloadGivenUp(this.target, number),
      'HTTP/2 given up': (number) => http2.givenUp(this.target, number),
      'HTTP/2 get': (number) => http2.get(this.target, number),
      'HTTP/2 post': (number) => http2.post(this.target, number, smallBodyOf(number)),
    }
  }
}

import type { IncomingHttpHeaders } from 'node:http'
import type { HeaderSection, RequestHead } from '../../http1/index.ts'
import type { CallerRequest } from '../../gateway/index.ts'

/** Where a body comes from: it is read no faster than it is wanted. */
export interface BodySource {
  pause(): void
  resume(): void
}

interface Listeners {
  readonly data: ((chunk: Buffer, isSole: boolean) => void)[]
  readonly end: (() => void)[]
  readonly error: ((error: Error) => void)[]
}

/** A request that came by HTTP/1.x. Its body waits until somebody listens. */
export class Http1Request implements CallerRequest {
  readonly method: string
  url: string
  readonly httpVersionMajor = 1
  readonly httpVersionMinor: 0 | 1
  readonly section: HeaderSection
  rawTrailers: readonly string[] = []
  /** The whole message was received. */
  complete: boolean
  readonly #source: BodySource
  #listeners: Listeners | undefined
  #held: Buffer[] | undefined
  #isFlowing = false
  #discards = false
  #hasEnded = false
  #hasPaused = false

  constructor({ method, target, section }: RequestHead, source: BodySource) {
    this.method = method
    this.url = target
    this.httpVersionMinor = section.isCurrent ? 1 : 0
    this.section = section
    this.complete = !section.hasBody || section.flaw !== undefined
    this.#source = source
  }

  get headers(): IncomingHttpHeaders {
    return this.section.headers
  }

  get rawHeaders(): readonly string[] {
    return this.section.lines
  }

  isPaused(): boolean {
    return !this.#isFlowing
  }

  pause(): void {
    if (!this.#discards) this.#isFlowing = false
  }

  resume(): void {
    if (this.#isFlowing) return
    this.#isFlowing = true
    // Not from inside whoever asks for it.
    queueMicrotask(() => this.#flow())
  }

  on(event: 'data', listener: (chunk: Buffer, isSole: boolean) => void): void
  on(event: 'end', listener: () => void): void
  on(event: 'error', listener: (error: Error) => void): void
  on(event: 'data' | 'end' | 'error', listener: (...values: never[]) => void): void {
    this.#listeners ??= { data: [], end: [], error: [] }
    this.#listeners[event].push(listener)
    if (event === 'data') this.resume()
  }

  /** Reads what is left to nowhere. Invariant: nobody takes what came before for the whole body. */
  discard(): void {
    this.#discards = true
    this.#held = undefined
    this.#listeners = undefined
    this.resume()
  }

  /** A piece of the body came. @param isSole - nothing else is in its memory. */
  deliver(chunk: Buffer, isSole = false): void {
    if (this.#discards) return
    if (this.#isFlowing && this.#held === undefined) this.#emit(chunk, isSole)
    else (this.#held ??= []).push(chunk)
    if (this.#isFlowing && this.#held === undefined) return
    this.#hasPaused = true
    this.#source.pause()
  }

  /** All of it came. */
  finish(trailers: readonly string[]): void {
    this.complete = true
    this.rawTrailers = trailers
    // Who is not read from any more is not noticed when it goes.
    if (this.#hasPaused) this.#source.resume()
    this.#end()
  }

  /** The rest will not come. */
  fail(reason: string): void {
    if (this.complete || this.#hasEnded) return
    this.#hasEnded = true
    this.#held = undefined
    const listeners = this.#listeners?.error ?? []
    if (listeners.length === 0) return
    const error = new Error(reason)
    for (const listener of listeners) listener(error)
  }

  #flow(): void {
    for (let held = this.#held; held !== undefined && this.#isFlowing; held = this.#held) {
      const next = held.shift()
      if (held.length === 0) this.#held = undefined
      if (next !== undefined) this.#emit(next)
    }
    if (!this.#isFlowing) return
    this.#end()
    if (!this.complete) this.#source.resume()
  }

  #emit(chunk: Buffer, isSole = false): void {
    for (const listener of this.#listeners?.data ?? []) listener(chunk, isSole)
  }

  #end(): void {
    if (this.#hasEnded || !this.complete || !this.#isFlowing || this.#held !== undefined) return
    this.#hasEnded = true
    for (const listener of this.#listeners?.end ?? []) listener()
  }
}

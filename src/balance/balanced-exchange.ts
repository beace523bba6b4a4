import { millis } from '../core/index.ts'
import { passWhole } from '../upstream/index.ts'
import type {
  Exchange,
  OutgoingRequest,
  ResponseHead,
  ResponseSink,
  UpgradeRequest,
  UpgradeSink,
  UpstreamFailure,
} from '../upstream/index.ts'
import type { Duplex } from 'node:stream'
import type { Member } from './member.ts'

/** What an exchange asks of its group. */
export interface Assignment {
  /** @returns whether this request is the member's probe. */
  taken(member: Member): boolean
  released(member: Member, wasProbe: boolean): void
  answered(member: Member, status: number): void
  succeeded(member: Member): void
  failed(member: Member, failure: UpstreamFailure): void
  /** Another target for a request that may be sent again; `undefined` when it fails as it is. */
  another(
    tried: readonly Member[],
    failure: UpstreamFailure,
    caller: string | undefined,
  ): Member | undefined
  /** The failure is the caller's to hear. */
  givenUp(): void
}

/** What is asked for: a request, or a change of protocols. */
export type Asked =
  | { readonly request: OutgoingRequest; readonly sink: ResponseSink }
  | { readonly request: UpgradeRequest; readonly upgradeSink: UpgradeSink }

/** Methods that can be sent again when nobody can say whether the first one arrived. */
const repeatableMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
/** Failures that another target cannot make good: they are ours, or about the time already spent. */
const final: ReadonlySet<UpstreamFailure['kind']> = new Set([
  'aborted',
  'total_timeout',
  'request_too_large',
])

/**
 * One request to a group: at one target after another until one answers, for as long as nothing can have
 * happened at those before.
 */
export class BalancedExchange implements Exchange, UpgradeSink {
  readonly #assignment: Assignment
  readonly #asked: Asked
  readonly #sink: ResponseSink
  readonly #tried: Member[] = []
  readonly #begunAt: number
  #inner: Exchange | undefined
  #isProbe = false
  #over = false
  #ended = false
  #paused = false
  #trailers: readonly string[] = []
  #drained: (() => void) | undefined
  /**
   * What was written and not sent, because there is no connection yet: at most what came before the
   * writer heard `false`. `undefined` once any of it was sent.
   */
  #unsent: Buffer[] | undefined = []

  constructor(assignment: Assignment, asked: Asked) {
    this.#assignment = assignment
    this.#asked = asked
    this.#sink = 'sink' in asked ? asked.sink : asked.upgradeSink
    this.#begunAt = asked.request.totalTimeout === undefined ? 0 : performance.now()
  }

  /** Goes to a target: the first, or the next. */
  begin(member: Member): void {
    const asked = this.#asked
    this.#tried.push(member)
    this.#isProbe = this.#assignment.taken(member)
    const inner =
      'sink' in asked
        ? member.pool.request(this.#for(asked.request, member), this)
        : member.pool.upgrade(this.#for(asked.request, member), this)
    this.#inner = inner
    inner.onDrain(() => this.#onDrained())
    if (this.#tried.length > 1) this.#repeat(inner)
  }

  write(chunk: Buffer): boolean {
    if (this.#over || chunk.length === 0) return true
    const unsent = this.#unsent
    if (unsent === undefined) return this.#inner?.write(chunk) ?? true
    unsent.push(chunk)
    const goesOn = this.#inner?.write(chunk) ?? true
    if (goesOn) this.#unsent = undefined
    return goesOn
  }

  /** Invariant: what may be sent again, to another target, has not left. */
  get hasLeft(): boolean {
    return this.#unsent === undefined && this.#inner?.hasLeft === true
  }

  onDrain(listener: () => void): void {
    this.#drained = listener
  }

  end(trailers: readonly string[] = []): void {
    if (this.#over) return
    this.#ended = true
    this.#trailers = trailers
    this.#inner?.end(trailers)
  }

  pause(): void {
    this.#paused = true
    this.#inner?.pause()
  }

  resume(): void {
    this.#paused = false
    this.#inner?.resume()
  }

  abort(): void {
    if (this.#over) return
    this.#close()
    this.#inner?.abort()
  }

  onInformational(status: number, headers: readonly string[]): void {
    this.#sink.onInformational?.(status, headers)
  }

  onHead(head: ResponseHead, isRepeated?: boolean): void {
    const member = this.#member
    if (member !== undefined) this.#assignment.answered(member, head.status)
    this.#sink.onHead(head, isRepeated)
  }

  onData(chunk: Buffer, last: boolean, isSole: boolean): boolean {
    return this.#sink.onData(chunk, last, isSole)
  }

  onText(body: string): void {
    passWhole(body, this.#sink)
  }

  onEnd(trailers: readonly string[]): void {
    this.#succeed()
    this.#sink.onEnd(trailers)
  }

  /** The tunnel counts as under way at its target for as long as it is open. */
  onUpgrade(head: ResponseHead, socket: Duplex, leftover: Buffer): void {
    const member = this.#member
    this.#over = true
    if (member !== undefined) {
      this.#assignment.answered(member, head.status)
      this.#assignment.succeeded(member)
      socket.once('close', () => this.#assignment.released(member, this.#isProbe))
    }
    if ('upgradeSink' in this.#asked) this.#asked.upgradeSink.onUpgrade(head, socket, leftover)
    else socket.destroy()
  }

  onFailure(failure: UpstreamFailure): void {
    const member = this.#member
    if (this.#over || member === undefined) return
    this.#assignment.failed(member, failure)
    const next = this.#mayRepeat(failure)
      ? this.#assignment.another(this.#tried, failure, this.#asked.request.caller)
      : undefined
    if (next === undefined) {
      this.#close()
      this.#assignment.givenUp()
      this.#sink.onFailure(failure)
      return
    }
    this.#assignment.released(member, this.#isProbe)
    this.begin(next)
  }

  /** There is nobody to go to. */
  refuse(failure: UpstreamFailure): void {
    if (this.#over) return
    this.#over = true
    this.#assignment.givenUp()
    this.#sink.onFailure(failure)
  }

  get #member(): Member | undefined {
    return this.#tried.at(-1)
  }

  #succeed(): void {
    const member = this.#member
    if (member !== undefined) this.#assignment.succeeded(member)
    this.#close()
  }

  #close(): void {
    this.#over = true
    const member = this.#member
    if (member !== undefined) this.#assignment.released(member, this.#isProbe)
  }

  /**
   * Invariant: what may have had an effect is not sent twice. Either no byte of it left, or it is a GET,
   * HEAD or OPTIONS without a body that nobody answered with as much as a byte.
   */
  #mayRepeat(failure: UpstreamFailure): boolean {
    if (failure.answered || final.has(failure.kind)) return false
    if (!this.#hasTimeLeft()) return false
    if (!failure.sent) return this.#unsent !== undefined
    const { request } = this.#asked
    const plain = 'sink' in this.#asked && request.framing.kind === 'none' && request.once !== true
    return failure.kind === 'reset' && plain && repeatableMethods.has(request.method)
  }

  #hasTimeLeft(): boolean {
    const { totalTimeout } = this.#asked.request
    return totalTimeout === undefined || performance.now() - this.#begunAt < totalTimeout
  }

  /** The request as this target is to get it. */
  #for<Request extends OutgoingRequest>(request: Request, member: Member): Request {
    const { authority } = member
    const { totalTimeout } = request
    const again = this.#tried.length > 1 && totalTimeout !== undefined
    if (authority === undefined && !again) return request
    const named = authority === undefined ? request : withHost(request, authority)
    if (!again) return named
    const left = Math.max(1, totalTimeout - (performance.now() - this.#begunAt))
    return { ...named, totalTimeout: millis(left) }
  }

  #repeat(inner: Exchange): void {
    if (this.#paused) inner.pause()
    const unsent = this.#unsent ?? []
    let goesOn = true
    for (const chunk of unsent) goesOn = inner.write(chunk)
    if (this.#ended) inner.end(this.#trailers)
    // The writer heard `false` from the target before and waits; this one took everything at once.
    else if (unsent.length > 0 && goesOn) this.#onDrained()
  }

  #onDrained(): void {
    this.#unsent = undefined
    this.#drained?.()
  }
}

function withHost<Request extends OutgoingRequest>(request: Request, authority: string): Request {
  const changed = [...(request.common?.flat ?? []), ...request.headers]
  for (let at = 0; at < changed.length; at += 2) {
    const name = changed[at] ?? ''
    if (name.length === 4 && name.toLowerCase() === 'host') changed[at + 1] = authority
  }
  return { ...request, common: undefined, headers: changed }
}

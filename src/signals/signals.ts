import { randomId } from '../core/index.ts'
import type { Clock, Refusal } from '../core/index.ts'
import type { AuditEntry, StoredRecord } from '../audit/index.ts'
import type { KeyRing } from '../token/index.ts'
import { isEventful } from './catalogue.ts'
import { signalErrors } from './errors.ts'
import { eventOf } from './event.ts'
import type { EventSources } from './event.ts'
import { Lane } from './lane.ts'
import type { Delivery } from './lane.ts'
import { post } from './post.ts'
import { pushProblem, setsOf, signSet, verificationSet } from './set.ts'
import type { PushDelivery, ReceiverSettings } from './set.ts'
import { RecordSource } from './source.ts'
import type { LaneStore, WaitingSet, WaitingSetStore } from './store.ts'
import { attempt, sendWebhook } from './webhook.ts'
import type { TestEvent, WebhookSettings } from './webhook.ts'

/** Who is told of what, under one configuration. */
export interface SignalSettings {
  readonly issuer: string
  readonly webhooks: readonly WebhookSettings[]
  readonly receivers: readonly ReceiverSettings[]
}

export interface SignalParts extends Omit<EventSources, 'log'> {
  readonly audit: {
    readonly directory: string
    /** Names the log among all there are. */
    readonly name: string
    readonly size: () => number
  }
  readonly lanes: LaneStore
  readonly waiting: WaitingSetStore
  readonly keys: KeyRing
  readonly clock: Clock
  readonly record: (entry: AuditEntry) => Promise<void>
  /** An operator should know. */
  readonly onProblem: (what: string, facts: Readonly<Record<string, unknown>>) => void
  readonly onError: (error: unknown) => void
}

/** How it goes with one who is told. */
export interface LaneReport {
  readonly kind: LaneKind
  readonly name: string
  /** Where to, without the path, which may say more than everybody should know. */
  readonly to: string
  readonly state: 'current' | 'behind' | 'failing' | 'parked'
  /** Records of the log, of all kinds, that were not looked at yet. */
  readonly behind: number
  readonly failures: number
  readonly problem: string | null
  readonly deliveredAt: string | null
  /** Security events that wait to be fetched. */
  readonly waiting: number | null
}

export type LaneKind = 'webhook' | 'receiver'

/** How a test went; `problem` says why it did not arrive. */
export interface TestReport {
  readonly delivered: boolean
  readonly problem: string | null
}

const lookEvery = 500
/** Security events that wait for one receiver; what comes after them stays in the log until there is room. */
export const mostWaiting = 10_000

/**
 * Tells others of events: webhooks, and receivers of shared signals. All of it happens beside what is
 * served; the audit log is the queue, and of each receiver only its place there is kept.
 */
export class Signals {
  readonly #parts: SignalParts
  readonly #source: RecordSource
  readonly #lanes = new Map<string, Lane>()
  readonly #stopping = new AbortController()
  #settings: SignalSettings = { issuer: '', webhooks: [], receivers: [] }
  #timer: NodeJS.Timeout | undefined
  #seen = -1
  #looking = Promise.resolve()

  constructor(parts: SignalParts) {
    this.#parts = parts
    const { directory, size } = parts.audit
    this.#source = new RecordSource({ directory, size, wants: isEventful })
  }

  /** Settings to work with for a moment, where nobody is told. */
  use(settings: SignalSettings): void {
    this.#settings = settings
  }

  /** Puts settings in force. Who is not in them any more is forgotten; who is new begins at the end of the log. */
  async apply(settings: SignalSettings): Promise<void> {
    this.use(settings)
    const names = laneNames(settings)
    const gone = [...this.#lanes.keys()].filter((name) => !names.includes(name))
    for (const name of gone) {
      await this.#lanes.get(name)?.close()
      this.#lanes.delete(name)
    }
    await this.#parts.lanes.keep(this.#parts.audit.name, names)
    const polled = settings.receivers.filter(({ delivery }) => delivery.kind === 'poll')
    await this.#parts.waiting.keep(polled.map(({ name }) => name))
    for (const name of names) await this.#lane(name).state()
    this.#wake()
  }

  /** Begins to tell. */
  start(): void {
    this.#timer ??= setInterval(() => this.#look(), lookEvery)
    this.#timer.unref()
    this.#look()
  }

  /** Ends what is under way without waiting for anybody. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#stopping.abort()
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()))
    await this.#looking
  }

  async list(): Promise<readonly LaneReport[]> {
    const { webhooks, receivers } = this.#settings
    return Promise.all([
      ...webhooks.map(({ name, url }) => this.#report('webhook', name, originOf(url))),
      ...receivers.map(({ name, delivery }) =>
        this.#report('receiver', name, delivery.kind === 'poll' ? 'poll' : originOf(delivery.url)),
      ),
    ])
  }

  /** Sends an event that stands for nothing, past those that wait. */
  async test(kind: LaneKind, name: string): Promise<TestReport | Refusal> {
    const delivery = await this.#test(kind, name)
    if (delivery === undefined) return signalErrors.refuse('unknown_receiver', `${kind} ${name}`)
    const problem = delivery.outcome === 'failed' ? delivery.problem : null
    return { delivered: problem === null, problem }
  }

  async retry(kind: LaneKind, name: string, skip: boolean): Promise<LaneReport | Refusal> {
    const found = (await this.list()).find((one) => one.kind === kind && one.name === name)
    if (found === undefined) return signalErrors.refuse('unknown_receiver', `${kind} ${name}`)
    await this.#lane(`${kind}/${name}`).retry(skip, this.#timer !== undefined)
    return this.#report(kind, name, found.to)
  }

  /** Counts since the start, by receiver. */
  counts(): readonly {
    readonly name: string
    readonly delivered: number
    readonly failed: number
  }[] {
    return [...this.#lanes.values()].map((lane) => ({ name: lane.name, ...lane.counts }))
  }

  #look(): void {
    const size = this.#parts.audit.size()
    const isRead = size === this.#seen && this.#source.next >= size
    if (isRead || this.#lanes.size === 0) return
    this.#seen = size
    this.#looking = this.#source.advance(this.#stopping.signal).then(
      () => this.#wake(),
      (error: unknown) => {
        this.#seen = -1
        this.#parts.onError(error)
      },
    )
  }

  #wake(): void {
    if (this.#timer === undefined) return
    for (const lane of this.#lanes.values()) lane.wake()
  }

  #lane(name: string): Lane {
    const known = this.#lanes.get(name)
    if (known !== undefined) return known
    const { audit, lanes, clock, onError } = this.#parts
    const lane = new Lane({
      name,
      log: audit.name,
      source: this.#source,
      store: lanes,
      clock,
      size: audit.size,
      deliver: (record, signal) => this.#deliver(name, record, signal),
      giveUpAfter: () => this.#giveUpAfter(name),
      onParked: (_, problem) => this.#parked(name, problem),
      onError,
    })
    this.#lanes.set(name, lane)
    return lane
  }

  async #deliver(lane: string, record: StoredRecord, signal: AbortSignal): Promise<Delivery> {
    const event = await eventOf(record, { ...this.#parts, log: this.#parts.audit.name })
    if (event === undefined) return { outcome: 'nothing' }
    const [kind, name = ''] = lane.split('/')
    if (kind === 'webhook') {
      const settings = this.#webhook(name)
      if (settings?.events.includes(event.type) !== true) return { outcome: 'nothing' }
      return sendWebhook(event, { settings, now: this.#parts.clock.now(), signal })
    }
    const receiver = this.#receiver(name)
    if (receiver === undefined) return { outcome: 'nothing' }
    const { issuer } = this.#settings
    return this.#deliverSets(setsOf(event, { receiver, issuer }), receiver, signal)
  }

  async #deliverSets(
    sets: readonly WaitingSet[],
    receiver: ReceiverSettings,
    signal: AbortSignal,
  ): Promise<Delivery> {
    if (sets.length === 0) return { outcome: 'nothing' }
    const { delivery, name } = receiver
    if (delivery.kind === 'push') return this.#push(sets, { receiver, delivery, signal })
    const { waiting } = this.#parts
    if ((await waiting.count(name)) + sets.length > mostWaiting) return { outcome: 'full' }
    await waiting.add(name, sets)
    return { outcome: 'delivered' }
  }

  async #push(
    sets: readonly WaitingSet[],
    to: { receiver: ReceiverSettings; delivery: PushDelivery; signal: AbortSignal },
  ): Promise<Delivery> {
    const { receiver, delivery, signal } = to
    const { keys, clock } = this.#parts
    const { authorization } = delivery
    const headers = {
      'content-type': 'application/secevent+jwt',
      accept: 'application/json',
      ...(authorization === undefined ? {} : { authorization: authorization.reveal() }),
    }
    for (const set of sets) {
      const { signingAlgorithm: algorithm } = receiver
      const body = signSet(set, { keys, algorithm, now: clock.now() })
      const send = () => post(delivery, { headers, body }, { signal })
      const delivered = await attempt(send, pushProblem)
      if (delivered.outcome !== 'delivered') return delivered
    }
    return { outcome: 'delivered' }
  }

  async #test(kind: LaneKind, name: string): Promise<Delivery | undefined> {
    const { signal } = this.#stopping
    const { clock } = this.#parts
    if (kind === 'webhook') {
      const settings = this.#webhook(name)
      if (settings === undefined) return undefined
      return sendWebhook(testEvent(clock.now()), { settings, now: clock.now(), signal })
    }
    const receiver = this.#receiver(name)
    if (receiver === undefined) return undefined
    const { issuer } = this.#settings
    return this.#deliverSets([verificationSet(randomId(), { receiver, issuer })], receiver, signal)
  }

  #webhook(name: string): WebhookSettings | undefined {
    return this.#settings.webhooks.find((one) => one.name === name)
  }

  #receiver(name: string): ReceiverSettings | undefined {
    return this.#settings.receivers.find((one) => one.name === name)
  }

  #giveUpAfter(lane: string): number {
    const [kind, name = ''] = lane.split('/')
    if (kind === 'webhook') return this.#webhook(name)?.giveUpAfter ?? 0
    const delivery = this.#receiver(name)?.delivery
    return delivery?.kind === 'push' ? delivery.giveUpAfter : Infinity
  }

  #parked(lane: string, problem: string): void {
    this.#parts.onProblem('nobody is told any more, until it is tried again', { lane, problem })
    this.#parts
      .record({
        id: randomId(),
        kind: 'system',
        action: 'signals.park',
        outcome: 'failure',
        reason: 'signals.parked',
        detail: problem,
        what: { lane },
      })
      .catch(this.#parts.onError)
  }

  async #report(kind: LaneKind, name: string, to: string): Promise<LaneReport> {
    const state = await this.#lane(`${kind}/${name}`).state()
    const behind = Math.max(0, this.#parts.audit.size() - state.next)
    const polled = this.#receiver(name)?.delivery.kind === 'poll' && kind === 'receiver'
    const { failures, parkedAt, problem, deliveredAt } = state
    const ongoing = failures > 0 ? 'failing' : behind > 0 ? 'behind' : 'current'
    return {
      kind,
      name,
      to,
      state: parkedAt === undefined ? ongoing : 'parked',
      behind,
      failures,
      problem: problem ?? null,
      deliveredAt: deliveredAt === undefined ? null : new Date(deliveredAt).toISOString(),
      waiting: polled ? await this.#parts.waiting.count(name) : null,
    }
  }
}

function laneNames({ webhooks, receivers }: SignalSettings): readonly string[] {
  return [
    ...webhooks.map(({ name }) => `webhook/${name}`),
    ...receivers.map(({ name }) => `receiver/${name}`),
  ]
}

function testEvent(now: number): TestEvent {
  return {
    id: randomId(),
    type: 'webhook.test',
    at: new Date(now).toISOString(),
    subject: undefined,
    initiatedBy: 'admin',
    data: {},
  }
}

function originOf(url: string): string {
  return new URL(url).origin
}

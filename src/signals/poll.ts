import { setTimeout as delay } from 'node:timers/promises'
import { isJsonObject, isRefusal } from '../core/index.ts'
import type { Clock, JsonObject, Refusal, Secret } from '../core/index.ts'
import { httpErrors, readJsonObject, sendJson } from '../http/index.ts'
import type { HttpExchange, RouteTable } from '../http/index.ts'
import type { KeyRing } from '../token/index.ts'
import { signalErrors } from './errors.ts'
import { signSet } from './set.ts'
import type { ReceiverSettings } from './set.ts'
import type { WaitingSetStore } from './store.ts'

export interface PollParts {
  readonly issuer: () => string
  readonly receivers: () => readonly ReceiverSettings[]
  readonly waiting: WaitingSetStore
  readonly keys: KeyRing
  readonly clock: Clock
  /** Whoever waits for events is answered then, with none. */
  readonly stopping: AbortSignal
}

/** At most so many events in one answer, and acknowledgements in one request. */
const mostEvents = 100
const mostAcknowledged = 1000
const longestWait = 20_000
const lookEvery = 500
/** Requests of one receiver that wait at once; more are answered at once. */
const mostWaits = 2

/** What a receiver asks for (RFC 8936 2.2). */
interface PollRequest {
  readonly maxEvents: number
  readonly returnImmediately: boolean
  /** Acknowledged, or refused for good with a reason that is theirs. */
  readonly done: readonly string[]
}

/**
 * Where receivers learn about us (SSF 1.0 7) and fetch security events (RFC 8936). Only those whose delivery is
 * `poll`, each by its own name with its own token.
 */
export function pollRoutes(parts: PollParts): RouteTable {
  const waits = new Map<string, number>()
  return {
    'GET /.well-known/ssf-configuration': ({ response }) => {
      if (parts.receivers().length === 0) return httpErrors.refuse('not_found')
      sendJson(response, 200, describeTransmitter(parts))
      return undefined
    },
    'POST /signals/{receiver}/poll': async (exchange) => {
      const receiver = authenticate(parts, exchange)
      if (isRefusal(receiver)) return receiver
      const body = await readJsonObject(exchange.request)
      if (isRefusal(body)) return body
      const asked = parsePoll(body)
      if (isRefusal(asked)) return asked
      await parts.waiting.remove(receiver.name, asked.done)
      const count = waits.get(receiver.name) ?? 0
      if (!asked.returnImmediately && asked.maxEvents > 0 && count < mostWaits) {
        waits.set(receiver.name, count + 1)
        try {
          await somethingWaits(parts, receiver.name, exchange)
        } finally {
          waits.set(receiver.name, (waits.get(receiver.name) ?? 1) - 1)
        }
      }
      sendJson(exchange.response, 200, await answerOf(parts, receiver, asked.maxEvents))
      return undefined
    },
  }
}

function describeTransmitter({ issuer, receivers }: PollParts): JsonObject {
  const iss = issuer()
  const kinds = new Set(receivers().map(({ delivery }) => delivery.kind))
  return {
    spec_version: '1_0',
    issuer: iss,
    jwks_uri: `${iss}/.well-known/jwks.json`,
    delivery_methods_supported: [
      ...(kinds.has('push') ? ['urn:ietf:rfc:8935'] : []),
      ...(kinds.has('poll') ? ['urn:ietf:rfc:8936'] : []),
    ],
    default_subjects: 'ALL',
    authorization_schemes: [{ spec_urn: 'urn:ietf:rfc:6750' }],
  }
}

/** Invariant: an unknown name, one whose delivery is another, and a wrong token are one answer. */
function authenticate(
  { receivers }: PollParts,
  { request, parameters }: HttpExchange,
): ReceiverSettings | Refusal {
  const given =
    /^Bearer ([\x21-\x7e]{1,512})$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
  const found = receivers().find(({ name }) => name === parameters['receiver'])
  const token: Secret | undefined =
    found?.delivery.kind === 'poll' ? found.delivery.token : undefined
  if (found !== undefined && token?.equals(given) === true) return found
  return signalErrors.refuse('unauthorized', undefined, { 'www-authenticate': 'Bearer' })
}

function parsePoll(body: JsonObject): PollRequest | Refusal {
  const { maxEvents = mostEvents, returnImmediately = false } = body
  const isCount = typeof maxEvents === 'number' && Number.isSafeInteger(maxEvents) && maxEvents >= 0
  if (!isCount) return signalErrors.refuse('malformed', 'maxEvents is not a number from 0')
  if (typeof returnImmediately !== 'boolean') {
    return signalErrors.refuse('malformed', 'returnImmediately is neither true nor false')
  }
  const done = parseDone(body)
  if (isRefusal(done)) return done
  return { maxEvents: Math.min(maxEvents, mostEvents), returnImmediately, done }
}

/** What was taken, and what never will be: neither is sent again. */
function parseDone({ ack = [], setErrs = {} }: JsonObject): readonly string[] | Refusal {
  if (!Array.isArray(ack) || !ack.every((id): id is string => typeof id === 'string')) {
    return signalErrors.refuse('malformed', 'ack is not a list of texts')
  }
  if (!isJsonObject(setErrs)) return signalErrors.refuse('malformed', 'setErrs is not an object')
  const done = [...ack, ...Object.keys(setErrs)]
  if (done.length <= mostAcknowledged) return done
  return signalErrors.refuse('malformed', `more than ${mostAcknowledged} acknowledgements`)
}

/** Until there is an event, for at most as long as proxies in between usually bear. */
async function somethingWaits(
  { waiting, stopping }: PollParts,
  name: string,
  { response }: HttpExchange,
): Promise<void> {
  const end = performance.now() + longestWait
  while (!stopping.aborted && !response.destroyed && performance.now() < end) {
    if ((await waiting.list(name, 1)).length > 0) return
    await delay(lookEvery, undefined, { signal: stopping }).catch(() => undefined)
  }
}

async function answerOf(
  { waiting, keys, clock }: PollParts,
  { name, signingAlgorithm: algorithm }: ReceiverSettings,
  most: number,
): Promise<object> {
  // One more than is asked for shows whether there are more.
  const found = await waiting.list(name, most + 1)
  const sets = found.slice(0, most).map((set): [string, string] => {
    return [set.id, signSet(set, { keys, algorithm, now: clock.now() })]
  })
  return {
    sets: Object.fromEntries(sets),
    ...(found.length > most ? { moreAvailable: true } : {}),
  }
}

import { createHmac } from 'node:crypto'
import { epochSeconds } from '../core/index.ts'
import type { Instant, Millis, Secret } from '../core/index.ts'
import type { EventType } from './catalogue.ts'
import type { SecurityEvent } from './event.ts'
import type { Delivery } from './lane.ts'
import { isYes, NoAnswer, post } from './post.ts'
import type { Answered, Destination, Outgoing } from './post.ts'

export interface WebhookSettings extends Destination {
  readonly name: string
  readonly events: readonly EventType[]
  /** Each `whsec_` and base64; the message is signed with each, so that one can take the place of another. */
  readonly secrets: readonly Secret[]
  readonly giveUpAfter: Millis
}

/** What is told when nothing happened and somebody wants to see whether it arrives. */
export interface TestEvent extends Omit<SecurityEvent, 'type'> {
  readonly type: 'webhook.test'
}

const secretPrefix = 'whsec_'

/** An event as a message by the rules of Standard Webhooks. */
export function webhookMessage(
  event: SecurityEvent | TestEvent,
  { secrets }: Pick<WebhookSettings, 'secrets'>,
  now: Instant,
): Outgoing {
  const { id, type, at, subject, initiatedBy, data } = event
  const told = { id, type, at, subject: subject ?? null, initiatedBy, data }
  const body = JSON.stringify(told)
  const timestamp = String(epochSeconds(now))
  const signed = `${id}.${timestamp}.${body}`
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.reveal().slice(secretPrefix.length), 'base64')
    return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`
  })
  return {
    body,
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': signatures.join(' '),
    },
  }
}

export async function sendWebhook(
  event: SecurityEvent | TestEvent,
  to: { readonly settings: WebhookSettings; readonly now: Instant; readonly signal: AbortSignal },
): Promise<Delivery> {
  const { settings, now, signal } = to
  return attempt(() => post(settings, webhookMessage(event, settings, now), { signal }), problemOf)
}

/** Says how a POST went, in words that hold nothing that was sent or answered. */
export async function attempt(
  send: () => Promise<Answered>,
  describe: (answered: Answered) => string,
): Promise<Delivery> {
  let answered: Answered
  try {
    answered = await send()
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    return { outcome: 'failed', problem: error.message }
  }
  if (isYes(answered.status)) return { outcome: 'delivered' }
  const { retryAfter } = answered
  return {
    outcome: 'failed',
    problem: describe(answered),
    ...(retryAfter === undefined ? {} : { retryAfter }),
    ...(answered.status === 410 ? { isFinal: true } : {}),
  }
}

export function problemOf({ status }: Answered): string {
  const isRedirect = status >= 300 && status < 400
  return `it answered ${status}${isRedirect ? ', and redirects are not followed' : ''}`
}

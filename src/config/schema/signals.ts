import { z } from 'zod'
import { duration, flag, text, word } from '../scalars.ts'
import { algorithm, filePath, label, list, mapping, name } from './parts.ts'

/** What webhooks can be told of. `src/signals/catalogue.ts` says of which records. */
export const webhookEvents = [
  'credential.registered',
  'credential.renamed',
  'credential.removed',
  'credential.suspended',
  'credential.restored',
  'authenticator_clone_suspected',
  'session.new_device',
  'session.ended',
  'session.all_ended',
  'assurance.changed',
  'person.created',
  'person.invited',
  'person.groups_changed',
  'person.disabled',
  'person.enabled',
  'recovery.requested',
  'recovery.approved',
  'recovery.declined',
  'break_glass',
  'approval.requested',
  'approval.granted',
  'approval.denied',
  'approval.disowned',
  'keys.rotated',
  'metadata.imported',
  'configuration.changed',
  'configuration.refused',
] as const

export type WebhookEventName = (typeof webhookEvents)[number]

/** Event types of CAEP 1.0 and RISC 1.0 that are sent. */
export const sharedSignalNames = [
  'session-revoked',
  'credential-change',
  'assurance-level-change',
  'account-disabled',
  'account-enabled',
  'credential-compromise',
] as const

export type SharedSignalName = (typeof sharedSignalNames)[number]

const destination = {
  allowPrivateAddresses: flag(
    'whether addresses of private networks may be connected to; default: only if the URL itself names loopback',
  ).optional(),
  timeout: duration('for the whole exchange', '100ms', '1m').prefault('10s'),
  giveUpAfter: duration(
    'how long it may fail until it is parked; `retry` goes on from there',
    '1s',
    '30d',
  ).prefault('3d'),
}

const webhook = mapping('somebody who is told of events by POST', {
  name: name('what it is called in commands and metrics'),
  url: text('text', 'https, or http on loopback'),
  events: list('of which; default: all', word('webhookEvent', 'an event', webhookEvents))
    .min(1, { error: 'list' })
    .optional(),
  secretFile: filePath(
    'file with the secret it checks signatures with, as whsec_ and base64; a line for each while one takes the place of another',
  ),
  ...destination,
})

const receiver = mapping('a receiver of security event tokens', {
  name: name('what it is called in commands, metrics and its poll address'),
  audience: label('`aud` of the tokens it is sent'),
  events: list('of which; default: all', word('sharedSignal', 'an event type', sharedSignalNames))
    .min(1, { error: 'list' })
    .optional(),
  signingAlgorithm: algorithm(
    'how its tokens are signed; RS256 is what the interoperability profile of CAEP asks for',
  ).prefault('RS256'),
  delivery: word('delivery', 'push: we send (RFC 8935); poll: it fetches (RFC 8936)', [
    'push',
    'poll',
  ]),
  endpoint: text('text', 'push: where to; https, or http on loopback').optional(),
  authorization: mapping('how one knows the other', {
    headerFile: filePath('push: file with the value of the Authorization header').optional(),
    tokenFile: filePath(
      'poll: file with the bearer token it shows, 32 characters or more',
    ).optional(),
  }).optional(),
  ...destination,
})

const most = 16

export const webhooks = z
  .array(webhook, { error: 'list' })
  .max(most, { error: 'list' })
  .meta({ description: 'webhooks: who is told of events', maxItems: most })

export const sharedSignals = mapping('shared signals: CAEP and RISC events as signed tokens', {
  receivers: z
    .array(receiver, { error: 'list' })
    .max(most, { error: 'list' })
    .meta({ description: 'who receives them', maxItems: most })
    .prefault([]),
})

export type WebhookShape = z.output<typeof webhook>
export type ReceiverShape = z.output<typeof receiver>

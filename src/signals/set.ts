import { epochSeconds, isJsonObject, parseJson } from '../core/index.ts'
import type { Instant, JsonObject, Millis, Secret } from '../core/index.ts'
import { signJws } from '../token/index.ts'
import type { KeyRing } from '../token/index.ts'
import type { EventType } from './catalogue.ts'
import { eventId } from './event.ts'
import type { SecurityEvent } from './event.ts'
import type { Answered, Destination } from './post.ts'
import type { WaitingSet } from './store.ts'
import { problemOf } from './webhook.ts'

/** Kinds of shared signals that receivers can have: those of CAEP 1.0, then those of RISC 1.0. */
export const sharedSignals = [
  'session-revoked',
  'credential-change',
  'assurance-level-change',
  'account-disabled',
  'account-enabled',
  'credential-compromise',
] as const

export type SharedSignal = (typeof sharedSignals)[number]

export interface ReceiverSettings {
  readonly name: string
  /** `aud` of what it is sent. */
  readonly audience: string
  readonly events: readonly SharedSignal[]
  readonly signingAlgorithm: 'ES256' | 'RS256'
  readonly delivery: PushDelivery | PollDelivery
}

/** RFC 8935. */
export interface PushDelivery extends Destination {
  readonly kind: 'push'
  /** The whole value of the `Authorization` header. */
  readonly authorization: Secret | undefined
  readonly giveUpAfter: Millis
}

/** RFC 8936. */
export interface PollDelivery {
  readonly kind: 'poll'
  /** The bearer token it shows. */
  readonly token: Secret
}

const caep = 'https://schemas.openid.net/secevent/caep/event-type/'
const risc = 'https://schemas.openid.net/secevent/risc/event-type/'
const verification = 'https://schemas.openid.net/secevent/ssf/event-type/verification'

interface Signal {
  readonly signal: SharedSignal
  readonly uri: string
  readonly payload: JsonObject
  /** One session of the subject's; all of them when absent. */
  readonly session?: string
}

type Build = (event: SecurityEvent) => readonly Signal[]

/** What each type of event is to those who share signals; the others are not told to them. */
const builders: Readonly<Partial<Record<EventType, Build>>> = {
  'credential.registered': registered,
  'credential.renamed': (event) => [credentialChange(event, 'update')],
  'credential.removed': (event) => [credentialChange(event, 'delete')],
  'credential.suspended': (event) => [credentialChange(event, 'revoke')],
  'credential.restored': (event) => [credentialChange(event, 'update')],
  authenticator_clone_suspected: (event) => [
    of(event, 'credential-compromise', { credential_type: credentialType(event) }),
  ],
  'session.ended': endedSessions,
  'session.all_ended': (event) => [of(event, 'session-revoked')],
  'person.disabled': (event) => [of(event, 'account-disabled'), of(event, 'session-revoked')],
  'person.enabled': (event) => [of(event, 'account-enabled')],
  'assurance.changed': (event) => [assuranceChange(event)],
}

/** Whether events of a type are any of these signals. */
export function signalsOf(
  event: SecurityEvent,
  wanted: readonly SharedSignal[],
): readonly Signal[] {
  if (event.subject === undefined) return []
  const all = builders[event.type]?.(event) ?? []
  return all.filter(({ signal }) => wanted.includes(signal))
}

/**
 * The claims of the security event tokens (RFC 8417, one event in each as SSF 1.0 wants it) that an event is to
 * a receiver; without `iat`, which is of the signing.
 */
export function setsOf(
  event: SecurityEvent,
  { receiver, issuer }: { readonly receiver: ReceiverSettings; readonly issuer: string },
): readonly WaitingSet[] {
  return signalsOf(event, receiver.events).map(({ uri, payload, session }, at) => {
    const id = eventId(event.id, at, receiver.name)
    const user = { format: 'iss_sub', iss: issuer, sub: event.subject?.id ?? '' }
    const subject =
      session === undefined
        ? user
        : { format: 'complex', user, session: { format: 'opaque', id: session } }
    const claims = {
      iss: issuer,
      jti: id,
      aud: receiver.audience,
      txn: event.id,
      sub_id: subject,
      events: { [uri]: payload },
    }
    return { id, claims }
  })
}

/** SSF 1.0 8.1.4: shows that what is sent arrives. The stream is known by the receiver's name. */
export function verificationSet(
  id: string,
  { receiver, issuer }: { readonly receiver: ReceiverSettings; readonly issuer: string },
): WaitingSet {
  const claims = {
    iss: issuer,
    jti: id,
    aud: receiver.audience,
    sub_id: { format: 'opaque', id: receiver.name },
    events: { [verification]: {} },
  }
  return { id, claims }
}

/** Signed when it is sent, so that the key is one that is still published then. */
export function signSet(
  { claims }: WaitingSet,
  { keys, algorithm, now }: { keys: KeyRing; algorithm: 'ES256' | 'RS256'; now: Instant },
): string {
  const { keyId, privateKey } = keys.active(algorithm)
  return signJws({
    algorithm,
    type: 'secevent+jwt',
    keyId,
    key: privateKey,
    claims: { ...claims, iat: epochSeconds(now) },
  })
}

/** RFC 8935 2.3: a no may carry a code for why, which is all that is taken of it. */
export function pushProblem(answered: Answered): string {
  const body = parseJson(answered.text, { length: 8192, depth: 4 })
  const code = isJsonObject(body) ? body['err'] : undefined
  const why = typeof code === 'string' && /^[a-z_]{1,40}$/.test(code) ? ` (${code})` : ''
  return `${problemOf(answered)}${why}`
}

function of(event: SecurityEvent, signal: SharedSignal, more: JsonObject = {}): Signal {
  const isCaep = sharedSignals.indexOf(signal) < 3
  const initiating = isCaep ? { initiating_entity: event.initiatedBy } : {}
  const payload = {
    event_timestamp: Math.floor(Date.parse(event.at) / 1000),
    ...initiating,
    ...more,
  }
  return { signal, uri: `${isCaep ? caep : risc}${signal}`, payload }
}

function registered(event: SecurityEvent): readonly Signal[] {
  const created = credentialChange(event, 'create')
  // The one whose place it took is gone; of what model it was is not said.
  return event.data['replaced'] === undefined
    ? [created]
    : [created, of(event, 'credential-change', { ...anyKey, change_type: 'delete' })]
}

const anyKey = { credential_type: 'fido2-roaming' }

function credentialChange(event: SecurityEvent, change: string): Signal {
  const { aaguid } = event.data
  return of(event, 'credential-change', {
    credential_type: credentialType(event),
    change_type: change,
    ...(typeof aaguid === 'string' ? { fido2_aaguid: aaguid } : {}),
  })
}

function credentialType({ data }: SecurityEvent): string {
  return data['platform'] === true ? 'fido2-platform' : anyKey.credential_type
}

function endedSessions(event: SecurityEvent): readonly Signal[] {
  const { ended, sessions, session } = event.data
  const ids = Array.isArray(sessions) ? sessions : [ended ?? session]
  return ids
    .filter((id) => typeof id === 'string')
    .map((id) => ({ ...of(event, 'session-revoked'), session: id }))
}

function assuranceChange(event: SecurityEvent): Signal {
  const { acr, previous } = event.data
  return {
    ...of(event, 'assurance-level-change', {
      namespace: 'RFC6711',
      current_level: typeof acr === 'string' ? acr : '',
      ...(typeof previous === 'string' ? { previous_level: previous } : {}),
      change_direction: acr === 'phrh' ? 'increase' : 'decrease',
    }),
    ...(typeof event.data['session'] === 'string' ? { session: event.data['session'] } : {}),
  }
}

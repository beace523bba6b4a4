import type { IncomingMessage } from 'node:http'
import type { Provider } from 'oidc-provider'
import type { AuditEntry } from '../audit/index.ts'
import type { Clock, Millis, Refusal } from '../core/index.ts'
import { randomId } from '../core/index.ts'
import type { FormTokens, HttpExchange } from '../http/index.ts'
import type {
  CredentialStore,
  Directory,
  PasskeyRules,
  Person,
  PersonId,
  PersonStore,
  Recoveries,
  Retirement,
} from '../identity/index.ts'
import type { Grants } from '../oidc/index.ts'
import type {
  Handoffs,
  KnownDeviceStore,
  ProofFacts,
  Revocations,
  Session,
  Sessions,
  StepUps,
} from '../session/index.ts'
import type { BucketStore } from '../throttle/index.ts'
import type { Browser } from './browser.ts'
import { loginErrors } from './errors.ts'
import type { Ceremonies } from './ceremonies/ceremonies.ts'
import type { UserCodeTries } from './user-code-tries.ts'

/** What the identity surface reads from the configuration; asked for at each request. */
export interface IdentitySettings {
  /** `http://auth.proofgate.localhost:8080` */
  readonly origin: string
  /** Mount path: '' or `/.proofgate`. */
  readonly base: string
  readonly relyingPartyName: string
  readonly relyingPartyId: string
  /** Origins of the APIs that a sign-in can be handed to, by API name. */
  readonly apis: readonly { readonly name: string; readonly origin: string }[]
  /** Audiences that tokens can be asked for. */
  readonly audiences: readonly string[]
  readonly refreshLifetime: Millis
  readonly clients: readonly {
    readonly id: string
    readonly firstParty: boolean
    readonly postLogoutRedirectUris: readonly string[]
  }[]
  readonly consoleOrigin: string
  /** Ids of credentials that are for some roles only, and so for nothing about the account. */
  readonly restrictedCredentials: ReadonlySet<string>
  /** Who lets people in again who have lost their passkeys; absent where nobody does. */
  readonly recovery: { readonly approvers: string; readonly oldPasskeys: Retirement } | undefined
  /** How passkeys are kept fresh. */
  readonly passkeys: PasskeyRules
  /** Value of `Strict-Transport-Security` (RFC 6797), if it is sent. */
  readonly hsts: string | undefined
}

/** What the identity surface is made of. */
export interface IdentityParts {
  readonly settings: () => IdentitySettings
  /** The issuer in force; the first to ask waits until its library is loaded. */
  readonly provider: () => Promise<Provider>
  readonly ceremonies: Ceremonies
  readonly sessions: Sessions
  readonly devices: KnownDeviceStore
  readonly revocations: Revocations
  readonly handoffs: Handoffs
  readonly stepUps: StepUps
  readonly grants: Grants
  readonly people: PersonStore
  readonly credentials: CredentialStore
  readonly directory: Directory
  readonly recoveries: Recoveries
  readonly formTokens: FormTokens
  readonly buckets: BucketStore
  readonly userCodeTries: UserCodeTries
  readonly clock: Clock
  readonly record: (entry: AuditEntry) => Promise<void>
  /** Something that somebody has to look at now, for the log. */
  readonly alarm: (text: string, facts: Readonly<Record<string, unknown>>) => void
  /** An unexpected failure, for the log. */
  readonly onError: (error: unknown, requestId: string) => void
}

/**
 * Whether a credential may speak for its owner's account.
 *
 * Invariant: one that is for some roles only never gains its owner another one that is for everything.
 */
export function isRestricted(
  { settings }: Pick<IdentityParts, 'settings'>,
  credential: string,
): boolean {
  return settings().restrictedCredentials.has(credential)
}

/** Records something a signed-in person did. */
export function recordAct(
  parts: Pick<IdentityParts, 'record'>,
  input: {
    kind: AuditEntry['kind']
    action: string
    person: Person
    session: Session
    address: string
    what?: NonNullable<AuditEntry['what']>
  },
): Promise<void> {
  return parts.record({
    id: randomId(),
    kind: input.kind,
    action: input.action,
    outcome: 'success',
    reason: `${input.action}.done`,
    who: {
      subject: input.person.id,
      username: input.person.username,
      session: input.session.id,
    },
    where: { address: input.address },
    ...(input.what === undefined ? {} : { what: input.what }),
  })
}

/** For the Signal API: what the browser may keep of this account's passkeys. */
export async function signalOf(
  parts: Pick<IdentityParts, 'credentials' | 'settings'>,
  person: Person,
): Promise<{ signal: { rpId: string; userHandle: string; credentialIds: readonly string[] } }> {
  const left = await parts.credentials.listFor(person.id)
  return {
    signal: {
      rpId: parts.settings().relyingPartyId,
      userHandle: person.userHandle,
      credentialIds: left.map((credential) => credential.id),
    },
  }
}

/** The answer to a touch whose person or passkey was revoked before it opened anything; it is on record. */
export async function overtaken(
  parts: Pick<IdentityParts, 'record'>,
  { address }: Pick<HttpExchange, 'address'>,
  { personId, facts }: { personId: PersonId; facts: ProofFacts },
): Promise<Refusal> {
  const detail = 'the person or the passkey was revoked after the request began'
  const refusal = loginErrors.refuse('ceremony_unknown', detail)
  await parts.record({
    id: randomId(),
    kind: 'session',
    action: 'session.open',
    outcome: 'failure',
    reason: refusal.code,
    detail,
    who: { subject: personId, credential: facts.credentialId },
    where: { address },
  })
  return refusal
}

/** Opens a session for a person who has just proved themselves, and gives it to their browser. */
export async function openBrowserSession(
  parts: IdentityParts,
  browser: Browser,
  exchange: HttpExchange,
  input: { personId: PersonId; facts: ProofFacts; asOf: number },
): Promise<Session | Refusal> {
  const opened = await parts.sessions.open({
    ...input,
    name: describeBrowser(exchange.request),
    address: exchange.address,
  })
  if (opened === undefined) return overtaken(parts, exchange, input)
  const { session, handle } = opened
  browser.holdSession(exchange.response, handle)
  const person = await parts.people.load(input.personId)
  if (person !== undefined) {
    await recordAct(parts, {
      kind: 'session',
      action: 'session.open',
      person,
      session,
      address: exchange.address,
    })
    await noteDevice(parts, { person, session, address: exchange.address })
  }
  return session
}

/**
 * Puts on record that somebody uses a passkey in a kind of browser for the first time, unless it is the first
 * use of any by that person.
 */
async function noteDevice(
  parts: Pick<IdentityParts, 'devices' | 'record' | 'clock'>,
  { person, session, address }: { person: Person; session: Session; address: string },
): Promise<void> {
  const { name: browser, facts } = session
  const { credentialId } = facts
  const at = parts.clock.now()
  const use = { personId: person.id, credentialId, browser, at }
  if ((await parts.devices.note(use)) !== 'new') return
  await recordAct(parts, {
    kind: 'session',
    action: 'session.new_device',
    person,
    session,
    address,
    what: { browser, credential: credentialId },
  })
}

/** `Chromium on Linux`: enough for a person to know their own browser again. */
export function describeBrowser(request: IncomingMessage): string {
  const agent = request.headers['user-agent'] ?? ''
  const browser = firstMatch(agent, [
    ['Edg/', 'Edge'],
    ['OPR/', 'Opera'],
    ['Firefox/', 'Firefox'],
    ['Chrome/', 'Chrome'],
    ['Safari/', 'Safari'],
    ['curl/', 'curl'],
  ])
  const system = firstMatch(agent, [
    ['Android', 'Android'],
    ['iPhone', 'iPhone'],
    ['iPad', 'iPad'],
    ['Windows', 'Windows'],
    ['Mac OS X', 'macOS'],
    ['Linux', 'Linux'],
  ])
  return [browser ?? 'A browser', system].filter((part) => part !== undefined).join(' on ')
}

function firstMatch(
  text: string,
  names: readonly (readonly [string, string])[],
): string | undefined {
  return names.find(([needle]) => text.includes(needle))?.[1]
}

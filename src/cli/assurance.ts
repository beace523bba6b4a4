import { getFips } from 'node:crypto'
import type { Configuration } from '../config/index.ts'
import { millis, printDuration } from '../core/index.ts'
import type { Millis } from '../core/index.ts'

export const assuranceLevels = ['aal2', 'aal3'] as const
export type AssuranceLevel = (typeof assuranceLevels)[number]

/** One requirement of NIST SP 800-63B-4 and whether this configuration meets it. */
export interface Requirement {
  readonly name: string
  /** `yours`: nothing in here can meet or break it. */
  readonly state: 'met' | 'not met' | 'yours'
  readonly why: string
  readonly next?: string
}

const hours = (count: number): Millis => millis(count * 3_600_000)
const longest = {
  aal2: { absolute: hours(24), idle: hours(1) },
  aal3: { absolute: hours(12), idle: hours(0.25) },
} as const

/** What the level asks of a verifier (2.2 and 2.3), in the order of the document. */
export function requirementsOf(
  level: AssuranceLevel,
  configuration: Configuration,
): readonly Requirement[] {
  return [
    met('two factors', 'a passkey, and user verification at every sign-in; no switch turns it off'),
    met('phishing resistance', 'WebAuthn is the only way to sign in'),
    met('replay resistance', 'a challenge is random and gone after the first answer'),
    met('authentication intent', 'every sign-in takes a touch (user presence)'),
    ...(level === 'aal3' ? hardware(configuration) : []),
    channel(configuration),
    ...times(level, configuration),
    copies(configuration),
    modules(),
    ...others(configuration),
  ]
}

function hardware({ authenticators }: Configuration): readonly Requirement[] {
  const { allow, signIn, attestation, trustAnchors, metadata, certification } = authenticators
  const believed = [
    ...(trustAnchors.length > 0 ? [`${trustAnchors.length} trust anchors`] : []),
    ...(metadata === undefined ? [] : ['FIDO metadata']),
  ]
  return [
    judged('non-exportable keys', allow === 'hardware-only', {
      why: `new passkeys: authenticators.allow is ${allow}`,
      next: 'set authenticators.allow to hardware-only',
    }),
    judged('no synced passkeys', signIn === 'hardware-only', {
      why: `sign-in with those from before: authenticators.signIn is ${signIn}`,
      next: 'set authenticators.signIn to hardware-only',
    }),
    judged('proof of hardware', attestation !== 'none' && believed.length > 0, {
      why: `attestation is ${attestation}, believed by ${believed.length === 0 ? 'nobody' : believed.join(' and ')}`,
      next: 'ask for attestation, and name trustAnchors or metadata',
    }),
    yours(
      'validated authenticators',
      certification === undefined
        ? 'your anchors decide which makes; FIPS 140 of their devices is for you to check'
        : `FIDO certification of at least ${certification} is asked for; FIPS 140 is for you to check`,
    ),
  ]
}

function channel({ identity }: Configuration): Requirement {
  return judged('protected channel', identity.origin.startsWith('https:'), {
    why: `sign-in is at ${identity.origin}`,
    next: 'serve it over TLS: docs/tls.md',
  })
}

function times(level: AssuranceLevel, { sessions, tokens }: Configuration): readonly Requirement[] {
  const { absolute, idle } = longest[level]
  const limit = (name: string, option: string, found: Millis, most: Millis): Requirement =>
    judged(name, found <= most, {
      why: `${option} is ${printDuration(found)}, at most ${printDuration(most)}`,
      next: `set ${option} to ${printDuration(most)} or less`,
    })
  return [
    limit('new sign-in', 'sessions.absolute', sessions.absolute, absolute),
    limit('inactivity', 'sessions.idle', sessions.idle, idle),
    limit('programs', 'tokens.refreshLifetime', tokens.refreshLifetime, absolute),
  ]
}

function copies({ authenticators: { clone } }: Configuration): Requirement {
  return judged('copied keys', clone === 'block', {
    why: `authenticators.clone is ${clone}`,
    next: 'set authenticators.clone to block',
  })
}

/** Approved modes are a matter of how OpenSSL was built and is configured. */
function modules(): Requirement {
  return yours(
    'validated cryptography',
    getFips() === 1
      ? 'OpenSSL runs in FIPS mode; whether the build is validated is for you to check'
      : 'OpenSSL does not run in FIPS mode, and builds of Node.js are not validated modules as such',
  )
}

function others({ issuers }: Configuration): readonly Requirement[] {
  const names = issuers.map(({ name }) => name).join(', ')
  return [
    yours('recovery', 'who gets an enrolment link is proofed by you, at the level of enrolment'),
    ...(names === ''
      ? []
      : [
          yours(
            'external issuers',
            `tokens of ${names} have the level that their issuer gave them`,
          ),
        ]),
  ]
}

function met(name: string, why: string): Requirement {
  return { name, state: 'met', why }
}

function yours(name: string, why: string): Requirement {
  return { name, state: 'yours', why }
}

function judged(
  name: string,
  holds: boolean,
  { why, next }: { readonly why: string; readonly next: string },
): Requirement {
  return holds ? met(name, why) : { name, state: 'not met', why, next }
}

import { isRefusal, randomId } from '../../core/index.ts'
import type { AuditEntry } from '../../audit/index.ts'
import { keyFacts } from '../../identity/index.ts'
import type { Credential, Person, Retirement } from '../../identity/index.ts'
import { whoOf } from '../credential-facts.ts'
import type { Caller, CeremonyParts } from './parts.ts'

/** Whom and what an end of a ceremony was about, as far as it is known. */
export interface CeremonySubject {
  readonly person: Person | undefined
  readonly credential: string | undefined
  /** The credential whose place the new one takes. */
  readonly replaced?: string | undefined
  /** Credentials that ended because the person was let in again. */
  readonly retired?: readonly string[] | undefined
  /** What metadata says of the model that did not stand in the way. */
  readonly warnings?: readonly string[]
  /** What else is to be found in the trail. */
  readonly what?: NonNullable<AuditEntry['what']>
}

/** Whatever the touch was for, it is one event to whoever watches for it. */
const suspicions: ReadonlySet<string> = new Set(['login.clone_suspected', 'proof.clone_suspected'])

/** One entry for one end of a ceremony, good or bad. */
export async function recordCeremony(
  parts: Pick<CeremonyParts, 'record'>,
  caller: Caller,
  end: { action: string; outcome: unknown; subject: CeremonySubject },
): Promise<void> {
  const { action, outcome, subject } = end
  const refusal = isRefusal(outcome) ? outcome : undefined
  const suspected = refusal !== undefined && suspicions.has(refusal.code)
  await parts.record({
    id: randomId(),
    kind: 'ceremony',
    action: suspected ? 'authenticator_clone_suspected' : action,
    outcome: refusal === undefined ? 'success' : 'failure',
    reason: refusal?.code ?? `${action}.verified`,
    ...(refusal?.detail === undefined ? {} : { detail: refusal.detail }),
    who: whoOf(subject, caller.session),
    ...whatOf(subject),
    where: { address: caller.address, userAgent: caller.userAgent },
  })
}

/** The passkeys that ended because their owner was let in again, and how. */
export interface Retired {
  readonly how: Retirement
  readonly credentials: readonly Credential[]
}

/** What ended has entries like those of an administrator's doing, so that whoever listens for them hears. */
export async function recordRetired(
  parts: Pick<CeremonyParts, 'record'>,
  { address, userAgent }: Caller,
  { person, how, credentials }: Retired & { readonly person: Person },
): Promise<void> {
  const ended = (action: string, what?: NonNullable<AuditEntry['what']>): Promise<void> =>
    parts.record({
      id: randomId(),
      kind: 'ceremony',
      action,
      outcome: 'success',
      reason: `${action}.recovery`,
      who: { subject: person.id, username: person.username },
      ...(what === undefined ? {} : { what }),
      where: { address, userAgent },
    })
  for (const credential of credentials) {
    await ended(`credential.${how}`, { ...keyFacts(credential), reason: 'recovery' })
  }
  await ended('session.end_all')
}

function whatOf({
  warnings = [],
  replaced,
  retired,
  what: more,
}: CeremonySubject): Pick<AuditEntry, 'what'> {
  const what = {
    ...more,
    ...(replaced === undefined ? {} : { replaced }),
    ...(retired === undefined ? {} : { retired }),
    ...(warnings.length > 0 ? { metadata: warnings } : {}),
  }
  return Object.keys(what).length > 0 ? { what } : {}
}

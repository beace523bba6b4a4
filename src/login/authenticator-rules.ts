import type { Refusal } from '../core/index.ts'
import type {
  AttestationConveyance,
  CoseAlgorithm,
  Trust,
  TrustAnchor,
  VerifiedRegistration,
} from '../webauthn/index.ts'
import { loginErrors } from './errors.ts'

/** From the widest to the narrowest. */
export const authenticatorKinds = ['any', 'device-bound', 'hardware-only'] as const
export type AuthenticatorKind = (typeof authenticatorKinds)[number]

/** What a new passkey of somebody has to be. */
export interface AuthenticatorRules {
  readonly allow: AuthenticatorKind
  /** In order of preference; never empty. */
  readonly algorithms: readonly CoseAlgorithm[]
  /** Models in UUID form, lower case. */
  readonly aaguids: {
    /** Absent: every model. Empty: none at all. */
    readonly allow: readonly string[] | undefined
    readonly deny: readonly string[]
  }
}

/** What ceremonies ask about authenticators. */
export interface AuthenticatorPolicy {
  readonly attestation: AttestationConveyance
  readonly anchors: readonly TrustAnchor[]
  readonly rulesFor: (groups: readonly string[]) => AuthenticatorRules
}

/** Both rules at once: of kinds the narrower, of algorithms and models what both allow. */
export function bothRules(one: AuthenticatorRules, other: AuthenticatorRules): AuthenticatorRules {
  const narrower = Math.max(
    authenticatorKinds.indexOf(one.allow),
    authenticatorKinds.indexOf(other.allow),
  )
  return {
    allow: authenticatorKinds[narrower] ?? 'hardware-only',
    algorithms: one.algorithms.filter((algorithm) => other.algorithms.includes(algorithm)),
    aaguids: {
      allow: bothLists(one.aaguids.allow, other.aaguids.allow),
      deny: [...new Set([...one.aaguids.deny, ...other.aaguids.deny])],
    },
  }
}

function bothLists(
  one: readonly string[] | undefined,
  other: readonly string[] | undefined,
): readonly string[] | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return one.filter((item) => other.includes(item))
}

/**
 * Why a new passkey may not be kept, `undefined` when it may.
 *
 * Invariant: a list of models lets nobody in by a claim. Without trusted attestation a device can name any
 * model, so only what is denied counts then.
 */
export function judgeAuthenticator(
  rules: AuthenticatorRules,
  found: Pick<VerifiedRegistration, 'aaguid' | 'backupEligible'>,
  trust: Trust,
): Refusal | undefined {
  const { allow, aaguids } = rules
  if (aaguids.deny.includes(found.aaguid)) {
    return loginErrors.refuse('authenticator_not_allowed', `the model ${found.aaguid} is denied`)
  }
  if (allow === 'hardware-only' && (!trust.trusted || found.backupEligible)) {
    const why = trust.trusted ? 'the key may be copied' : trust.why
    return loginErrors.refuse('hardware_key_required', why)
  }
  if (allow === 'device-bound' && found.backupEligible) {
    return loginErrors.refuse('device_bound_key_required')
  }
  if (aaguids.allow === undefined) return undefined
  if (!trust.trusted) return loginErrors.refuse('authenticator_not_allowed', trust.why)
  return aaguids.allow.includes(found.aaguid)
    ? undefined
    : loginErrors.refuse('authenticator_not_allowed', `the model ${found.aaguid} is not allowed`)
}

import type { Instant, Refusal } from '../core/index.ts'
import { judgeTrust } from '../webauthn/index.ts'
import type {
  AttestationConveyance,
  CoseAlgorithm,
  Trust,
  TrustAnchor,
  VerifiedRegistration,
  VerifiedStatement,
} from '../webauthn/index.ts'
import { loginErrors } from './errors.ts'

/** From the widest to the narrowest. */
export const authenticatorKinds = ['any', 'device-bound', 'hardware-only'] as const
export type AuthenticatorKind = (typeof authenticatorKinds)[number]

/** From the lowest to the highest. */
export const certificationLevels = ['L1', 'L1+', 'L2', 'L2+', 'L3', 'L3+'] as const
export type CertificationLevel = (typeof certificationLevels)[number]

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
  /** The least level; absent: none. */
  readonly certification: CertificationLevel | undefined
}

/** What metadata says about the model of a new passkey. */
export interface ModelReport {
  readonly anchors: readonly TrustAnchor[]
  readonly verdict: 'allow' | 'warn' | 'block'
  /** The statuses that led to it. */
  readonly reasons: readonly string[]
  readonly certification: string | undefined
}

/** What ceremonies ask about authenticators. */
export interface AuthenticatorPolicy {
  readonly attestation: AttestationConveyance
  readonly anchors: readonly TrustAnchor[]
  /** By its AAGUID or, where a statement signs none, by its certificates. */
  readonly modelOf: (aaguid: string, statement: VerifiedStatement) => ModelReport | undefined
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
    certification: certificationLevels.findLast(
      (level) => level === one.certification || level === other.certification,
    ),
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

/** A new passkey that may be kept, and how far its device is believed. */
export interface Accepted {
  readonly trust: Trust
  /** What metadata says that does not stand in the way. */
  readonly warnings: readonly string[]
}

/**
 * WebAuthn L3 7.1 steps 18, 19, 23 and 24: what is correct may still not be wanted.
 *
 * Invariant: a model that metadata blocks is refused whatever vouches for it, and by a mere claim too.
 */
export function judgeRegistration(
  policy: AuthenticatorPolicy,
  rules: AuthenticatorRules,
  found: Pick<VerifiedRegistration, 'aaguid' | 'backupEligible' | 'statement'> & { at: Instant },
): Accepted | Refusal {
  const { aaguid, statement, at } = found
  const model = policy.modelOf(aaguid, statement)
  if (model?.verdict === 'block') {
    const why = `metadata reports ${model.reasons.join(', ')} for its model`
    return loginErrors.refuse('authenticator_not_allowed', why)
  }
  const anchors = [...policy.anchors, ...(model?.anchors ?? [])]
  const trust = judgeTrust({ statement, aaguid, anchors, at })
  const unwanted = judgeAuthenticator(rules, found, trust) ?? judgeLevel(rules, model, trust)
  return unwanted ?? { trust, warnings: model?.reasons ?? [] }
}

/** Invariant: the level is that of a model, so it counts only where attestation proves the model. */
function judgeLevel(
  { certification }: AuthenticatorRules,
  model: ModelReport | undefined,
  trust: Trust,
): Refusal | undefined {
  if (certification === undefined) return undefined
  if (!trust.trusted) return loginErrors.refuse('authenticator_not_allowed', trust.why)
  const level = certificationLevels.findIndex((one) => one === model?.certification)
  if (level >= certificationLevels.indexOf(certification)) return undefined
  const why = `its model is certified ${model?.certification ?? 'at no level'}`
  return loginErrors.refuse('authenticator_not_allowed', why)
}

import type { Instant, Refusal } from '../core/index.ts'
import { authenticatorName, judgeTrust } from '../webauthn/index.ts'
import type {
  AttestationConveyance,
  ChainedStatement,
  CoseAlgorithm,
  DeviceFacts,
  Trust,
  TrustAnchor,
  VerifiedRegistration,
} from '../webauthn/index.ts'
import type { Credential } from '../identity/index.ts'
import { loginErrors } from './errors.ts'
import { comparableSerial, isOfMaker } from './makers.ts'

/** From the widest to the narrowest. */
export const authenticatorKinds = ['any', 'device-bound', 'hardware-only'] as const
export type AuthenticatorKind = (typeof authenticatorKinds)[number]

/** From the lowest to the highest. */
export const certificationLevels = ['L1', 'L1+', 'L2', 'L2+', 'L3', 'L3+'] as const
export type CertificationLevel = (typeof certificationLevels)[number]

/** Models, by themselves or all of a maker. */
export interface ModelList {
  /** UUID form, lower case. */
  readonly aaguids: readonly string[]
  /** As they are written; compared by `isOfMaker`. */
  readonly makers: readonly string[]
}

/** What a new passkey of somebody has to be. */
export interface AuthenticatorRules {
  readonly allow: AuthenticatorKind
  /** In order of preference; empty where groups agree on none. */
  readonly algorithms: readonly CoseAlgorithm[]
  readonly models: {
    /** It has to be on each of these lists. No list: every model. An empty list: none at all. */
    readonly allow: readonly ModelList[]
    readonly deny: ModelList
  }
  /** The least level; absent: none. */
  readonly certification: CertificationLevel | undefined
  /** Of the devices it has to be one of, as `comparableSerial` has them; absent: any device. */
  readonly serials: readonly string[] | undefined
}

/** What metadata says about the model of a new passkey. */
export interface ModelReport {
  readonly description: string | undefined
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
  readonly modelOf: (aaguid: string, statement: ChainedStatement) => ModelReport | undefined
  /** Whether a certificate that trust rests on was taken back, or nobody can tell. */
  readonly revocationOf: (
    path: Extract<Trust, { trusted: true }>['path'],
  ) => { readonly kind: 'revoked' | 'overdue'; readonly why: string } | undefined
  /** The level of a model that attestation proves; `undefined` when none is known. */
  readonly certificationOf: (credential: Credential) => string | undefined
  readonly rulesFor: (groups: readonly string[]) => AuthenticatorRules
  /** What a signature counter that did not grow leads to, besides a record. */
  readonly clone: 'block' | 'warn'
  /** Which of the registered passkeys sign people in. */
  readonly signIn: 'any' | 'hardware-only'
}

/** Both rules at once: of kinds the narrower, of the rest what both allow. */
export function bothRules(one: AuthenticatorRules, other: AuthenticatorRules): AuthenticatorRules {
  const narrower = Math.max(
    authenticatorKinds.indexOf(one.allow),
    authenticatorKinds.indexOf(other.allow),
  )
  const denied = [one.models.deny, other.models.deny]
  return {
    allow: authenticatorKinds[narrower] ?? 'hardware-only',
    algorithms: one.algorithms.filter((algorithm) => other.algorithms.includes(algorithm)),
    models: {
      allow: [...one.models.allow, ...other.models.allow],
      deny: {
        aaguids: [...new Set(denied.flatMap(({ aaguids }) => aaguids))],
        makers: [...new Set(denied.flatMap(({ makers }) => makers))],
      },
    },
    certification: certificationLevels.findLast(
      (level) => level === one.certification || level === other.certification,
    ),
    serials: bothLists(one.serials, other.serials),
  }
}

function bothLists(
  one: readonly string[] | undefined,
  other: readonly string[] | undefined,
): readonly string[] | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return one.filter((item) => other.includes(item))
}

/** What is known of the device of a new passkey. */
export type FoundDevice = Pick<VerifiedRegistration, 'aaguid' | 'backupEligible'> &
  DeviceFacts & {
    /** In the words of the list of metadata, if there is an entry. */
    readonly description: string | undefined
  }

/**
 * Why a new passkey may not be kept, `undefined` when it may.
 *
 * Invariant: a list of models or devices lets nobody in by a claim. Without trusted attestation a device can
 * name any, so only what is denied counts then.
 */
export function judgeAuthenticator(
  rules: AuthenticatorRules,
  found: FoundDevice,
  trust: Trust,
): Refusal | undefined {
  const { allow, models, serials } = rules
  if (isDenied(models.deny, found)) return notAllowed(`the model ${found.aaguid} is denied`)
  if (allow === 'hardware-only' && (!trust.trusted || found.backupEligible)) {
    const why = trust.trusted ? 'the key may be copied' : trust.why
    return loginErrors.refuse('hardware_key_required', why)
  }
  if (allow === 'device-bound' && found.backupEligible) {
    return loginErrors.refuse('device_bound_key_required')
  }
  if (models.allow.length > 0) {
    if (!trust.trusted) return notAllowed(trust.why)
    const outside = models.allow.some((list) => !isAllowed(list, found))
    if (outside) return notAllowed(`the model ${found.aaguid} is not allowed`)
  }
  if (serials === undefined) return undefined
  return judgeSerial(serials, found, trust)
}

function judgeSerial(
  serials: readonly string[],
  { serial }: FoundDevice,
  trust: Trust,
): Refusal | undefined {
  if (!trust.trusted) return loginErrors.refuse('own_key_required', trust.why)
  if (serial === undefined)
    return loginErrors.refuse('own_key_required', 'it tells no serial number')
  return serials.includes(comparableSerial(`0x${serial}`))
    ? undefined
    : loginErrors.refuse('own_key_required', `the serial number 0x${serial} is not listed`)
}

/** Whoever might be meant is: by what metadata, the certificate or our own table of names says. */
function isDenied({ aaguids, makers }: ModelList, found: FoundDevice): boolean {
  const texts = [found.description, authenticatorName(found.aaguid), ...found.makers]
  return (
    aaguids.includes(found.aaguid) ||
    makers.some((maker) => texts.some((text) => text !== undefined && isOfMaker(text, maker)))
  )
}

/**
 * Invariant: where metadata describes the model, its description says who made it, and nothing else. The
 * authority of one maker could put the name of another into a certificate.
 */
function isAllowed({ aaguids, makers }: ModelList, found: FoundDevice): boolean {
  const texts = found.description === undefined ? found.makers : [found.description]
  return (
    aaguids.includes(found.aaguid) ||
    makers.some((maker) => texts.some((text) => isOfMaker(text, maker)))
  )
}

function notAllowed(why: string): Refusal {
  return loginErrors.refuse('authenticator_not_allowed', why)
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
  const { model, trust } = judgeStatement(policy, found)
  if (model?.verdict === 'block') {
    return notAllowed(`metadata reports ${model.reasons.join(', ')} for its model`)
  }
  const unwanted = judgeWanted(rules, found, { model, trust })
  return unwanted ?? { trust, warnings: model?.reasons ?? [] }
}

/** The part of a policy that statements are judged by. */
export type JudgingPolicy = Pick<AuthenticatorPolicy, 'anchors' | 'modelOf' | 'revocationOf'>

/** What is known of a model, and whether a statement proves it. */
export interface Vouched {
  readonly model: ModelReport | undefined
  readonly trust: Trust
  /** Whether it is not trusted only because a list of revocations is late. */
  readonly unsure: boolean
}

/** By the anchors and the metadata of now, at the time of the registration. */
export function judgeStatement(
  policy: JudgingPolicy,
  { aaguid, statement, at }: Pick<VerifiedRegistration, 'aaguid' | 'statement'> & { at: Instant },
): Vouched {
  const model = policy.modelOf(aaguid, statement)
  const anchors = [...policy.anchors, ...(model?.anchors ?? [])]
  const trust = judgeTrust({ statement, aaguid, anchors, at })
  const problem = trust.trusted ? policy.revocationOf(trust.path) : undefined
  if (problem === undefined) return { model, trust, unsure: false }
  const { kind, why } = problem
  return { model, trust: { trusted: false, why }, unsure: kind === 'overdue' }
}

/** Why a passkey is not what the rules want, `undefined` when it is. */
export function judgeWanted(
  rules: AuthenticatorRules,
  found: Pick<VerifiedRegistration, 'aaguid' | 'backupEligible' | 'statement'>,
  { model, trust }: Omit<Vouched, 'unsure'>,
): Refusal | undefined {
  const device = { ...found, ...found.statement.device, description: model?.description }
  return judgeAuthenticator(rules, device, trust) ?? judgeLevel(rules, model, trust)
}

/** Invariant: the level is that of a model, so it counts only where attestation proves the model. */
function judgeLevel(
  { certification }: AuthenticatorRules,
  model: ModelReport | undefined,
  trust: Trust,
): Refusal | undefined {
  if (certification === undefined) return undefined
  if (!trust.trusted) return notAllowed(trust.why)
  const level = certificationLevels.findIndex((one) => one === model?.certification)
  if (level >= certificationLevels.indexOf(certification)) return undefined
  return notAllowed(`its model is certified ${model?.certification ?? 'at no level'}`)
}

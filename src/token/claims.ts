import { Interned, isJsonObject, ownProperty } from '../core/index.ts'
import type { Instant, Json, JsonObject, Millis, Refusal } from '../core/index.ts'
import { tokenErrors } from './errors.ts'
import type { VerifiedToken } from './verified-token.ts'

/** 9999-12-31T23:59:59Z: a NumericDate beyond it is a mistake or an attack. */
const lastSecond = 253_402_300_799
const longestList = 512
const unprintable = /\p{Cc}/u

/** The claims about a proof that conditions can name. */
const proofClaimNames = [
  'aaguid',
  'uv',
  'be',
  'bs',
  'attestation',
  'attestation_trusted',
  'certification',
] as const

/** A token is remembered for minutes, and most of what it says is what others say as well. */
const interned = new Interned()
/** Apart, so that however many people there are, what they have in common stays. */
const people = new Interned(8192)
const proofs = new Map<string, JsonObject>()
const mostProofs = 4096
const noClaims: JsonObject = Object.freeze({})

type ClaimReason = 'invalid' | 'expired' | 'wrong_audience' | 'insufficient_scope'

/** Carries the first wrong claim out of a reader; never leaves this file. */
class ClaimProblem extends Error {
  readonly reason: ClaimReason

  constructor(reason: ClaimReason, message: string) {
    super(message)
    this.reason = reason
  }
}

/**
 * Runs a reader over verified claims; the first claim that is missing, of the wrong type or out of
 * bounds makes the whole token invalid.
 */
export function readClaims<Outcome>(
  members: JsonObject,
  read: (claims: ClaimReader) => Outcome,
): Outcome | Refusal {
  try {
    return read(new ClaimReader(members))
  } catch (problem) {
    if (problem instanceof ClaimProblem) return tokenErrors.refuse(problem.reason, problem.message)
    throw problem
  }
}

/** Reads own members only, each with a type and a bound. Absent and malformed are told apart. */
export class ClaimReader {
  readonly members: JsonObject

  constructor(members: JsonObject) {
    this.members = members
  }

  has(name: string): boolean {
    return Object.hasOwn(this.members, name)
  }

  /** The own member, unread; `undefined` when absent. */
  member(name: string): Json | undefined {
    return ownProperty(this.members, name) as Json | undefined
  }

  /** Ends the reading: the token is refused. */
  refuse(problem: string, reason: ClaimReason = 'invalid'): never {
    throw new ClaimProblem(reason, problem)
  }

  /** A required text of 1 to `maximum` characters without control characters. */
  text(name: string, maximum = 256): string {
    return this.optionalText(name, maximum) ?? this.refuse(`claim ${name} is missing`)
  }

  optionalText(name: string, maximum = 256): string | undefined {
    const value = this.member(name)
    if (value === undefined) return undefined
    return isText(value, maximum) ? value : this.refuse(`claim ${name} is not a bounded text`)
  }

  /** An optional text that many tokens have in common, such as the name of a client. */
  commonText(name: string, maximum = 256): string | undefined {
    const text = this.optionalText(name, maximum)
    return text === undefined ? undefined : interned.text(text)
  }

  /** A required text that the tokens of one person have in common, who may be one of many. */
  personText(name: string): string {
    return people.text(this.text(name))
  }

  optionalPersonText(name: string): string | undefined {
    return this.has(name) ? this.personText(name) : undefined
  }

  /** A required NumericDate, as an instant. */
  instant(name: string): Instant {
    return this.optionalInstant(name) ?? this.refuse(`claim ${name} is missing`)
  }

  optionalInstant(name: string): Instant | undefined {
    const value = this.member(name)
    if (value === undefined) return undefined
    if (typeof value !== 'number' || !(value >= 0 && value <= lastSecond)) {
      return this.refuse(`claim ${name} is not a time in seconds`)
    }
    return Math.floor(value * 1000)
  }

  /** A list of texts; absent = empty. */
  texts(name: string): readonly string[] {
    const value = this.member(name)
    if (value === undefined) return none
    if (!Array.isArray(value) || value.length > longestList) {
      return this.refuse(`claim ${name} is not a bounded list`)
    }
    const list = value as readonly unknown[]
    return list.every((item) => isText(item, 256))
      ? interned.list(list)
      : this.refuse(`claim ${name} holds something else than texts`)
  }

  /** Texts divided by spaces (RFC 6749 3.3); absent = empty. */
  words(name: string): readonly string[] {
    const value = this.member(name)
    if (value === undefined || value === '') return none
    if (!isText(value, 4096)) return this.refuse(`claim ${name} is not a bounded text`)
    const words = interned.words(value)
    return words.length <= longestList ? words : this.refuse(`claim ${name} is too long`)
  }

  /** As `texts` when the claim is a list, as `words` when it is a text. */
  textsOrWords(name: string): readonly string[] {
    return Array.isArray(this.member(name)) ? this.texts(name) : this.words(name)
  }

  /** What is said of the proof, as far as it is text: other values mean nothing to a condition. */
  proof(): JsonObject {
    let said: Record<string, string> | undefined
    for (const name of proofClaimNames) {
      const value = this.member(name)
      if (value === undefined || !isText(value, 256)) continue
      said ??= {}
      said[name] = value
    }
    if (said === undefined) return noClaims
    const key = JSON.stringify(said)
    const known = proofs.get(key)
    if (known !== undefined) return known
    if (proofs.size >= mostProofs) proofs.clear()
    proofs.set(key, Object.freeze(said))
    return said
  }

  /** Some of the claims as they are, whatever they hold. */
  only(names: readonly string[]): JsonObject {
    if (names.length === 0) return noClaims
    const chosen = names.flatMap((name) => {
      const value = this.member(name)
      return value === undefined ? [] : [[name, value] as const]
    })
    return deepFreeze(Object.fromEntries(chosen))
  }

  /**
   * What a token is bound to: a key (`jkt`, RFC 9449 6.1), a certificate (`x5t#S256`, RFC 8705 3.1), both,
   * or nothing.
   * Invariant: a binding of any kind we cannot check is refused, not taken as "not bound".
   */
  confirmation(): Confirmation {
    const confirmation = this.member('cnf')
    if (confirmation === undefined) return unbound
    if (!isJsonObject(confirmation)) return this.refuse('claim cnf is no binding')
    const kinds = Object.keys(confirmation)
    if (kinds.length === 0 || !kinds.every((kind) => kind === 'jkt' || kind === 'x5t#S256')) {
      return this.refuse('claim cnf holds a binding of another kind')
    }
    return {
      confirmationThumbprint: this.#thumbprint(confirmation, 'jkt'),
      certificateThumbprint: this.#thumbprint(confirmation, 'x5t#S256'),
    }
  }

  #thumbprint(confirmation: JsonObject, kind: string): string | undefined {
    const thumbprint = ownProperty(confirmation, kind)
    if (thumbprint === undefined) return undefined
    return typeof thumbprint === 'string' && /^[A-Za-z0-9_-]{43}$/.test(thumbprint)
      ? thumbprint
      : this.refuse('claim cnf holds something else than a thumbprint')
  }
}

const none: readonly string[] = Object.freeze([])

type Confirmation = Pick<VerifiedToken, 'confirmationThumbprint' | 'certificateThumbprint'>

const unbound: Confirmation = {
  confirmationThumbprint: undefined,
  certificateThumbprint: undefined,
}

/** What the times of a token are held against; all in milliseconds. */
export interface TimeRules {
  readonly clockSkew: Millis
  /** Longest allowed span from `iat` to `exp`. */
  readonly maximumLifetime: Millis
  /** Longest allowed time since `iat`. */
  readonly maximumAge: Millis
}

/** RFC 7519 4.1.4-4.1.6, with the skew in favour of the caller on both ends. */
export function readTimes(
  claims: ClaimReader,
  now: Instant,
  rules: TimeRules,
): { readonly issuedAt: Instant; readonly expiresAt: Instant } {
  const issuedAt = claims.instant('iat')
  const expiresAt = claims.instant('exp')
  const notBefore = claims.optionalInstant('nbf') ?? issuedAt
  if (expiresAt <= issuedAt) claims.refuse('exp is not after iat')
  if (expiresAt - issuedAt > rules.maximumLifetime) claims.refuse('it lives longer than allowed')
  if (issuedAt > now + rules.clockSkew) claims.refuse('iat is in the future')
  if (notBefore > now + rules.clockSkew) claims.refuse('nbf is in the future')
  if (now >= expiresAt + rules.clockSkew) claims.refuse('it is past exp', 'expired')
  if (now - issuedAt > rules.maximumAge + rules.clockSkew) {
    claims.refuse('it is older than allowed', 'expired')
  }
  return { issuedAt, expiresAt }
}

/** Freezes a value through and through: one verified token serves many requests. */
function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const member of Object.values(value) as readonly unknown[]) deepFreeze(member)
  }
  return value
}

function isText(value: unknown, maximum: number): value is string {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= maximum &&
    value.isWellFormed() &&
    !unprintable.test(value)
  )
}

import { epochSeconds, invariant, millis, randomId } from '../../core/index.ts'
import type { Clock, Instant } from '../../core/index.ts'
import { AssertionSeals } from './seals.ts'
import type { SealOwner } from './seals.ts'
import { AssertionTexts } from './texts.ts'
import type { AssertionFacts } from './texts.ts'
import { JwsSigner } from '../jws.ts'
import type { SigningKey } from '../key-ring.ts'

/** Who an upstream is told about. None of it changes. */
export interface AssertionSubject extends AssertionFacts, SealOwner {
  /** What was minted for this very object: for the minter alone to set. It can be let go and made again. */
  minted?: Minted | undefined
  /** Whether assertions for it are kept whole. */
  readonly isFrequent?: boolean
}

/** How long an assertion is valid from the moment it was minted. */
export const assertionLifetimeSeconds = 60

/** One assertion serves at most this long, so an upstream always has 20 s of its life left. */
const reusedFor = millis(40_000)

/** `typ` of the assertion, so that no other verifier takes it for a token of its own. */
export const assertionType = 'pg-assertion+jwt'

/** A whole assertion for one upstream. */
export interface Minted {
  readonly subject: AssertionSubject
  readonly upstream: string
  readonly keyId: string
  /** Seconds since the epoch. */
  readonly issuedAt: number
  readonly text: string
  /** For another upstream. */
  readonly next: Minted | undefined
}

/**
 * Mints what upstreams receive in `X-Proofgate-Assertion`: a JWT signed with ES256 that says who
 * called. It is reused for the same verified token and upstream, so its `jti` names the assertion,
 * not the request. Kept are the id and the signature, from which it is put together again: signing costs
 * ten times what that does, and a whole one takes seven times the room.
 *
 * Invariant: reuse is by the identity of the subject object, so nobody can get another's assertion.
 */
export class AssertionMinter {
  readonly #issuer: string
  readonly #keys: { active(algorithm: 'ES256'): SigningKey }
  readonly #clock: Clock
  #press: Press | undefined

  constructor(options: {
    readonly issuer: string
    readonly keys: { active(algorithm: 'ES256'): SigningKey }
    readonly clock: Clock
  }) {
    this.#issuer = options.issuer
    this.#keys = options.keys
    this.#clock = options.clock
  }

  /** @param upstream - the audience: one configured upstream, never a value from a request. */
  mint(subject: AssertionSubject, upstream: string): string {
    invariant(upstream !== '', 'an assertion has an audience')
    const now = this.#clock.now()
    const key = this.#keys.active('ES256')
    const known = findWhole(subject, upstream)
    if (known?.keyId === key.keyId && now - known.issuedAt * 1000 < reusedFor) return known.text
    if (this.#press?.keyId !== key.keyId) this.#press = new Press(key, this.#issuer)
    return this.#press.make(subject, upstream, now)
  }
}

/** Makes assertions with one key. */
class Press {
  readonly keyId: string
  readonly #signer: JwsSigner
  readonly #texts: AssertionTexts
  readonly #seals = new AssertionSeals(reusedFor)

  constructor({ keyId, privateKey }: SigningKey, issuer: string) {
    this.keyId = keyId
    this.#signer = new JwsSigner({
      algorithm: 'ES256',
      type: assertionType,
      keyId,
      key: privateKey,
    })
    this.#texts = new AssertionTexts(this.#signer.header, issuer)
  }

  make(subject: AssertionSubject, upstream: string, now: Instant): string {
    const place = this.#seals.find(subject, upstream, now)
    const issuedAt = place === undefined ? epochSeconds(now) : this.#seals.issuedAt(place)
    const text =
      place === undefined
        ? this.#sign(subject, upstream, issuedAt)
        : `${this.#input(subject, upstream, issuedAt, this.#seals.id(place))}.${this.#seals.signature(place)}`
    if (subject.isFrequent === true)
      keepWhole(subject, { upstream, keyId: this.keyId, issuedAt, text })
    return text
  }

  #sign(subject: AssertionSubject, upstream: string, issuedAt: number): string {
    const id = randomId()
    const input = this.#input(subject, upstream, issuedAt, id)
    const signature = this.#signer.sign(input)
    this.#seals.keep(subject, upstream, { issuedAt, id, signature })
    return `${input}.${signature.toString('base64url')}`
  }

  #input(subject: AssertionSubject, upstream: string, issuedAt: number, id: string): string {
    const expiresAt = issuedAt + assertionLifetimeSeconds
    return this.#texts.signingInput(subject, upstream, { id, issuedAt, expiresAt })
  }
}

/** What a copy of a subject brings along was made for the original. */
function findWhole(subject: AssertionSubject, upstream: string): Minted | undefined {
  if (subject.minted?.subject !== subject) return undefined
  let minted: Minted | undefined = subject.minted
  while (minted !== undefined && minted.upstream !== upstream) minted = minted.next
  return minted
}

function keepWhole(subject: AssertionSubject, whole: Omit<Minted, 'subject' | 'next'>): void {
  subject.minted = { ...whole, subject, next: withoutUpstream(subject, whole.upstream) }
}

function withoutUpstream(subject: AssertionSubject, upstream: string): Minted | undefined {
  if (subject.minted?.subject !== subject) return undefined
  let others: Minted | undefined
  for (let one: Minted | undefined = subject.minted; one !== undefined; one = one.next) {
    if (one.upstream !== upstream) others = { ...one, next: others }
  }
  return others
}

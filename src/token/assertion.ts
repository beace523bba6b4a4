import { epochSeconds, invariant, randomId } from '../core/index.ts'
import type { Clock, Instant } from '../core/index.ts'
import { JwsSigner } from './jws.ts'
import type { SigningKey } from './key-ring.ts'
import type { VerifiedToken } from './verified-token.ts'

/** Who an upstream is told about. None of it changes. */
export interface AssertionSubject extends Pick<
  VerifiedToken,
  'issuer' | 'subject' | 'username' | 'groups' | 'session' | 'acr' | 'amr' | 'authTime' | 'clientId'
> {
  /** What was minted for this very object: for the minter alone. */
  minted?: Minted | undefined
  /** Whether assertions for it are kept whole. */
  readonly isFrequent?: boolean
}

/** How long an assertion is valid from the moment it was minted. */
export const assertionLifetimeSeconds = 60

/** One assertion serves at most this long, so an upstream always has 20 s of its life left. */
const reusedFor = 40_000

/** `typ` of the assertion, so that no other verifier takes it for a token of its own. */
export const assertionType = 'pg-assertion+jwt'

const idLength = 16
const signatureLength = 64

/**
 * One assertion for one upstream, as little as it can be put together from again: signing costs ten times what
 * that does, and a whole assertion takes four times the room.
 */
export class Minted {
  readonly subject: AssertionSubject
  readonly upstream: string
  /** For another upstream. */
  readonly next: Minted | undefined
  keyId = ''
  /** Seconds since the epoch. */
  issuedAt = 0
  /** Id and signature, a character for each byte. */
  seal = ''
  whole: string | undefined

  constructor(subject: AssertionSubject, upstream: string, next: Minted | undefined) {
    this.subject = subject
    this.upstream = upstream
    this.next = next
  }
}

/** Lets go of whole assertions; those that are still good can be put together again. */
export function shortenMinted(subject: AssertionSubject): void {
  for (let one = subject.minted; one !== undefined; one = one.next) one.whole = undefined
}

/**
 * Mints what upstreams receive in `X-Proofgate-Assertion`: a JWT signed with ES256 that says who
 * called. It is reused for the same verified token and upstream, so its `jti` names the assertion,
 * not the request.
 *
 * Invariant: reuse is by the identity of the subject object, so nobody can get another's assertion.
 */
export class AssertionMinter {
  readonly #issuer: string
  readonly #keys: { active(algorithm: 'ES256'): SigningKey }
  readonly #clock: Clock
  #signer: JwsSigner | undefined
  readonly #seal = Buffer.alloc(idLength + signatureLength)

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
    const signer = this.#signerOf(key)
    const known = find(subject, upstream)
    const isGood =
      known !== undefined && known.keyId === key.keyId && now - known.issuedAt * 1000 < reusedFor
    if (isGood && known.whole !== undefined) return known.whole
    const minted = known ?? begin(subject, upstream)
    const assertion = isGood ? this.#again(minted, signer) : this.#sign(minted, now, signer)
    minted.whole = subject.isFrequent === true ? assertion : undefined
    return assertion
  }

  #signerOf(key: SigningKey): JwsSigner {
    if (this.#signer?.keyId !== key.keyId) {
      const { keyId, privateKey } = key
      this.#signer = new JwsSigner({
        algorithm: 'ES256',
        type: assertionType,
        keyId,
        key: privateKey,
      })
    }
    return this.#signer
  }

  #sign(minted: Minted, now: Instant, signer: JwsSigner): string {
    const id = randomId()
    const issuedAt = epochSeconds(now)
    const input = signer.signingInput(this.#claims(minted, issuedAt, id))
    const signature = signer.sign(input)
    this.#seal.write(id, 'base64url')
    signature.copy(this.#seal, idLength)
    minted.keyId = signer.keyId
    minted.issuedAt = issuedAt
    minted.seal = this.#seal.toString('latin1')
    return `${input}.${signature.toString('base64url')}`
  }

  #again(minted: Minted, signer: JwsSigner): string {
    this.#seal.write(minted.seal, 'latin1')
    const id = this.#seal.toString('base64url', 0, idLength)
    const input = signer.signingInput(this.#claims(minted, minted.issuedAt, id))
    return `${input}.${this.#seal.toString('base64url', idLength)}`
  }

  /** Invariant: the same each time for the same assertion, or its signature does not hold. */
  #claims({ subject, upstream }: Minted, issuedAt: number, id: string): object {
    const { authTime } = subject
    return {
      iss: this.#issuer,
      aud: upstream,
      sub: subject.subject,
      // Whose subject it is, when it is not one of ours: names are unique per issuer only.
      subject_issuer: subject.issuer === this.#issuer ? undefined : subject.issuer,
      username: subject.username,
      groups: subject.groups,
      sid: subject.session,
      acr: subject.acr,
      amr: subject.amr,
      auth_time: authTime === undefined ? undefined : epochSeconds(authTime),
      client_id: subject.clientId,
      jti: id,
      iat: issuedAt,
      exp: issuedAt + assertionLifetimeSeconds,
    }
  }
}

/** What a copy of a subject brings along was made for the original. */
function find(subject: AssertionSubject, upstream: string): Minted | undefined {
  if (subject.minted?.subject !== subject) return undefined
  let minted: Minted | undefined = subject.minted
  while (minted !== undefined && minted.upstream !== upstream) minted = minted.next
  return minted
}

function begin(subject: AssertionSubject, upstream: string): Minted {
  const others = subject.minted?.subject === subject ? subject.minted : undefined
  subject.minted = new Minted(subject, upstream, others)
  return subject.minted
}

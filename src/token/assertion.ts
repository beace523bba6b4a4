import { epochSeconds, invariant, randomId } from '../core/index.ts'
import type { Clock, Instant, Json } from '../core/index.ts'
import { signJws } from './jws.ts'
import type { SigningKey } from './key-ring.ts'
import type { VerifiedToken } from './verified-token.ts'

/** Who an upstream is told about; a verified token is one. */
export type AssertionSubject = Pick<
  VerifiedToken,
  'issuer' | 'subject' | 'username' | 'groups' | 'session' | 'acr' | 'amr' | 'authTime' | 'clientId'
>

/** How long an assertion is valid from the moment it was minted. */
export const assertionLifetimeSeconds = 60

/** One assertion serves at most this long, so an upstream always has 40 s of its life left. */
const reusedFor = 20_000

/** `typ` of the assertion, so that no other verifier takes it for a token of its own. */
export const assertionType = 'pg-assertion+jwt'

interface Minted {
  readonly assertion: string
  readonly mintedAt: Instant
  readonly keyId: string
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
  readonly #minted = new WeakMap<AssertionSubject, Map<string, Minted>>()

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
    const known = this.#minted.get(subject)
    const last = known?.get(upstream)
    if (last !== undefined && last.keyId === key.keyId && now - last.mintedAt < reusedFor) {
      return last.assertion
    }
    const assertion = this.#sign(subject, upstream, now, key)
    const perUpstream = known ?? new Map<string, Minted>()
    perUpstream.set(upstream, { assertion, mintedAt: now, keyId: key.keyId })
    if (known === undefined) this.#minted.set(subject, perUpstream)
    return assertion
  }

  #sign(subject: AssertionSubject, upstream: string, now: Instant, key: SigningKey): string {
    const issuedAt = epochSeconds(now)
    const { authTime } = subject
    const claims = {
      iss: this.#issuer,
      aud: upstream,
      sub: subject.subject,
      // Whose subject it is, when it is not one of ours: names are unique per issuer only.
      ...known('subject_issuer', subject.issuer === this.#issuer ? undefined : subject.issuer),
      ...known('username', subject.username),
      groups: subject.groups,
      ...known('sid', subject.session),
      ...known('acr', subject.acr),
      amr: subject.amr,
      ...known('auth_time', authTime === undefined ? undefined : epochSeconds(authTime)),
      ...known('client_id', subject.clientId),
      jti: randomId(),
      iat: issuedAt,
      exp: issuedAt + assertionLifetimeSeconds,
    }
    return signJws({
      algorithm: 'ES256',
      type: assertionType,
      keyId: key.keyId,
      claims,
      key: key.privateKey,
    })
  }
}

function known(name: string, value: string | number | undefined): Record<string, Json> {
  return value === undefined ? {} : { [name]: value }
}

import { invariant, Slot } from '../../core/index.ts'
import type { Instant, JsonObject } from '../../core/index.ts'
import { longestPlain } from '../verified-token.ts'
import type { TakenClaims, VerifiedToken } from '../verified-token.ts'

/** What a token says, without what is worked out from it. */
export type TokenFacts = Omit<VerifiedToken, 'derived' | 'isPlain'>

/** What many tokens say alike. */
type Common = Pick<
  VerifiedToken,
  'issuer' | 'clientId' | 'scopes' | 'groups' | 'acr' | 'amr' | 'transports'
>

/** What few tokens say. */
type Rare = Pick<VerifiedToken, 'confirmationThumbprint' | 'certificateThumbprint' | 'taken'>

/** Seconds where they are whole, which takes no room of its own; else milliseconds below zero. */
type PackedTime = number

/**
 * Session, id of the token and credential, one behind the other: each text of its own would have a head of 16 bytes,
 * and room up to the next 8. What is empty is not there.
 */
interface Ids {
  readonly text: string
  /**
   * Where the first ends, in higher bits where the second does, and above them whether the token is plain: one
   * number, which takes no room of its own.
   */
  readonly marks: number
}

const endBits = 12
const endMask = 2 ** endBits - 1
const plainMark = 2 ** (2 * endBits)
const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

const mostCommon = 64
const commons: Common[] = []
let nextCommon = 0
const nothingRare: Rare = Object.freeze({
  confirmationThumbprint: undefined,
  certificateThumbprint: undefined,
  taken: undefined,
})

/**
 * A verified token in half the room: what others say as well is referred to, and times are numbers that are no
 * objects. It is its own place for what is worked out from it.
 */
export class CompactToken extends Slot implements VerifiedToken {
  readonly subject: string
  readonly username: string | undefined
  readonly claims: JsonObject
  readonly #ids: string
  readonly #marks: number
  readonly #common: Common
  readonly #rare: Rare
  readonly #issuedAt: PackedTime
  readonly #expiresAt: PackedTime
  readonly #authTime: PackedTime | undefined
  readonly #openedAt: PackedTime | undefined
  readonly #registeredAt: PackedTime | undefined

  constructor(facts: TokenFacts) {
    super()
    this.subject = facts.subject
    this.username = facts.username
    this.claims = facts.claims
    const ids = joined(facts)
    this.#ids = ids.text
    this.#marks = ids.marks
    this.#common = commonOf(facts)
    this.#rare = rareOf(facts)
    this.#issuedAt = packed(facts.issuedAt)
    this.#expiresAt = packed(facts.expiresAt)
    this.#authTime = facts.authTime === undefined ? undefined : packed(facts.authTime)
    this.#openedAt = facts.openedAt === undefined ? undefined : packed(facts.openedAt)
    this.#registeredAt = facts.registeredAt === undefined ? undefined : packed(facts.registeredAt)
  }

  get session(): string | undefined {
    return part(this.#ids, 0, firstEnd(this.#marks))
  }

  get tokenId(): string | undefined {
    return part(this.#ids, firstEnd(this.#marks), secondEnd(this.#marks))
  }

  get credential(): string | undefined {
    return part(this.#ids, secondEnd(this.#marks), this.#ids.length)
  }

  get isPlain(): boolean {
    return this.#marks >= plainMark
  }

  get issuer(): string {
    return this.#common.issuer
  }

  get clientId(): string | undefined {
    return this.#common.clientId
  }

  get scopes(): readonly string[] {
    return this.#common.scopes
  }

  get groups(): readonly string[] {
    return this.#common.groups
  }

  get acr(): string | undefined {
    return this.#common.acr
  }

  get amr(): readonly string[] {
    return this.#common.amr
  }

  get transports(): readonly string[] {
    return this.#common.transports
  }

  get confirmationThumbprint(): string | undefined {
    return this.#rare.confirmationThumbprint
  }

  get certificateThumbprint(): string | undefined {
    return this.#rare.certificateThumbprint
  }

  get taken(): TakenClaims | undefined {
    return this.#rare.taken
  }

  get issuedAt(): Instant {
    return unpacked(this.#issuedAt)
  }

  get expiresAt(): Instant {
    return unpacked(this.#expiresAt)
  }

  get authTime(): Instant | undefined {
    return this.#authTime === undefined ? undefined : unpacked(this.#authTime)
  }

  get openedAt(): Instant | undefined {
    return this.#openedAt === undefined ? undefined : unpacked(this.#openedAt)
  }

  get registeredAt(): Instant | undefined {
    return this.#registeredAt === undefined ? undefined : unpacked(this.#registeredAt)
  }

  get derived(): Slot {
    return this
  }
}

/** Unlike a sum of texts, what is joined does not keep its parts. */
function joined(facts: TokenFacts): Ids {
  const { session, tokenId, credential } = facts
  invariant(session !== '' && tokenId !== '' && credential !== '', 'no id is empty')
  const first = session?.length ?? 0
  const second = first + (tokenId?.length ?? 0)
  invariant(second <= endMask, 'ids are as short as claims are read')
  const text = [session, tokenId, credential].join('')
  const { issuer, clientId = '', subject, username = '' } = facts
  const isPlain = [text, subject, username, clientId, issuer].every(
    (one) => one.length <= longestPlain && plain.test(one),
  )
  return { text, marks: (isPlain ? plainMark : 0) | (second << endBits) | first }
}

function firstEnd(marks: number): number {
  return marks & endMask
}

function secondEnd(marks: number): number {
  return (marks >> endBits) & endMask
}

function part(text: string, from: number, to: number): string | undefined {
  return from === to ? undefined : text.slice(from, to)
}

function packed(at: Instant): PackedTime {
  const seconds = at / 1000
  return Number.isInteger(seconds) ? seconds : -at
}

function unpacked(time: PackedTime): Instant {
  return time < 0 ? -time : time * 1000
}

/** Lists and texts that tokens have in common are the same objects already, as the claims are read. */
function commonOf(facts: TokenFacts): Common {
  for (const one of commons) if (isSame(one, facts)) return one
  const { issuer, clientId, scopes, groups, acr, amr, transports } = facts
  const common = Object.freeze({ issuer, clientId, scopes, groups, acr, amr, transports })
  commons[nextCommon] = common
  nextCommon = (nextCommon + 1) % mostCommon
  return common
}

/** Invariant: everything that is shared is compared. */
function isSame(one: Common, other: Common): boolean {
  return (
    one.groups === other.groups &&
    one.clientId === other.clientId &&
    one.scopes === other.scopes &&
    one.acr === other.acr &&
    one.amr === other.amr &&
    one.transports === other.transports &&
    one.issuer === other.issuer
  )
}

function rareOf({ confirmationThumbprint, certificateThumbprint, taken }: TokenFacts): Rare {
  if (confirmationThumbprint === undefined && certificateThumbprint === undefined) {
    if (taken === undefined) return nothingRare
  }
  return Object.freeze({ confirmationThumbprint, certificateThumbprint, taken })
}

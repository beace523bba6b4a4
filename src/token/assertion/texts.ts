import { epochSeconds } from '../../core/index.ts'
import type { VerifiedToken } from '../verified-token.ts'

/** Who an assertion says called. None of it changes. */
export type AssertionFacts = Pick<
  VerifiedToken,
  | 'issuer'
  | 'subject'
  | 'username'
  | 'groups'
  | 'session'
  | 'acr'
  | 'amr'
  | 'authTime'
  | 'clientId'
  | 'isPlain'
>

/** What of an assertion has its own value each time. */
export interface AssertionLife {
  readonly id: string
  /** Seconds since the epoch. */
  readonly issuedAt: number
  readonly expiresAt: number
}

/** The beginning of the assertions of all who have these facts in common. */
interface Opening {
  readonly upstream: string
  readonly issuer: string
  readonly groups: readonly string[]
  readonly acr: string | undefined
  readonly amr: readonly string[]
  readonly clientId: string | undefined
  readonly text: string
}

const mostOpenings = 16
const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/
const notAscii = /[\x7f-\uffff]/g
/** Larger than any text of usual length. */
const room = Buffer.alloc(4096)

/**
 * Writes what is signed of assertions with one header. What many have in common stands first, so that it is
 * encoded once, which is most of the text.
 *
 * Invariant: the same facts and the same life are the same text each time, or the signature does not hold.
 */
export class AssertionTexts {
  readonly #header: string
  readonly #issuer: string
  readonly #openings: Opening[] = []
  #nextOpening = 0

  /** @param header - the first part of the token. */
  constructor(header: string, issuer: string) {
    this.#header = header
    this.#issuer = issuer
  }

  /** The first two parts with their dot. */
  signingInput(facts: AssertionFacts, upstream: string, life: AssertionLife): string {
    return `${this.#openingOf(facts, upstream)}${encode(restOf(facts, life))}`
  }

  #openingOf(facts: AssertionFacts, upstream: string): string {
    for (const one of this.#openings) if (isFor(one, facts, upstream)) return one.text
    const { issuer, groups, acr, amr, clientId } = facts
    const text = this.#open(facts, upstream)
    this.#openings[this.#nextOpening] = { upstream, issuer, groups, acr, amr, clientId, text }
    this.#nextOpening = (this.#nextOpening + 1) % mostOpenings
    return text
  }

  #open({ issuer, groups, acr, amr, clientId }: AssertionFacts, upstream: string): string {
    const members = {
      iss: this.#issuer,
      aud: upstream,
      // Whose subject it is, when it is not one of ours: names are unique per issuer only.
      subject_issuer: issuer === this.#issuer ? undefined : issuer,
      groups,
      acr,
      amr,
      client_id: clientId,
    }
    const bytes = Buffer.from(`${JSON.stringify(members).slice(0, -1)},`)
    // Blanks between members mean nothing; after whole groups of three bytes the next part is encoded by itself.
    const blanks = Buffer.alloc((3 - (bytes.length % 3)) % 3, ' ')
    const text = Buffer.concat([bytes, blanks]).toString('base64url')
    return Buffer.from(`${this.#header}.${text}`, 'latin1').toString('latin1')
  }
}

function isFor(opening: Opening, facts: AssertionFacts, upstream: string): boolean {
  return (
    opening.groups === facts.groups &&
    opening.clientId === facts.clientId &&
    opening.amr === facts.amr &&
    opening.acr === facts.acr &&
    opening.upstream === upstream &&
    opening.issuer === facts.issuer
  )
}

function restOf(facts: AssertionFacts, life: AssertionLife): string {
  const { subject, username, session, authTime, isPlain = false } = facts
  let text = `"sub":${quoted(subject, isPlain)},`
  if (username !== undefined) text += `"username":${quoted(username, isPlain)},`
  if (session !== undefined) text += `"sid":${quoted(session, isPlain)},`
  if (authTime !== undefined) text += `"auth_time":${epochSeconds(authTime)},`
  return `${text}"jti":"${life.id}","iat":${life.issuedAt},"exp":${life.expiresAt}}`
}

/** A JSON string in ASCII. @param isPlain - it was looked at before. */
function quoted(text: string, isPlain: boolean): string {
  if (isPlain || plain.test(text)) return `"${text}"`
  return JSON.stringify(text).replace(notAscii, escapeUnit)
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** @param text - in ASCII. */
function encode(text: string): string {
  if (text.length > room.length) return Buffer.from(text, 'latin1').toString('base64url')
  return room.toString('base64url', 0, room.write(text, 'latin1'))
}

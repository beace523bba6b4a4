import { hashSecret, isRefusal, randomId, randomToken } from '../core/index.ts'
import type { Clock, Refusal } from '../core/index.ts'
import { identityErrors } from './errors.ts'
import type { PersonStore, TicketStore } from './store.ts'
import type { Person, PersonId, Retirement } from './types.ts'

/** How long an enrolment link works. */
export const ticketLifetime = 15 * 60_000

const usernameShape = /^[a-z0-9][a-z0-9._@-]{0,63}$/
const nameShape = /^[^\p{Cc}\p{Zl}\p{Zp}]{1,64}$/u
const reasonShape = /^[^\p{Cc}\p{Zl}\p{Zp}]{1,200}$/u

/** Names people give (to themselves or a key): bounded, one line, well-formed text. */
export function parseDisplayName(value: string): string | Refusal {
  const trimmed = value.trim().normalize('NFC')
  return nameShape.test(trimmed) && trimmed.isWellFormed()
    ? trimmed
    : identityErrors.refuse('name_malformed')
}

/** Why an administrator did something: bounded, one line. */
export function parseReason(value: string): string | Refusal {
  const trimmed = value.trim().normalize('NFC')
  return reasonShape.test(trimmed) && trimmed.isWellFormed()
    ? trimmed
    : identityErrors.refuse('reason_malformed')
}

export function parseUsername(value: string): string | Refusal {
  return usernameShape.test(value) ? value : identityErrors.refuse('username_malformed')
}

/** What the configuration says about people: groups by username. */
export type ConfiguredGroups = (username: string) => readonly string[]

/** People and their invitations. */
export class Directory {
  readonly #people: PersonStore
  readonly #tickets: TicketStore
  readonly #clock: Clock
  readonly #configuredGroups: ConfiguredGroups

  constructor(parts: {
    people: PersonStore
    tickets: TicketStore
    clock: Clock
    configuredGroups: ConfiguredGroups
  }) {
    this.#people = parts.people
    this.#tickets = parts.tickets
    this.#clock = parts.clock
    this.#configuredGroups = parts.configuredGroups
  }

  /** Groups that count now: those given by administration and those the configuration names. */
  groupsOf(person: Person): readonly string[] {
    return [...new Set([...person.groups, ...this.#configuredGroups(person.username)])].sort()
  }

  async create(input: {
    username: string
    name?: string | undefined
    groups: readonly string[]
  }): Promise<Person | Refusal> {
    const username = parseUsername(input.username)
    if (isRefusal(username)) return username
    const name = parseDisplayName(input.name ?? input.username)
    if (isRefusal(name)) return name
    const person: Person = {
      id: randomId() as PersonId,
      username,
      name,
      groups: [...new Set(input.groups)].sort(),
      userHandle: randomToken(32),
      disabled: false,
      createdAt: this.#clock.now(),
    }
    const outcome = await this.#people.create(person)
    return outcome === 'created' ? person : identityErrors.refuse('person_exists')
  }

  async require(username: string): Promise<Person | Refusal> {
    return (
      (await this.#people.loadByUsername(username)) ??
      identityErrors.refuse('unknown_person', `found ${username}`)
    )
  }

  /** Issues a single-use enrolment secret; earlier open ones of the person stop working. */
  async invite(person: Person): Promise<{ secret: string; expiresAt: number } | Refusal> {
    if (person.disabled) return identityErrors.refuse('person_disabled')
    const now = this.#clock.now()
    const secret = randomToken()
    const expiresAt = now + ticketLifetime
    await this.#tickets.revokeFor(person.id, now)
    await this.#tickets.issue({
      hash: hashSecret('ticket', secret),
      personId: person.id,
      createdAt: now,
      expiresAt,
      takenAt: undefined,
      retires: undefined,
    })
    return { secret, expiresAt }
  }

  /** Makes every open enrolment secret of a person worthless. */
  async withdrawInvitations(person: Person): Promise<void> {
    await this.#tickets.revokeFor(person.id, this.#clock.now())
  }

  /** What becomes of the person's other credentials once a ticket is used. */
  async retirementOf(ticketHash: string): Promise<Retirement | undefined> {
    return (await this.#tickets.load(ticketHash))?.retires
  }

  /** The person an enrolment secret is for, without using it up. One answer for every reason to say no. */
  async personForTicket(secret: string): Promise<Person | Refusal> {
    const ticket = await this.#tickets.load(hashSecret('ticket', secret))
    const open = ticket?.takenAt === undefined && (ticket?.expiresAt ?? 0) > this.#clock.now()
    const person =
      ticket !== undefined && open ? await this.#people.load(ticket.personId) : undefined
    if (person === undefined || person.disabled) return identityErrors.refuse('ticket_invalid')
    return person
  }
}

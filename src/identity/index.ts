/**
 * People, their groups, their credentials and the tickets that let them enrol. It guarantees that a ticket
 * works once, that a credential id belongs to one person, and that nobody loses the last credential by
 * accident. It does not verify ceremonies (webauthn) and knows no sessions.
 */
export {
  ageless,
  countUsable,
  opensRenewalOnly,
  standingByAge,
  standingOf,
  wantedCount,
} from './ageing.ts'
export { keyFacts } from './key-facts.ts'
export type { Ageing, PasskeyRules, Standing } from './ageing.ts'
export {
  Directory,
  parseDisplayName,
  parseReason,
  parseUsername,
  ticketLifetime,
} from './directory.ts'
export type { ConfiguredGroups } from './directory.ts'
export { Recoveries, recoveryLifetime } from './recoveries.ts'
export type { Recovery, RecoveryStore } from './recoveries.ts'
export { identityErrors } from './errors.ts'
export type {
  CredentialStore,
  Judgement,
  PersonStore,
  Registration,
  Suspended,
  TicketStore,
} from './store.ts'
export type {
  Credential,
  CredentialId,
  Finding,
  FindingAct,
  Person,
  PersonId,
  Retirement,
  Suspension,
  Ticket,
} from './types.ts'
export { keepUse } from './uses.ts'

import { millis, randomId, systemClock } from '../core/index.ts'
import type { Clock, Instant, ProofgateError } from '../core/index.ts'
import { AuditLog } from '../audit/index.ts'
import type { AuditEntry, AuditRecorder } from '../audit/index.ts'
import type { Configuration } from '../config/index.ts'
import { Directory, opensRenewalOnly, Recoveries, standingOf } from '../identity/index.ts'
import type { Credential, CredentialStore, Person, PersonStore } from '../identity/index.ts'
import { Ceremonies } from '../login/index.ts'
import type { Fleet, FleetState, RelyingParty } from '../login/index.ts'
import { Grants } from '../oidc/index.ts'
import type { ProviderObjectStore } from '../oidc/index.ts'
import { Proofs } from '../proof/index.ts'
import { Handoffs, Revocations, Sessions, StepUps } from '../session/index.ts'
import type { KnownDeviceStore } from '../session/index.ts'
import {
  Database,
  loadClockFloor,
  saveClockFloor,
  sqliteCeremonies,
  sqliteCredentials,
  sqliteGrantLinks,
  sqliteHandoffs,
  sqliteKnownDevices,
  sqlitePeople,
  sqliteProofReplays,
  sqliteProofs,
  sqliteProviderObjects,
  sqliteRecoveries,
  sqliteRevocationLists,
  sqliteRevocations,
  sqliteSessions,
  sqliteStepUps,
  sqliteTickets,
  sweepExpired,
} from '../storage/index.ts'
import { RevocationLists } from '../metadata/index.ts'
import type { Metadata } from '../metadata/index.ts'
import { KeyRing } from '../token/index.ts'
import type { ProofReplays } from '../token/index.ts'
import { authenticatorPolicy } from './access/authenticators.ts'
import { openFleet } from './access/fleet.ts'
import { openMetadata } from './access/metadata.ts'
import type { DataPaths } from './data-directory.ts'

/** How long a retired signing key stays published: longer than verifiers elsewhere keep key sets. */
const keyOverlap = millis(3 * 3_600_000)
const upkeepEvery = 10_000

/** Stores and areas over one data directory, for the server and for commands that run without it. */
export interface Areas {
  readonly configuration: () => Configuration
  readonly paths: DataPaths
  readonly clock: Clock
  readonly database: Database
  readonly people: PersonStore
  readonly credentials: CredentialStore
  readonly directory: Directory
  readonly recoveries: Recoveries
  readonly sessions: Sessions
  readonly devices: KnownDeviceStore
  readonly revocations: Revocations
  readonly handoffs: Handoffs
  readonly stepUps: StepUps
  readonly grants: Grants
  readonly ceremonies: Ceremonies
  readonly metadata: Metadata
  readonly revocationLists: RevocationLists
  readonly providerObjects: ProviderObjectStore
  readonly proofReplays: ProofReplays
  readonly proofs: Proofs
  readonly keys: KeyRing
  readonly audit: AuditRecorder
  readonly record: (entry: AuditEntry) => Promise<void>
  /** Tries it: a small write, for readiness. */
  readonly storeTakesWrites: () => boolean
  readonly close: () => Promise<void>
}

/** The areas of whoever writes the audit log, which is one thread of one process. */
export interface OwnAreas extends Areas {
  readonly audit: AuditLog
  readonly fleet: Fleet
}

/** What is opened first, because the rest is built from it. */
type Foundations = Pick<
  Areas,
  'configuration' | 'paths' | 'clock' | 'database' | 'keys' | 'audit'
> & {
  readonly brief: Database
}

/** Builds everything that keeps state. The one place where ports meet their drivers. */
export async function openAreas(options: {
  configuration: () => Configuration
  paths: DataPaths
  onAuditFailure: (error: ProofgateError) => void
  /** What could not be done in the background. */
  onFailure: (error: unknown) => void
  /** What came of judging the passkeys, for the log. */
  onJudged?: (state: FleetState) => void
}): Promise<OwnAreas> {
  const { configuration, paths } = options
  const opened = await openStores(paths, true)
  const { database, clock } = opened
  const audit = await AuditLog.open({
    directory: paths.audit,
    keyDirectory: paths.auditKeys,
    origin: `${configuration().identity.hostname}/audit`,
    clock,
    onFailure: options.onAuditFailure,
  })
  const areas = buildAreas({ configuration, paths, ...opened, audit })
  const upkeep = setInterval(() => {
    keepUp(() => {
      saveClockFloor(database, clock.now())
      sweepExpired(database, clock.now())
    })
  }, upkeepEvery)
  upkeep.unref()
  const { onFailure: onError, onJudged = () => undefined } = options
  const fleet = openFleet(areas, { onError, onJudged })
  const close = async (): Promise<void> => {
    clearInterval(upkeep)
    await fleet.stop()
    try {
      await audit.close()
    } finally {
      await areas.close()
    }
  }
  return { ...areas, audit, fleet, close }
}

/** The same for a serving thread of a process that has its areas open: the log is reached through `audit`. */
export async function openServingAreas(options: {
  configuration: () => Configuration
  paths: DataPaths
  audit: AuditRecorder
}): Promise<Areas> {
  return buildAreas({ ...options, ...(await openStores(options.paths, false)) })
}

async function openStores(
  paths: DataPaths,
  create: boolean,
): Promise<Pick<Foundations, 'database' | 'brief' | 'clock' | 'keys'>> {
  const database = Database.open(paths.database, { create, durability: 'full' })
  // Proofs expire within minutes, so outliving the process is enough for them.
  const brief = Database.open(paths.database, { create: false, durability: 'process' })
  const clock = systemClock(loadClockFloor(database))
  const keys = await KeyRing.open({
    directory: paths.keys,
    clock,
    algorithms: ['ES256', 'RS256'],
    overlap: keyOverlap,
  })
  return { database, brief, clock, keys }
}

function buildAreas(foundations: Foundations): Areas {
  const { configuration, database, clock, audit } = foundations
  const record = async (entry: AuditEntry): Promise<void> => {
    await audit.append(entry)
  }
  const revocationLists = new RevocationLists(sqliteRevocationLists(database), clock)
  const metadata = openMetadata({ ...foundations, revocationLists })
  const people = sqlitePeople(database)
  const credentials = sqliteCredentials(database)
  const directory = new Directory({
    people,
    tickets: sqliteTickets(database),
    clock,
    configuredGroups: (username) =>
      configuration().people.find((person) => person.username === username)?.groups ?? [],
  })
  const revocations = new Revocations(sqliteRevocations(database), clock)
  const sessions = sessionsOf(foundations, revocations)
  const proofs = proofsOf(foundations, { people, credentials, directory })
  return {
    ...foundations,
    metadata,
    revocationLists,
    people,
    credentials,
    directory,
    recoveries: new Recoveries(sqliteRecoveries(database), clock),
    sessions,
    devices: sqliteKnownDevices(database),
    revocations,
    record,
    ...waysBack(foundations),
    grants: new Grants(sqliteGrantLinks(database), sessions),
    ceremonies: new Ceremonies({
      ceremonies: sqliteCeremonies(database),
      people,
      credentials,
      directory,
      proofs,
      clock,
      relyingParty: () => relyingPartyOf(configuration()),
      authenticators: () => authenticatorPolicy(configuration(), metadata, revocationLists),
      ageing: () => configuration().passkeys.ageing,
      record,
    }),
    providerObjects: sqliteProviderObjects(database),
    proofReplays: sqliteProofReplays(foundations.brief),
    proofs,
    storeTakesWrites: () => keepUp(() => saveClockFloor(database, clock.now())),
    close: async () => {
      revocations.close()
      saveClockFloor(database, clock.now())
      foundations.brief.close()
      database.close()
    },
  }
}

function sessionsOf(
  { configuration, database, clock }: Foundations,
  revocations: Revocations,
): Sessions {
  return new Sessions({
    store: sqliteSessions(database),
    revocations,
    clock,
    lifetimes: () => configuration().sessions,
    ageing: () => configuration().passkeys.ageing,
  })
}

/** What brings a browser back to an API host. */
function waysBack({ database, clock }: Foundations): Pick<Areas, 'handoffs' | 'stepUps'> {
  return {
    handoffs: new Handoffs(sqliteHandoffs(database), clock),
    stepUps: new StepUps(sqliteStepUps(database), clock),
  }
}

function proofsOf(
  { configuration, database, clock }: Foundations,
  { people, credentials, directory }: Pick<Areas, 'people' | 'credentials' | 'directory'>,
): Proofs {
  return new Proofs({
    store: sqliteProofs(database),
    people,
    credentials,
    groupsOf: (person) => directory.groupsOf(person),
    speaksForOwner: (credential) => speaksForOwner(configuration(), credential, clock.now()),
    party: () => relyingPartyOf(configuration()),
    clock,
  })
}

/** Invariant: a passkey that is for some roles only, for emergencies, or only to be replaced, says yes to nothing. */
function speaksForOwner(
  { credentialRoles, passkeys }: Configuration,
  credential: Credential,
  now: Instant,
): boolean {
  return (
    credential.sealedAt === undefined &&
    credentialRoles.every((rule) => rule.credential !== credential.id) &&
    !opensRenewalOnly(standingOf(passkeys.ageing, credential, now))
  )
}

function relyingPartyOf(configuration: Configuration): RelyingParty {
  return { ...configuration.relyingParty, origins: [configuration.identity.origin] }
}

/** A store that does not answer now is asked again at the next turn; requests see it for themselves. */
function keepUp(work: () => void): boolean {
  try {
    work()
    return true
  } catch {
    return false
  }
}

/** Makes sure that the people the configuration names exist; their groups are read from it directly. */
export async function ensurePeople(areas: Areas): Promise<readonly Person[]> {
  const created: Person[] = []
  for (const wanted of areas.configuration().people) {
    if ((await areas.people.loadByUsername(wanted.username)) !== undefined) continue
    const person = await areas.directory.create({
      username: wanted.username,
      name: wanted.name,
      groups: [],
    })
    if (!('id' in person)) continue
    created.push(person)
    await areas.record({
      id: randomId(),
      kind: 'configuration',
      action: 'person.create',
      outcome: 'success',
      reason: 'configuration.person',
      who: { subject: person.id, username: person.username },
      what: { configuration: areas.configuration().version },
    })
  }
  return created
}

import { setImmediate as nextTurn } from 'node:timers/promises'
import { randomId } from '../../core/index.ts'
import type { Clock } from '../../core/index.ts'
import type { AuditEntry } from '../../audit/index.ts'
import { keyFacts } from '../../identity/index.ts'
import type {
  Credential,
  CredentialStore,
  Directory,
  Person,
  PersonStore,
} from '../../identity/index.ts'
import type { Revocations } from '../../session/index.ts'
import type { AuthenticatorPolicy } from '../authenticator-rules.ts'
import { consequencesOf } from './consequences.ts'
import type { Consequence, FleetAct } from './consequences.ts'
import { judgeStored } from './judging.ts'
import type { Judged, RegisteredActs } from './judging.ts'
import { FleetReport } from './report.ts'
import type { FleetState } from './report.ts'

export interface FleetParts {
  readonly credentials: Pick<CredentialStore, 'page' | 'judge' | 'count'>
  readonly people: Pick<PersonStore, 'load'>
  readonly directory: Pick<Directory, 'groupsOf'>
  readonly revocations: Pick<Revocations, 'refresh'>
  readonly clock: Clock
  readonly authenticators: () => AuthenticatorPolicy
  readonly acts: () => RegisteredActs
  /** Why nothing can be judged now: metadata that has to be there and does not count. */
  readonly obstacle: () => string | undefined
  /** Another text whenever judging could have another result. */
  readonly basis: () => string
  /** The basis of the last judging that came to its end, also of an earlier process. */
  readonly lastBasis: {
    readonly load: () => string | undefined
    readonly save: (basis: string) => void
  }
  readonly record: (entry: AuditEntry) => Promise<void>
  /** Called with what came of a judging that was finished, or could not begin. */
  readonly onJudged: (state: FleetState) => void
  readonly onError: (error: unknown) => void
}

/** As an administrator's are recorded, so that whoever follows the trail sees one kind of suspension. */
const actions: Readonly<Record<FleetAct, string>> = {
  suspended: 'suspend',
  warned: 'warn',
  cleared: 'clear',
  trust_gained: 'trust_gained',
  trust_lost: 'trust_lost',
}

const perPage = 64
/** Milliseconds of judging between two turns of the event loop. */
const longestTurn = 4

/**
 * All stored credentials, judged again whenever what they are judged by has changed. One judging at a time;
 * what changes meanwhile has another one follow. Serving goes on between small steps.
 */
export class Fleet {
  readonly #parts: FleetParts
  #report: FleetReport | undefined
  #running: Promise<void> | undefined
  #again = false
  #stopped = false

  constructor(parts: FleetParts) {
    this.#parts = parts
  }

  get state(): FleetState {
    return this.#report?.state ?? { running: false, done: 0, total: 0 }
  }

  /** Judges in the background; `state` says how far it is. */
  judge(): void {
    if (this.#stopped) return
    this.#again = true
    this.#report ??= new FleetReport(this.#parts.clock.now())
    this.#report.running = true
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined
    })
  }

  /** The same if the last judging was by something else. */
  judgeIfChanged(): void {
    try {
      if (this.#parts.lastBasis.load() !== this.#parts.basis()) this.judge()
    } catch (error) {
      this.#parts.onError(error)
    }
  }

  /** Ends what is under way after its next step. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async #work(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false
      const report = new FleetReport(this.#parts.clock.now())
      this.#report = report
      try {
        await this.#judgeAll(report)
      } catch (error) {
        report.problem = 'not finished: the log of the server says why'
        this.#parts.onError(error)
      }
      report.running = false
      if (!this.#stopped) this.#parts.onJudged(report.state)
    }
  }

  async #judgeAll(report: FleetReport): Promise<void> {
    const { credentials, obstacle, basis, lastBasis } = this.#parts
    report.problem = obstacle()
    if (report.problem !== undefined) return
    const judgedBy = basis()
    report.total = await credentials.count()
    let turn = performance.now()
    let page = await credentials.page(undefined, perPage)
    while (page.length > 0) {
      for (const credential of page) {
        if (this.#stopped) return
        await this.#judgeOne(credential, report)
        report.done += 1
        if (performance.now() - turn < longestTurn) continue
        await nextTurn()
        turn = performance.now()
      }
      page = await credentials.page(page.at(-1)?.id, perPage)
    }
    lastBasis.save(judgedBy)
  }

  async #judgeOne(credential: Credential, report: FleetReport): Promise<void> {
    const { people, directory, authenticators, acts } = this.#parts
    const person = await people.load(credential.personId)
    if (person === undefined) return
    const policy = authenticators()
    const rules = policy.rulesFor(directory.groupsOf(person))
    const judged = judgeStored(policy, rules, acts(), credential)
    const done = await this.#act(credential, person, judged)
    report.add({ credential, person, judged, done })
  }

  /** Answers what was done; nothing where another process was faster. */
  async #act(credential: Credential, person: Person, judged: Judged): Promise<readonly FleetAct[]> {
    const { attestationTrusted, finding, suspension } = credential
    const { acts, kept } = consequencesOf(credential, judged)
    if (acts.length === 0 && kept === finding) return []
    const outcome = await this.#parts.credentials.judge(credential.id, {
      known: { attestationTrusted, finding, suspension },
      attestationTrusted: judged.trusted,
      finding: kept,
      suspend: acts.find(({ act }) => act === 'suspended')?.detail,
      now: this.#parts.clock.now(),
    })
    if (outcome === 'stale') return []
    this.#parts.revocations.refresh()
    for (const one of acts) await this.#record(credential, person, one)
    return acts.map(({ act }) => act)
  }

  async #record(
    credential: Credential,
    person: Person,
    { act, detail }: Consequence,
  ): Promise<void> {
    await this.#parts.record({
      id: randomId(),
      kind: 'system',
      action: `credential.${actions[act]}`,
      outcome: 'success',
      reason: 'credential.judged',
      who: { subject: person.id, username: person.username, credential: credential.id },
      what: { ...keyFacts(credential), ...(detail === undefined ? {} : { reason: detail }) },
    })
  }
}

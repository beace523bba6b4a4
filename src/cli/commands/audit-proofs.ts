import { join } from 'node:path'
import type { Command } from 'commander'
import type { StoredRecord } from '../../audit/index.ts'
import { ProofgateError } from '../../core/index.ts'
import { replayRecoveryTouch, replayTouch } from '../../proof/index.ts'
import type { RecoveryStatement, ReplayedTouch, Statement } from '../../proof/index.ts'
import { dataDirectoryOf } from '../loading.ts'
import type { LaunchOptions } from '../launch.ts'
import { example, withJson, withLocation } from '../options.ts'
import { plain, print, say } from '../output.ts'

interface ProofsOptions extends LaunchOptions {
  readonly directory?: string
  readonly origin?: string
  readonly rpId?: string
}

/** One recorded touch, judged. */
interface Judged {
  /** What was approved. */
  readonly of: 'request' | 'recovery'
  readonly record: number
  readonly at: string
  readonly proof: string
  readonly approver: string
  readonly verified: boolean
  /** What is wrong with it. */
  readonly problem?: string
  readonly touch?: Touch
}

type Touch = ReplayedTouch | ReplayedTouch<RecoveryStatement>

/** Verifying recorded approvals again: straight from the files, with nothing else at hand. */
export function registerProofs(audit: Command): void {
  const proofs = withJson(withLocation(audit.command('proofs')))
    .argument('[id]', 'of one proof or recovery; without it, every approval in the log')
    .option('--directory <directory>', 'the folder of the log, instead of the data directory')
    .option('--origin <origin>', 'where the sign-in pages were; told from the evidence otherwise')
    .option('--rp-id <name>', 'the relying party; told from the evidence otherwise')
    .description(
      'verify recorded approvals of requests and recoveries again, signature by signature',
    )
    .action((id: string | undefined, options: ProofsOptions) => runProofs(id, options))
  example(
    proofs,
    'audit proofs',
    'audit proofs xK2v… --json',
    'audit proofs --directory ./copy/audit',
  )
}

async function runProofs(id: string | undefined, options: ProofsOptions): Promise<void> {
  const { readRecords } = await import('../../audit/index.ts')
  const folder = options.directory ?? join(dataDirectoryOf(options), 'audit')
  const judged: Judged[] = []
  for await (const record of readRecords(folder)) {
    if (isTouch(record, id)) judged.push(judge(record, options))
  }
  if (id !== undefined && judged.length === 0) {
    throw new ProofgateError('audit.unknown_record', `no approval of a proof ${id} is in the log`, {
      hint: '`proofgate audit proofs` lists all; a proof that nobody touched a key for has none.',
    })
  }
  const bad = judged.filter(({ verified }) => !verified).length
  const lines = judged.length === 0 ? ['no approvals in the log'] : judged.map(lineOf)
  print(options, { approvals: judged, verified: judged.length - bad, bad }, lines.join('\n'))
  if (bad > 0) {
    say(`${bad} of ${judged.length} approvals do NOT verify`)
    process.exitCode = 1
  } else if (judged.length > 0) {
    say('every signature verifies; `proofgate audit verify` proves that the log is whole')
  }
}

/** Evidence stands in every record of a touch that counted; decisions name a statement of a policy. */
function isTouch({ action, outcome, what }: StoredRecord, id: string | undefined): boolean {
  const touches = action === 'proof.approve' || action === 'recovery.touch'
  return touches && outcome === 'success' && (id === undefined || what?.['proof'] === id)
}

function judge(record: StoredRecord, options: ProofsOptions): Judged {
  const { seq, at, who, what, action } = record
  const found = replayed(record, options)
  const common = {
    of: action === 'recovery.touch' ? 'recovery' : 'request',
    record: seq,
    at,
    proof: String(what?.['proof']),
    approver: who?.username ?? who?.subject ?? '-',
  } as const
  return typeof found === 'string'
    ? { ...common, verified: false, problem: found }
    : { ...common, verified: true, touch: found }
}

function replayed(
  { action, who, what = {}, truncated }: StoredRecord,
  { origin, rpId: relyingParty }: ProofsOptions,
): Touch | string {
  if (truncated !== undefined) return 'a part of the evidence was cut off'
  if (action === 'proof.approve') return replayTouch(what, { origin, relyingParty })
  const found = replayRecoveryTouch(what, { origin, relyingParty })
  if (typeof found === 'string' || found.statement.approver === who?.subject) return found
  return 'the statement names another approver'
}

function lineOf({ record, at, proof, approver, problem, touch }: Judged): string {
  if (touch === undefined) return `${record}  ${at}  ${proof}  BAD  ${plain(problem ?? '')}`
  const { statement, attestation } = touch
  const key = attestation.trusted ? `attested (${attestation.format})` : 'not attested'
  return [
    `${record}  ${at}  ${proof}  ok  approved by ${plain(approver)}, key ${key}`,
    ...('request' in statement ? requestLines(statement) : recoveryLines(statement)),
  ].join('\n')
}

function requestLines(statement: Statement): readonly string[] {
  const request = `${statement.method} ${statement.authority}${statement.target}`
  return [
    `    ${plain(statement.sentence)}`,
    `    ${plain(request)}, asked by ${plain(statement.name)} from ${plain(statement.address)}`,
  ]
}

function recoveryLines(statement: RecoveryStatement): readonly string[] {
  const { username, reason, code, oldPasskeys } = statement
  return [
    `    lets ${plain(username)} in again: ${plain(reason)}`,
    `    code ${plain(code)}, earlier passkeys: ${plain(oldPasskeys)}`,
  ]
}

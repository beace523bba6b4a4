import { join } from 'node:path'
import type { Command } from 'commander'
import type { StoredRecord } from '../../audit/index.ts'
import { ProofgateError } from '../../core/index.ts'
import { replayTouch } from '../../proof/index.ts'
import type { ReplayedTouch } from '../../proof/index.ts'
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
  readonly record: number
  readonly at: string
  readonly proof: string
  readonly approver: string
  readonly verified: boolean
  /** What is wrong with it. */
  readonly problem?: string
  readonly touch?: ReplayedTouch
}

/** Verifying recorded approvals again: straight from the files, with nothing else at hand. */
export function registerProofs(audit: Command): void {
  const proofs = withJson(withLocation(audit.command('proofs')))
    .argument('[id]', 'of one proof; without it, every approval in the log')
    .option('--directory <directory>', 'the folder of the log, instead of the data directory')
    .option('--origin <origin>', 'where the sign-in pages were; told from the evidence otherwise')
    .option('--rp-id <name>', 'the relying party; told from the evidence otherwise')
    .description('verify recorded approvals of requests again, signature by signature')
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
  if (action !== 'proof.approve' || outcome !== 'success') return false
  return id === undefined || what?.['proof'] === id
}

function judge({ seq, at, who, what, truncated }: StoredRecord, options: ProofsOptions): Judged {
  const found =
    truncated === undefined
      ? replayTouch(what ?? {}, { origin: options.origin, relyingParty: options.rpId })
      : 'a part of the evidence was cut off'
  const common = {
    record: seq,
    at,
    proof: String(what?.['proof']),
    approver: who?.username ?? who?.subject ?? '-',
  }
  return typeof found === 'string'
    ? { ...common, verified: false, problem: found }
    : { ...common, verified: true, touch: found }
}

function lineOf({ record, at, proof, approver, problem, touch }: Judged): string {
  if (touch === undefined) return `${record}  ${at}  ${proof}  BAD  ${plain(problem ?? '')}`
  const { statement, attestation } = touch
  const request = `${statement.method} ${statement.authority}${statement.target}`
  const key = attestation.trusted ? `attested (${attestation.format})` : 'not attested'
  return [
    `${record}  ${at}  ${proof}  ok  approved by ${plain(approver)}, key ${key}`,
    `    ${plain(statement.sentence)}`,
    `    ${plain(request)}, asked by ${plain(statement.name)} from ${plain(statement.address)}`,
  ].join('\n')
}

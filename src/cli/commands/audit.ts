import { readFileSync } from 'node:fs'
import { Option } from 'commander'
import type { Command } from 'commander'
import { ProofgateError } from '../../core/index.ts'
import { join } from 'node:path'
import type { AuditKind, StoredRecord, VerifyReport } from '../../audit/index.ts'
import { dataDirectoryOf } from '../loading.ts'
import type { LaunchOptions } from '../launch.ts'
import { example, parseCount, withJson, withLocation } from '../options.ts'
import { print, say } from '../output.ts'
import { registerProofs } from './audit-proofs.ts'

const kinds: readonly AuditKind[] = [
  'decision',
  'ceremony',
  'token',
  'session',
  'identity',
  'administration',
  'configuration',
  'system',
]

interface TailOptions extends LaunchOptions {
  readonly lines: number
  readonly follow?: boolean
  readonly kind?: AuditKind
}

interface VerifyOptions extends LaunchOptions {
  readonly checkpoint?: string
  readonly key?: string
  readonly directory?: string
}

/** Reading and proving the audit log: straight from its files, whether a server runs or not. */
export function registerAudit(program: Command): void {
  const audit = program.command('audit').description('read and verify the audit log')
  const tail = withJson(withLocation(audit.command('tail')))
    .option('-n, --lines <count>', 'how many records', parseCount, 20)
    .option('-f, --follow', 'go on as records are written')
    .addOption(new Option('--kind <kind>', 'only records of this kind').choices(kinds))
    .description('the latest records')
    .action((options: TailOptions) => printTail(options))
  example(tail, 'audit tail', 'audit tail --follow --kind decision --json')
  const show = withJson(withLocation(audit.command('show')))
    .argument('<id>', 'a request or record id, or an index')
    .description('one record, whole')
    .action(async (id: string, options: LaunchOptions) => {
      const { findRecord } = await import('../../audit/index.ts')
      const wanted = /^\d{1,15}$/.test(id) ? Number(id) : id
      const record = await findRecord(folderOf(options), wanted)
      if (record === undefined) {
        throw new ProofgateError('audit.unknown_record', `there is no record ${id}`, {
          hint: 'Ids are in the x-request-id of every answer and in `proofgate audit tail --json`.',
        })
      }
      print({ json: true }, record, '')
    })
  example(show, 'audit show 42')
  registerProofs(audit)
  const verify = withJson(withLocation(audit.command('verify')))
    .option('--checkpoint <file>', 'a checkpoint kept elsewhere that the log must contain')
    .option('--key <file>', 'public key (default: keys/audit.pub of the data directory)')
    .option('--directory <directory>', 'the folder of the log, instead of the data directory')
    .description('prove every record; exit code 0 only when everything is proven')
    .action((options: VerifyOptions) => runVerify(options))
  example(verify, 'audit verify', 'audit verify --directory ./copy/audit --key audit.pub')
}

function folderOf(options: LaunchOptions): string {
  return join(dataDirectoryOf(options), 'audit')
}

async function printTail(options: TailOptions): Promise<void> {
  const { readRecords } = await import('../../audit/index.ts')
  const records = readRecords(folderOf(options), {
    last: options.lines,
    ...(options.follow === true ? { follow: true } : {}),
    ...(options.kind === undefined ? {} : { kind: options.kind }),
  })
  for await (const record of records) {
    process.stdout.write(
      options.json === true ? `${JSON.stringify(record)}\n` : `${lineOf(record)}\n`,
    )
  }
}

/** One line a record: when, outcome, who, what, why. */
function lineOf(record: StoredRecord): string {
  const { what } = record
  const method = what?.['method'] ?? ''
  const place =
    `${String(method)} ${String(what?.['host'] ?? '')}${String(what?.['path'] ?? '')}`.trim()
  const subject = place === '' ? record.action : `${record.action} ${place}`
  return `${String(record.seq).padStart(6)}  ${record.at}  ${record.outcome.padEnd(7)}  ${actorOf(record)}  ${subject}  ${record.reason}${deciderOf(what)}`
}

function actorOf({ who, what }: StoredRecord): string {
  const name = who?.username ?? who?.subject ?? '-'
  const role = what?.['assumedRole']
  return role === undefined ? name : `${name} as ${String(role)}`
}

/** The statement that decided: `by ROLE/POLICY/STATEMENT`, as in `by` of a policy test. */
function deciderOf(what: StoredRecord['what']): string {
  const [role, policy, statement] = [what?.['role'], what?.['policy'], what?.['statement']]
  if (policy === undefined) return ''
  const names = [role, policy, statement].filter((name) => name !== undefined)
  return ` by ${names.map(String).join('/')}`
}

async function runVerify(options: VerifyOptions): Promise<void> {
  const { verifyAuditLog } = await import('../../audit/index.ts')
  const folder = options.directory ?? folderOf(options)
  const report = await verifyAuditLog(folder, {
    ...(options.key === undefined ? keysOf(options) : { publicKey: readEvidence(options.key) }),
    ...(options.checkpoint === undefined ? {} : { checkpoint: readEvidence(options.checkpoint) }),
  })
  if (report.ok) {
    print(
      options,
      report,
      `ok: ${report.size} records proven by ${report.checkpointOrigin ?? 'the checkpoint'}\nroot ${report.root}${unsignedText(report)}`,
    )
    return
  }
  const { firstBad } = report
  const lines = report.problems.map(
    ({ index, file, line, problem }) => `record ${index}: ${file}:${line}: ${problem}`,
  )
  print(options, report, ['the audit log is NOT proven', ...lines].join('\n'))
  say(
    firstBad === undefined ? 'no single record is to blame' : `first bad record: ${firstBad.index}`,
  )
  process.exitCode = 1
}

function unsignedText({ unsigned }: VerifyReport): string {
  if (unsigned === 0) return ''
  return `\n${unsigned} records behind them are not signed yet; they pass by their marks, which the signing key proves`
}

/** Beside the log by default; `--directory` is a copy that may have no keys but the one named. */
function keysOf(options: VerifyOptions): { publicKey?: string; signingKeys?: string } {
  if (options.directory !== undefined) return {}
  const keys = join(dataDirectoryOf(options), 'keys')
  return { publicKey: readEvidence(join(keys, 'audit.pub')), signingKeys: keys }
}

function readEvidence(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new ProofgateError('cli.file_unreadable', `cannot read ${path}`, {
      cause,
      hint: 'Name a file that is there: the public key with `--key`, a kept checkpoint with `--checkpoint`.',
    })
  }
}

import { existsSync, statSync } from 'node:fs'
import { lookup } from 'node:dns/promises'
import { join } from 'node:path'
import { Option } from 'commander'
import type { Command } from 'commander'
import { ProofgateError } from '../../core/index.ts'
import { parseCertificates } from '../../certificate/index.ts'
import { printProblems } from '../../config/index.ts'
import type { Configuration } from '../../config/index.ts'
import { assuranceLevels, requirementsOf } from '../assurance.ts'
import type { AssuranceLevel } from '../assurance.ts'
import { passkeysFound } from './passkey-finding.ts'
import { countOf, launchOf } from '../launch.ts'
import { load, requireInstalled } from '../loading.ts'
import type { LaunchOptions } from '../launch.ts'
import { example, withJson, withLocation } from '../options.ts'
import { print } from '../output.ts'

interface Finding {
  readonly check: string
  readonly ok: boolean
  readonly found: string
  readonly next?: string
  /** Nothing that anybody here could find well or not. */
  readonly note?: true
}

interface DoctorOptions extends LaunchOptions {
  readonly assurance?: AssuranceLevel
}

/** `proofgate doctor`: looks at everything a start needs, changes nothing. */
export function registerDoctor(program: Command): void {
  const command = withJson(withLocation(program.command('doctor')))
    .description('look for what could keep the gateway from working')
    .addOption(
      new Option(
        '--assurance <level>',
        'hold the configuration against this level of NIST SP 800-63B-4; default: that of its preset',
      ).choices(assuranceLevels),
    )
    .action(async (options: DoctorOptions) => {
      const findings = await examine(options)
      const text = findings
        .map(({ check, ok, found, next, note }) => {
          const mark = note === true ? 'note' : ok ? 'ok  ' : 'FAIL'
          const advice = next === undefined ? '' : `\n      next: ${next}`
          return `${mark}  ${check}: ${found}${advice}`
        })
        .join('\n')
      print(options, { findings }, text)
      if (findings.some((finding) => !finding.ok)) process.exitCode = 1
    })
  example(command, 'doctor')
}

async function examine(options: DoctorOptions): Promise<readonly Finding[]> {
  const node: Finding = { check: 'node', ok: true, found: process.version }
  const result = load(launchOf(options))
  if ('problems' in result) {
    const found = `${countOf(result.problems)}\n${printProblems(result.problems, result.sources)}`
    return [
      node,
      { check: 'configuration', ok: false, found, next: 'mend it, then `proofgate check`' },
    ]
  }
  const { warnings } = result
  const configuration = requireInstalled(options)
  const found = `version ${configuration.version}, ${warnings.length} warnings`
  return [
    node,
    { check: 'configuration', ok: true, found },
    permissions(configuration),
    ...certificates(configuration),
    ...(await told(configuration)),
    ...(await passkeysFound(options)),
    ...(await Promise.all([audit(configuration), server(configuration), names(configuration)])),
    ...assurance(options.assurance ?? configuration.authenticators.preset, configuration),
  ]
}

/** Each requirement of a level, met or not and why. */
function assurance(
  level: AssuranceLevel | undefined,
  configuration: Configuration,
): readonly Finding[] {
  if (level === undefined) return []
  return requirementsOf(level, configuration).map(({ name, state, why, next }): Finding => ({
    check: `${level} ${name}`,
    ok: state !== 'not met',
    found: state === 'yours' ? why : `${state}: ${why}`,
    ...(next === undefined ? {} : { next }),
    ...(state === 'yours' ? { note: true } : {}),
  }))
}

function permissions(configuration: Configuration): Finding {
  const directory = configuration.dataDirectory
  if (!existsSync(directory)) {
    return { check: 'data directory', ok: true, found: 'not made yet; the first start makes it' }
  }
  const mode = statSync(directory).mode & 0o777
  const ok = (mode & 0o077) === 0
  return {
    check: 'data directory',
    ok,
    found: `${directory} mode 0${mode.toString(8)}`,
    ...(ok ? {} : { next: `chmod 700 ${directory}` }),
  }
}

/** Each certificate of the listener, and when it ends. */
function certificates({ listeners }: Configuration): readonly Finding[] {
  return (listeners.public.tls?.certificates ?? []).map(({ file, cert }): Finding => {
    const [leaf] = parseCertificates(cert) ?? []
    const end = leaf?.validToDate ?? new Date(0)
    const ok = end.getTime() > Date.now()
    return {
      check: 'certificate',
      ok,
      found: `${file} ${ok ? 'until' : 'ended'} ${end.toISOString().slice(0, 10)}`,
      ...(ok ? {} : { next: 'renew it; `proofgate dev-ca` does on this machine' }),
    }
  })
}

/** Those who are told of events, where there are any. */
async function told(configuration: Configuration): Promise<readonly Finding[]> {
  const { webhooks, receivers, storage } = configuration
  if (webhooks.length + receivers.length === 0 || !existsSync(storage.database)) return []
  const { findParked } = await import('../../compose/index.ts')
  const check = 'signals'
  try {
    const [parked] = findParked(configuration)
    if (parked === undefined) return [{ check, ok: true, found: 'nobody was given up' }]
    const [kind, name = ''] = parked.name.split('/')
    const found = `${parked.name} is told no more: ${parked.problem}`
    const next = `proofgate ${kind === 'webhook' ? 'webhooks' : 'signals'} retry ${name}`
    return [{ check, ok: false, found, next: `mend it, then \`${next}\`` }]
  } catch {
    return [{ check, ok: true, found: 'not known yet; the next start tells' }]
  }
}

async function audit(configuration: Configuration): Promise<Finding> {
  const folder = join(configuration.dataDirectory, 'audit')
  if (!existsSync(folder)) return { check: 'audit log', ok: true, found: 'not begun yet' }
  const { verifyAuditLog } = await import('../../audit/index.ts')
  try {
    const report = await verifyAuditLog(folder, {})
    return report.ok
      ? { check: 'audit log', ok: true, found: `${report.size} records proven` }
      : { check: 'audit log', ok: false, found: 'not proven', next: '`proofgate audit verify`' }
  } catch (error) {
    const found = error instanceof ProofgateError ? error.message : String(error)
    return { check: 'audit log', ok: false, found, next: 'restore it from a backup' }
  }
}

async function server(configuration: Configuration): Promise<Finding> {
  const { address, port } = configuration.listeners.admin
  const at = `http://${address}:${port}/readyz`
  try {
    const response = await fetch(at, { signal: AbortSignal.timeout(2000) })
    const answer = (await response.json()) as { problems?: readonly string[] }
    return response.ok
      ? { check: 'server', ok: true, found: 'running and ready' }
      : { check: 'server', ok: false, found: (answer.problems ?? []).join('; ') }
  } catch {
    return { check: 'server', ok: true, found: `not running (${at} does not answer)` }
  }
}

/** Names that programs here may not resolve; browsers and curl map *.localhost by themselves. */
async function names(configuration: Configuration): Promise<Finding> {
  const { hostname } = configuration.identity
  if (hostname === 'localhost' || hostname.endsWith('.localhost')) {
    return { check: 'names', ok: true, found: `${hostname} is this machine` }
  }
  try {
    const { address } = await lookup(hostname)
    return { check: 'names', ok: true, found: `${hostname} is ${address}` }
  } catch {
    return {
      check: 'names',
      ok: false,
      found: `${hostname} has no address`,
      next: 'add it to DNS, or use a domain below .localhost',
    }
  }
}

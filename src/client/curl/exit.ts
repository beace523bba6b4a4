import { ownProperty } from '../../core/index.ts'
import { reasonOf } from '../transport.ts'

/** The exit codes of curl that scripts look at. */
export const exitCodes = {
  urlMalformed: 3,
  notResolved: 6,
  notConnected: 7,
  partial: 18,
  refusedByStatus: 22,
  writeFailed: 23,
  readFailed: 26,
  timedOut: 28,
  tlsFailed: 35,
  emptyReply: 52,
  receiveFailed: 56,
  certificateRefused: 60,
} as const

export type ExitReason = keyof typeof exitCodes

/** A transfer that failed the way curl's do: its own exit code, one line on stderr. */
export class TransferFailure extends Error {
  readonly exitCode: number

  constructor(reason: ExitReason, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'TransferFailure'
    this.exitCode = exitCodes[reason]
  }
}

const byCode: ReadonlyMap<string, ExitReason> = new Map<string, ExitReason>([
  ['ENOTFOUND', 'notResolved'],
  ['EAI_AGAIN', 'notResolved'],
  ['ECONNREFUSED', 'notConnected'],
  ['EHOSTUNREACH', 'notConnected'],
  ['ENETUNREACH', 'notConnected'],
  ['ETIMEDOUT', 'notConnected'],
  ['EPROTO', 'tlsFailed'],
  ['ECONNRESET', 'emptyReply'],
])

const certificateProblem =
  /^(CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|ERR_TLS_CERT|HOSTNAME_MISMATCH)/

/** What a failed exchange is to curl. */
export function transferFailure(error: unknown, url: URL): TransferFailure {
  if (error instanceof TransferFailure) return error
  return new TransferFailure(reasonFor(error), `${url.host}: ${reasonOf(error)}`, error)
}

function reasonFor(error: unknown): ExitReason {
  if (!(error instanceof Error)) return 'receiveFailed'
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'timedOut'
  const code = String(ownProperty(error, 'code'))
  if (certificateProblem.test(code)) return 'certificateRefused'
  if (code.startsWith('ERR_SSL')) return 'tlsFailed'
  return byCode.get(code) ?? 'receiveFailed'
}

import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CheckpointKey } from './checkpoint.ts'
import { auditError } from './errors.ts'
import { checkpointName, listSegments } from './folder.ts'
import { loadKey, loadPublicKey, readOptional } from './keys.ts'
import type { MarkKey } from './mark.ts'
import { digestText } from './merkle.ts'
import { longestSegment, segmentName } from './segment.ts'
import { Verifier } from './verifier.ts'
import type { AuditProblem, Rest } from './verifier.ts'

export interface VerifyOptions {
  /** The public key as `audit.pub` holds it; by default that file in `../keys` beside the log. */
  readonly publicKey?: string
  /** A signed checkpoint kept elsewhere: the log must still hold what it signs. */
  readonly checkpoint?: string
  /**
   * Where the log's signing key is, for whoever may read it: records that are not signed yet then pass by
   * their marks. A key that cannot be read, or is another log's, proves nothing and is no fault.
   */
  readonly signingKeys?: string
}

export interface VerifyReport {
  /**
   * True only when every record is proven by a checkpoint the key signed, or, with the signing key, by its
   * mark, and nothing is left over.
   */
  readonly ok: boolean
  /** Records the walk ended at; the last checkpoint signs all of them. */
  readonly size: number
  /** Records behind those that no checkpoint signs yet: the log was not closed, and is not written now. */
  readonly unsigned: number
  /** Root over them, base64. */
  readonly root: string
  readonly checkpointOrigin: string
  readonly firstBad?: AuditProblem
  /** In the order found, at most 100. */
  readonly problems: readonly AuditProblem[]
}

const settleMillis = 100
const settleRounds = 20

/**
 * Proves a log from its files and the public key alone. A log that is being written meanwhile is
 * proven up to where it was read.
 *
 * @throws ProofgateError `audit.absent` when there is no log, `audit.key` without a usable public key.
 */
export async function verifyAuditLog(
  directory: string,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const key = await chooseKey(directory, options.publicKey)
  // The copy is read first: a log that goes on growing never ends before it then.
  const copy = await readOptional(join(directory, checkpointName))
  const verifier = new Verifier(key, await markKeyOf(options.signingKeys, key))
  if (copy === undefined) {
    verifier.report(0, 'checkpoint', checkpointName, 1, 'the file is missing')
  } else {
    verifier.watch(checkpointName, copy, true)
  }
  if (options.checkpoint !== undefined) {
    verifier.watch('the checkpoint kept elsewhere', options.checkpoint, false)
  }
  const segments = await listSegments(directory)
  if (segments.length === 0 && copy === undefined) {
    throw auditError('absent', `there is no audit log in ${directory}`, {
      hint: 'name the data directory of the gateway that writes it',
    })
  }
  await walk(directory, verifier)
  return conclude(verifier, key)
}

/** Up to where the log ended when this began: whatever is appended meanwhile is left. */
async function walk(directory: string, verifier: Verifier): Promise<void> {
  const last = Math.max(0, ...(await listSegments(directory)))
  for (let segment = 0; segment <= last; segment++) {
    await walkSegment(directory, segment, segment === last, verifier)
  }
}

async function walkSegment(
  directory: string,
  segment: number,
  isLast: boolean,
  verifier: Verifier,
): Promise<void> {
  const name = segmentName(segment)
  const path = join(directory, name)
  const bytes = await readSegment(path)
  if (typeof bytes === 'string') {
    verifier.report(verifier.size, 'file', name, 1, bytes)
    return
  }
  const rest = verifier.walkSegment(segment, bytes, name)
  if (!isLast) {
    verifier.endSegment(name, rest)
    return
  }
  const settled = await settle(path, name, verifier, rest)
  if (settled.offset < bytes.length) verifier.endSegment(name, settled)
}

/** The end of a log in use may be a batch that is being written or not signed yet: a moment later it is. */
async function settle(path: string, name: string, verifier: Verifier, found: Rest): Promise<Rest> {
  const length = found.offset + found.bytes
  let rest = found
  for (let round = 0; rest.bytes > 0 && rest.offset < length && round < settleRounds; round++) {
    await delay(settleMillis)
    const again = await readSegment(path)
    if (typeof again === 'string') break
    if (again.length === rest.offset + rest.bytes) {
      if (rest.isMarked) continue
      break
    }
    rest = verifier.walkBatches(name, again.subarray(rest.offset), rest.line, rest.offset)
  }
  return rest
}

async function readSegment(path: string): Promise<Buffer | string> {
  try {
    const { size } = await stat(path)
    return size > longestSegment ? 'the file is longer than one can be' : await readFile(path)
  } catch (error) {
    return `the file cannot be read: ${error instanceof Error ? error.message : String(error)}`
  }
}

function conclude(verifier: Verifier, key: CheckpointKey): VerifyReport {
  verifier.compareWatched()
  const { problems } = verifier
  const firstBad = problems.toSorted((a, b) => a.index - b.index)[0]
  return {
    ok: problems.length === 0,
    size: verifier.size,
    unsigned: verifier.unsigned,
    root: digestText(verifier.root(), 'base64'),
    checkpointOrigin: key.origin,
    ...(firstBad === undefined ? {} : { firstBad }),
    problems,
  }
}

async function markKeyOf(
  directory: string | undefined,
  key: CheckpointKey,
): Promise<MarkKey | undefined> {
  if (directory === undefined) return undefined
  try {
    const signer = await loadKey(directory, key.origin)
    return signer.key.print() === key.print() ? signer.marks : undefined
  } catch {
    return undefined
  }
}

async function chooseKey(directory: string, publicKey: string | undefined): Promise<CheckpointKey> {
  if (publicKey === undefined) return loadPublicKey(join(directory, '..', 'keys'))
  const key = CheckpointKey.parse(publicKey)
  if (key !== undefined) return key
  throw auditError('key', 'the public key is not one line of the form name+id+key', {
    hint: 'use the content of keys/audit.pub',
  })
}

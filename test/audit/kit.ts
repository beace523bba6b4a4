import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { AuditLog } from '../../src/audit/index.ts'
import type { AuditEntry } from '../../src/audit/index.ts'
import { openFolder } from '../../src/audit/opening.ts'
import { BatchWriter } from '../../src/audit/writer.ts'
import { manualClock } from '../../src/core/index.ts'
import type { Clock } from '../../src/core/index.ts'

export interface Places {
  readonly root: string
  readonly directory: string
  readonly keyDirectory: string
  readonly origin: string
}

export async function places(t: TestContext): Promise<Places> {
  const root = await mkdtemp(join(tmpdir(), 'proofgate-audit-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  return at(root)
}

function at(root: string): Places {
  return {
    root,
    directory: join(root, 'audit'),
    keyDirectory: join(root, 'keys'),
    origin: 'gateway.test/audit',
  }
}

/** A copy of a data directory, to damage. */
export async function copyOf(t: TestContext, from: Places): Promise<Places> {
  const copy = await places(t)
  await cp(from.root, copy.root, { recursive: true })
  return copy
}

export function open(where: Places, clock: Clock = manualClock()): Promise<AuditLog> {
  return AuditLog.open({ ...where, clock })
}

/** Opens with segments that take no further batch after `limit` bytes; each batch is signed by itself. */
export async function openSmall(
  where: Places,
  limit = Infinity,
  clock: Clock = manualClock(),
): Promise<AuditLog> {
  const opened = await openFolder(where)
  return new AuditLog(new BatchWriter(opened, { segment: limit, unsigned: 0 }), {
    ...opened,
    clock,
  })
}

/** Opens a log in which only a segment's end, closing or a full stretch makes a seal. */
export async function openMarking(where: Places, limit = Infinity): Promise<AuditLog> {
  const opened = await openFolder(where)
  const limits = { segment: limit, unsigned: 1e9 }
  return new AuditLog(new BatchWriter(opened, limits), { ...opened, clock: manualClock() })
}

export function entry(number: number): AuditEntry {
  return {
    id: `request-${number}`,
    kind: 'decision',
    action: 'request',
    outcome: 'allow',
    reason: 'policy.allowed',
    who: { subject: `person-${number}` },
    what: { path: `/orders/${number}` },
  }
}

/** Appends one record per batch. */
export async function appendEach(log: AuditLog, from: number, to: number): Promise<void> {
  for (let number = from; number < to; number++) await log.append(entry(number))
}

export async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const value of values) found.push(value)
  return found
}

/** For `assert.rejects`: an error with this code. */
export function code(expected: string): (error: unknown) => boolean {
  return (error) => error instanceof Error && 'code' in error && error.code === expected
}

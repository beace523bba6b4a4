import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { readRecords, verifyAuditLog } from '../../src/audit/index.ts'
import { all, open, places } from './kit.ts'
import type { Places } from './kit.ts'

const program = fileURLToPath(new URL('crash-child.ts', import.meta.url))

interface Writer {
  readonly child: ChildProcess
  readonly said: string[]
  readonly ended: Promise<unknown>
}

/** `limit`: the longest file the writer may make, in blocks of 512 bytes. */
function startWriter(t: TestContext, where: Places, limit?: number): Writer {
  const run = [process.execPath, program, where.root]
  const [command = '', ...rest] =
    limit === undefined ? run : ['sh', '-c', `ulimit -S -f ${limit}; exec "$@"`, 'sh', ...run]
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
  const said: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => said.push(line))
  t.after(() => child.kill('SIGKILL'))
  return { child, said, ended: once(child, 'close') }
}

async function until(writer: Writer, condition: () => boolean): Promise<void> {
  while (!condition()) {
    assert.equal(writer.child.exitCode, null, 'the writer ended by itself')
    await delay(5)
  }
}

/** Each id that was acknowledged stands in the log at the index that was said. */
async function requireAll(where: Places, said: readonly string[]): Promise<void> {
  const ids = (await all(readRecords(where.directory))).map((record) => record.id)
  for (const line of said) {
    const [word, index, id] = line.split(' ')
    // The last line may have been cut by the kill.
    if (word === 'ack' && id !== undefined && said.at(-1) !== line) {
      assert.equal(ids[Number(index)], id)
    }
  }
}

test('ten kills at any moment lose nothing that was acknowledged', async (t) => {
  const where = await places(t)
  const said: string[] = []
  for (let round = 0; round < 10; round++) {
    const writer = startWriter(t, where)
    await until(writer, () => writer.said.length > round * 30)
    await delay(round % 3)
    writer.child.kill('SIGKILL')
    await writer.ended
    said.push(...writer.said.slice(0, -1))
    await requireAll(where, said)
  }
  assert.ok(said.length > 1000)
  await (await open(where)).close()
  const report = await verifyAuditLog(where.directory)
  assert.deepEqual(report.problems, [])
})

test('a writer out of space refuses, loses nothing, and goes on once there is space', async (t) => {
  const where = await places(t)
  const writer = startWriter(t, where, 200)
  await until(writer, () => writer.said.some((line) => line === 'refused false'))
  assert.equal(writer.said.filter((line) => line.startsWith('ack')).length > 50, true)
  if (process.platform === 'linux') {
    const acknowledged = writer.said.filter((line) => line.startsWith('ack')).length
    const child = String(writer.child.pid)
    await promisify(execFile)('prlimit', ['--pid', child, '--fsize=unlimited:'])
    const count = () => writer.said.filter((line) => line.startsWith('ack')).length
    await until(writer, () => count() > acknowledged + 100)
  }
  writer.child.kill('SIGKILL')
  await writer.ended
  await requireAll(where, writer.said)
  await (await open(where)).close()
  const report = await verifyAuditLog(where.directory)
  assert.deepEqual(report.problems, [])
  if (process.platform === 'linux') {
    const kinds = await all(readRecords(where.directory, { kind: 'system' }))
    assert.ok(kinds.some((record) => record.reason === 'audit.space_returned'))
  }
})

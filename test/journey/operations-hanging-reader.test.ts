import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { configurationFile, startGateway } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import { operationsConfiguration, startService, until } from '../kit/operations.ts'

/** An environment in which the process that reads configurations hangs once `hang()` was called. */
function hangingReaders(context: TestContext): {
  readonly environment: Readonly<Record<string, string>>
  readonly hang: () => void
} {
  const directory = mkdtempSync(join(tmpdir(), 'proofgate-hanging-'))
  context.after(() => rmSync(directory, { recursive: true }))
  const flag = join(directory, 'hang')
  const first = join(directory, 'first.mjs')
  writeFileSync(
    first,
    `import { existsSync } from 'node:fs'
if (/apart.entry/.test(process.argv[1] ?? '') && existsSync(${JSON.stringify(flag)}))
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
`,
  )
  return {
    environment: { NODE_OPTIONS: `--import=${first}` },
    hang: () => writeFileSync(flag, ''),
  }
}

/** Processes that read configurations for this one, however far below it. */
function readersBelow(pid: number): readonly number[] {
  const list = execFileSync('ps', ['-e', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
  const rows = list.split('\n').map((line) => {
    const [own, parent, ...words] = line.trim().split(/\s+/)
    return { own: Number(own), parent: Number(parent), words: words.join(' ') }
  })
  const below = new Set([pid])
  for (let before = 0; before !== below.size;) {
    before = below.size
    for (const { own, parent } of rows) if (below.has(parent)) below.add(own)
  }
  return rows
    .filter(({ own, words }) => below.has(own) && words.includes('apart/entry'))
    .map(({ own }) => own)
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('a signal ends a server that reads a configuration without end, and the process that reads', async (context) => {
  const service = await startService()
  context.after(() => service.close())
  const { environment, hang } = hangingReaders(context)
  const file = configurationFile(operationsConfiguration(service))
  const gateway = await startGateway({ command: ['serve', '--config', file], environment })
  context.after(() => gateway.kill())
  const pid = gateway.child.pid ?? 0
  await until('the first reader is gone', () => readersBelow(pid).length === 0)
  hang()
  gateway.child.kill('SIGHUP')
  await until('a reader is there', () => readersBelow(pid).length === 1)
  const [reader] = readersBelow(pid)
  assert.ok(reader !== undefined)
  assert.equal((await call(`${gateway.api}/open`)).status, 200)
  const ended = once(gateway.child, 'exit')
  gateway.child.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
  await until('the reader is gone', () => !isThere(reader))
})

test('a signal ends a start whose configuration is read without end, and the process that reads', async (context) => {
  const { environment, hang } = hangingReaders(context)
  hang()
  const data = mkdtempSync(join(tmpdir(), 'proofgate-hanging-'))
  context.after(() => rmSync(data, { recursive: true }))
  for (const command of [['up', 'http://127.0.0.1:9'], ['start']]) {
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, '../../bin/proofgate.cjs'), ...command, '--data-dir', data],
      { stdio: 'ignore', env: { ...process.env, ...environment } },
    )
    context.after(() => child.kill('SIGKILL'))
    const pid = child.pid ?? 0
    await until('a reader is there', () => readersBelow(pid).length === 1)
    const [reader] = readersBelow(pid)
    assert.ok(reader !== undefined)
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    assert.deepEqual(await ended, [null, 'SIGTERM'])
    await until('the reader is gone', () => !isThere(reader))
  }
})

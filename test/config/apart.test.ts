import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  ConfigurationReader,
  packConfiguration,
  readTextFile,
  unpackConfiguration,
} from '../../src/config/apart/index.ts'
import { beginReading } from '../../src/config/apart/begin.ts'
import { configurationSchema, loadConfiguration } from '../../src/config/index.ts'
import type { Configuration, LoadResult } from '../../src/config/index.ts'
import { millis } from '../../src/core/index.ts'
import type { Millis } from '../../src/core/index.ts'

const policy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'execute-api:Invoke', Resource: '*' }],
})
const whole = `version: 1
region: '\${REGION}'
people: [{ username: ada, groups: [all], tags: { team: blue } }]
groups: { all: { policies: [open] } }
policies: { open: { file: open.json } }
clients: [{ id: app, redirectUris: ['https://app.example/back'], secret: '\${APP_SECRET}' }]
upstreams: { orders: { url: 'http://127.0.0.1:8090' } }
apis:
  orders:
    upstream: orders
    routes: [{ method: GET, path: / }, { method: GET, path: /other }]
`
const environment = { REGION: 'north', APP_SECRET: 'a-secret-of-some-length-0123456789' }

function directoryOf(context: TestContext, files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'proofgate-apart-'))
  context.after(() => rmSync(directory, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
  return directory
}

function readerFor(context: TestContext): ConfigurationReader {
  const reader = new ConfigurationReader()
  context.after(() => reader.close())
  return reader
}

function sound(result: LoadResult): Configuration {
  assert.ok('configuration' in result, JSON.stringify(result))
  return result.configuration
}

test('another process reads what this one would have read, to the last prototype', async (context) => {
  const file = join(
    directoryOf(context, { 'proofgate.yaml': whole, 'open.json': policy }),
    'proofgate.yaml',
  )
  const input = { file, environment, readFile: readTextFile }
  const there = await readerFor(context).read(input)
  const here = loadConfiguration(input)
  assert.deepStrictEqual(there, here)
  assert.equal(sound(there).clients[0]?.secret?.reveal(), environment.APP_SECRET)
  assert.ok(Object.isFrozen(sound(there).apis[0]?.routes[0]))
})

test('all problems come back with their places, and no configuration', async (context) => {
  const text = 'version: 1\nregoin: x\nregion: "${NOWHERE}"\n'
  const file = join(directoryOf(context, { 'proofgate.yaml': text }), 'proofgate.yaml')
  const input = { file, environment: {}, readFile: readTextFile }
  const there = await readerFor(context).read(input)
  assert.ok('problems' in there && there.problems.length > 1)
  assert.deepStrictEqual(there, loadConfiguration(input))
})

test('a file that is not there is the problem it is without another process', async (context) => {
  const directory = directoryOf(context, { 'proofgate.yaml': whole })
  const reader = readerFor(context)
  for (const name of ['proofgate.yaml', 'nowhere.yaml', '.']) {
    const input = { file: join(directory, name), environment, readFile: readTextFile }
    const there = await reader.read(input)
    assert.ok('problems' in there)
    assert.deepStrictEqual(there, loadConfiguration(input))
  }
})

test('files are read here alone, each once, and never by the other process', async (context) => {
  const directory = directoryOf(context, { 'proofgate.yaml': 'version: 1\n' })
  const file = join(directory, 'proofgate.yaml')
  const seen: string[] = []
  const readFile = (path: string): string => {
    seen.push(path)
    return path === file ? whole : policy
  }
  const there = await readerFor(context).read({ file, environment, readFile })
  assert.equal(sound(there).region, 'north')
  assert.deepEqual(seen, [file, join(directory, 'open.json')])
})

test('the environment that counts is the one that is handed over', async (context) => {
  const file = join(directoryOf(context, { 'proofgate.yaml': whole }), 'proofgate.yaml')
  process.env['REGION'] = 'of-the-process'
  context.after(() => delete process.env['REGION'])
  const reader = readerFor(context)
  const there = await reader.read({ file, environment: {}, readFile: readTextFile })
  assert.ok('problems' in there)
  assert.ok(there.problems.some(({ message }) => message.includes('REGION')))
})

test('one reader reads several times, the built-in configuration and one for a service too', async (context) => {
  const reader = readerFor(context)
  const input = { environment: {}, readFile: readTextFile }
  assert.equal(sound(await reader.read(input)).apis[0]?.name, 'orders')
  const up = await reader.read({ ...input, upstream: 'http://127.0.0.1:9999' })
  assert.equal(sound(up).upstreams[0]?.targets[0]?.origin, 'http://127.0.0.1:9999')
  assert.deepEqual(JSON.parse(await reader.schema()), configurationSchema())
})

test('without the other process the reading is done in this one', async (context) => {
  const directory = directoryOf(context, { 'proofgate.yaml': whole, 'open.json': policy })
  const input = { file: join(directory, 'proofgate.yaml'), environment, readFile: readTextFile }
  const closed = readerFor(context)
  closed.close()
  assert.deepStrictEqual(await closed.read(input), loadConfiguration(input))
  assert.deepEqual(JSON.parse(await closed.schema()), configurationSchema())
})

test('a process that was begun before is the one that is asked', async (context) => {
  const begun = beginReading()
  assert.ok(begun !== undefined)
  // Those of tests before may end meanwhile.
  const before = new Set(childrenOf(process.pid))
  const reader = new ConfigurationReader({ begun })
  context.after(() => reader.close())
  assert.deepEqual(JSON.parse(await reader.schema()), configurationSchema())
  assert.deepEqual(
    childrenOf(process.pid).filter((pid) => !before.has(pid)),
    [],
  )
})

test('a process that was begun and has ended is not waited for', async (context) => {
  const begun = beginReading()
  assert.ok(begun !== undefined)
  const ended = once(begun, 'exit')
  begun.kill('SIGKILL')
  await ended
  const reader = new ConfigurationReader({ begun })
  context.after(() => reader.close())
  assert.deepEqual(JSON.parse(await reader.schema()), configurationSchema())
})

test('a reader that dies in the middle is replaced by this process', async (context) => {
  const directory = directoryOf(context, { 'proofgate.yaml': whole, 'open.json': policy })
  const file = join(directory, 'proofgate.yaml')
  const before = new Set(childrenOf(process.pid))
  const reader = readerFor(context)
  const [child] = childrenOf(process.pid).filter((pid) => !before.has(pid))
  assert.ok(child !== undefined)
  let isAlive = true
  const readFile = (path: string): string => {
    if (isAlive) process.kill(child, 'SIGKILL')
    isAlive = false
    return readTextFile(path)
  }
  const there = await reader.read({ file, environment, readFile })
  assert.equal(sound(there).region, 'north')
})

/** A reader whose process never answers, and the process. */
function stoppedReader(
  context: TestContext,
  limit?: Millis,
): readonly [ConfigurationReader, number] {
  const before = new Set(childrenOf(process.pid))
  const reader = new ConfigurationReader(limit === undefined ? {} : { limit })
  context.after(() => reader.close())
  const [child] = childrenOf(process.pid).filter((pid) => !before.has(pid))
  assert.ok(child !== undefined)
  process.kill(child, 'SIGSTOP')
  return [reader, child]
}

async function untilGone(pid: number): Promise<void> {
  const end = Date.now() + 20_000
  while (childrenOf(process.pid).includes(pid)) {
    assert.ok(Date.now() < end, 'the process is still there')
    await delay(20)
  }
}

test('a reader that does not answer in time is a problem, read by nobody else, and is killed', async (context) => {
  const file = join(directoryOf(context, { 'proofgate.yaml': whole }), 'proofgate.yaml')
  const [reader, child] = stoppedReader(context, millis(100))
  const read = await reader.read({ file, environment, readFile: readTextFile })
  assert.ok('problems' in read)
  assert.deepEqual(
    read.problems.map(({ file: where, code }) => [where, code]),
    [[file, 'config.not-read']],
  )
  assert.match(read.problems[0]?.message ?? '', /within 0\.1 s/)
  assert.deepEqual(read.files, [file])
  await untilGone(child)
})

test('a schema that does not come in time is made here', async (context) => {
  const [reader, child] = stoppedReader(context, millis(100))
  assert.deepEqual(JSON.parse(await reader.schema()), configurationSchema())
  await untilGone(child)
})

test('to close a reader that is asked ends the reading and the process, whatever it does', async (context) => {
  const file = join(directoryOf(context, { 'proofgate.yaml': whole }), 'proofgate.yaml')
  const [reader, child] = stoppedReader(context)
  const reading = reader.read({ file, environment, readFile: readTextFile })
  reader.close()
  const read = await reading
  assert.ok('problems' in read)
  assert.equal(read.problems[0]?.code, 'config.not-read')
  await untilGone(child)
})

test('a reader that nobody asks and that does not leave is killed', async (context) => {
  const [reader, child] = stoppedReader(context)
  reader.close()
  await untilGone(child)
})

function childrenOf(pid: number): readonly number[] {
  const list = execFileSync('ps', ['-e', '-o', 'pid=,ppid=,comm='], { encoding: 'utf8' })
  return list
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, name]) => Number(parent) === pid && name !== 'ps')
    .map(([own]) => Number(own))
}

test('records that inherit nothing inherit nothing after the journey, and are one where they were one', () => {
  const bare = Object.assign(Object.create(null) as object, { constructor: 'mine' })
  const packed = packConfiguration({ left: bare, right: bare } as unknown as Configuration)
  const { left, right } = unpackConfiguration(structuredClone(packed)) as unknown as {
    left: Readonly<Record<string, unknown>>
    right: object
  }
  assert.equal(Object.getPrototypeOf(left), null)
  assert.equal(left['constructor'], 'mine')
  assert.equal(left['toString'], undefined)
  assert.equal(left, right)
})

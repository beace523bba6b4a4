import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { ConfigurationWatcher, loadConfiguration, readTextFile } from '../../src/config/index.ts'
import { millis } from '../../src/core/index.ts'

const settle = millis(20)

interface Watched {
  readonly directory: string
  readonly file: string
  readonly events: string[]
  readonly watcher: ConfigurationWatcher
  readonly write: (name: string, text: string) => void
  /** Resolves once there are so many events; the runner's own limit ends a wait in vain. */
  readonly until: (count: number) => Promise<void>
  /** Long enough for a change to be noticed twice over. */
  readonly quiet: () => Promise<void>
}

function watched(
  context: TestContext,
  text: string,
  files: Readonly<Record<string, string>> = {},
): Watched {
  const directory = mkdtempSync(join(tmpdir(), 'proofgate-config-'))
  mkdirSync(join(directory, 'policies'))
  const write = (name: string, content: string): void =>
    writeFileSync(join(directory, name), content)
  for (const [name, content] of Object.entries(files)) write(name, content)
  const file = join(directory, 'proofgate.yaml')
  write('proofgate.yaml', text)
  const load = (readFile: (path: string) => string) =>
    loadConfiguration({ file, environment: {}, readFile })
  const events: string[] = []
  const watcher = new ConfigurationWatcher({
    files: load(readTextFile).files,
    readFile: readTextFile,
    load,
    settle,
    onLoaded: (configuration) => events.push(`region ${configuration.region}`),
    onProblems: (problems) => events.push(problems.map(({ code }) => code).join(' ')),
  })
  context.after(() => {
    watcher.close()
    rmSync(directory, { recursive: true })
  })
  const until = async (count: number): Promise<void> => {
    while (events.length < count) await delay(5)
  }
  return { directory, file, events, watcher, write, until, quiet: () => delay(settle * 10) }
}

test('a changed file is loaded', { timeout: 30_000 }, async (context) => {
  const { events, write, until } = watched(context, 'version: 1\n')
  write('proofgate.yaml', 'version: 1\nregion: new\n')
  await until(1)
  assert.deepEqual(events, ['region new'])
})

test(
  'a bad file is reported and the next good one is loaded',
  { timeout: 30_000 },
  async (context) => {
    const { events, write, until } = watched(context, 'version: 1\n')
    write('proofgate.yaml', 'version: 1\nregoin: new\n')
    await until(1)
    write('proofgate.yaml', 'version: 1\nregion: newer\n')
    await until(2)
    assert.deepEqual(events, ['config.unknown-key', 'region newer'])
  },
)

test('a file that is renamed into place is loaded', { timeout: 30_000 }, async (context) => {
  const { directory, file, events, write, until } = watched(context, 'version: 1\n')
  write('new.yaml', 'version: 1\nregion: renamed\n')
  renameSync(join(directory, 'new.yaml'), file)
  await until(1)
  assert.deepEqual(events, ['region renamed'])
})

test('a file behind an exchanged link is loaded', { timeout: 30_000 }, async (context) => {
  const { directory, file, events, write, until } = watched(context, 'version: 1\n')
  write('policies/new.yaml', 'version: 1\nregion: linked\n')
  symlinkSync(join(directory, 'policies/new.yaml'), join(directory, 'link'))
  renameSync(join(directory, 'link'), file)
  await until(1)
  assert.deepEqual(events, ['region linked'])
})

test('a removed file is a problem', { timeout: 30_000 }, async (context) => {
  const { file, events, until } = watched(context, 'version: 1\n')
  rmSync(file)
  await until(1)
  assert.deepEqual(events, ['config.file'])
})

const policy = (sid: string): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Sid: sid, Effect: 'Deny', Action: '*', Resource: '*' }],
  })
const withPolicy = 'version: 1\npolicies: { p: { file: policies/p.json } }\n'

test(
  'a changed policy file is loaded, also one that was named only later',
  { timeout: 30_000 },
  async (context) => {
    const { events, write, until } = watched(context, 'version: 1\n', {
      'policies/p.json': policy('One'),
    })
    write('proofgate.yaml', withPolicy)
    await until(1)
    write('policies/p.json', '{')
    await until(2)
    write('policies/p.json', policy('Two'))
    await until(3)
    assert.deepEqual(events, ['region local', 'config.syntax', 'region local'])
  },
)

test('a burst of changes is one load', { timeout: 30_000 }, async (context) => {
  const { events, write, until, quiet } = watched(context, 'version: 1\n')
  for (let round = 0; round < 50; round++)
    write('proofgate.yaml', `version: 1\nregion: r${round}\n`)
  await until(1)
  await quiet()
  assert.deepEqual(events, ['region r49'])
})

test(
  'other files, and the same content written again, load nothing',
  { timeout: 30_000 },
  async (context) => {
    const { events, write, quiet } = watched(context, 'version: 1\n')
    write('other.txt', 'x')
    write('proofgate.yaml', 'version: 1\n')
    await quiet()
    assert.deepEqual(events, [])
  },
)

test('reload loads at once, changed or not', async (context) => {
  const { events, watcher } = watched(context, 'version: 1\n')
  await watcher.reload()
  await watcher.reload()
  assert.deepEqual(events, ['region local', 'region local'])
})

test('whoever asks before a reload has begun means the same one, and later ones wait', async (context) => {
  const { directory, file } = watched(context, 'version: 1\n')
  const begun: (() => void)[] = []
  let loads = 0
  const watcher = new ConfigurationWatcher({
    files: [file],
    readFile: readTextFile,
    load: async (readFile) => {
      loads += 1
      await new Promise<void>((resolve) => begun.push(resolve))
      return loadConfiguration({ file, environment: {}, readFile })
    },
    onLoaded: () => undefined,
    onProblems: () => undefined,
  })
  context.after(() => watcher.close())
  const first = watcher.reload()
  while (begun.length === 0) await new Promise(setImmediate)
  const others = Array.from({ length: 50 }, () => watcher.reload())
  writeFileSync(join(directory, 'unrelated'), '')
  begun.shift()?.()
  await first
  while (begun.length === 0) await new Promise(setImmediate)
  begun.shift()?.()
  await Promise.all(others)
  assert.equal(loads, 2)
})

test('after closing nothing is loaded', { timeout: 30_000 }, async (context) => {
  const { events, watcher, write, quiet } = watched(context, 'version: 1\n')
  write('proofgate.yaml', 'version: 1\nregion: late\n')
  watcher.close()
  await watcher.reload()
  await quiet()
  assert.deepEqual(events, [])
})

test('what is loaded is what was looked at, even when the file changes meanwhile', async (context) => {
  const { directory, file } = watched(context, 'version: 1\nregion: first\n')
  const read: string[] = []
  const regions: string[] = []
  const watcher = new ConfigurationWatcher({
    files: [file],
    readFile: readTextFile,
    load: (readFile) => {
      writeFileSync(file, 'version: 1\nregion: second\n')
      read.push(readFile(file), readFile(file))
      const later = join(directory, 'later')
      writeFileSync(later, 'one')
      const before = readFile(later)
      writeFileSync(later, 'two')
      assert.equal(readFile(later), before)
      return loadConfiguration({ file, environment: {}, readFile })
    },
    onLoaded: (configuration) => regions.push(configuration.region),
    onProblems: () => regions.push('bad'),
  })
  await watcher.reload()
  watcher.close()
  assert.deepEqual(regions, ['first'])
  assert.equal(new Set(read).size, 1)
})

test('only regular files of valid UTF-8 up to a megabyte are read', (context) => {
  const { directory, file } = watched(context, 'version: 1\n')
  assert.equal(readTextFile(file), 'version: 1\n')
  assert.throws(() => readTextFile(directory))
  assert.throws(() => readTextFile('/dev/zero'), /not a file/)
  writeFileSync(file, Buffer.from([0x76, 0xff]))
  assert.throws(() => readTextFile(file), /not UTF-8/)
  writeFileSync(file, Buffer.alloc(1_048_577, 0x20))
  assert.throws(() => readTextFile(file), /over 1048576 bytes/)
})

import { test } from 'node:test'
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  DirectoryLock,
  findRunning,
  markInstalled,
  prepareDataDirectory,
  requireInstallation,
} from '../../src/compose/index.ts'
import type { DataPaths } from '../../src/compose/index.ts'
import { sharedSecret, writeDurably } from '../../src/compose/data-directory.ts'
import { temporaryDirectory } from '../kit/gateway.ts'

function paths(root = join(temporaryDirectory(), 'data')): DataPaths {
  return {
    root,
    database: join(root, 'proofgate.db'),
    keys: join(root, 'keys'),
    auditKeys: join(root, 'keys'),
    audit: join(root, 'audit'),
    running: join(root, 'run'),
    schema: join(root, 'schema.json'),
    marker: join(root, 'installation.json'),
    metadata: join(root, 'metadata.json'),
  }
}

function codeOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'nothing was thrown'
}

test('a directory that others could read is closed to them', () => {
  const data = paths()
  mkdirSync(data.root, { recursive: true })
  chmodSync(data.root, 0o755)
  prepareDataDirectory(data)
  for (const one of [data.root, data.keys, data.running]) {
    assert.equal(statSync(one).mode & 0o777, 0o700, one)
  }
})

test('nothing at all is new; a marker, a log or a key without a database is damage', () => {
  assert.equal(prepareDataDirectory(paths()).isNew, true)
  const marked = paths()
  prepareDataDirectory(marked)
  markInstalled(marked, 0)
  assert.equal(
    codeOf(() => prepareDataDirectory(marked)),
    'storage.damaged',
  )
  const logged = paths()
  mkdirSync(logged.audit, { recursive: true })
  writeFileSync(join(logged.audit, 'checkpoint'), '')
  assert.equal(
    codeOf(() => prepareDataDirectory(logged)),
    'storage.damaged',
  )
  const keyed = paths()
  mkdirSync(keyed.keys, { recursive: true })
  writeFileSync(join(keyed.keys, 'audit.key'), '')
  assert.equal(
    codeOf(() => prepareDataDirectory(keyed)),
    'storage.damaged',
  )
})

test('a database whose keys are gone is damage, once the installation was complete', () => {
  const data = paths()
  prepareDataDirectory(data)
  writeFileSync(data.database, 'x')
  assert.equal(prepareDataDirectory(data).isNew, false)
  markInstalled(data, 0)
  assert.equal(
    codeOf(() => prepareDataDirectory(data)),
    'storage.damaged',
  )
  writeFileSync(join(data.keys, 'audit.key'), '')
  assert.equal(
    codeOf(() => prepareDataDirectory(data)),
    'storage.damaged',
  )
  writeFileSync(join(data.keys, 'sig-ES256-000001.json'), '')
  assert.equal(prepareDataDirectory(data).isNew, false)
})

test('an installation is where its mark, its log or its key is; a database alone is none', () => {
  const data = paths()
  const found = (): string => codeOf(() => requireInstallation(data))
  assert.equal(found(), 'storage.not_installed')
  prepareDataDirectory(data)
  writeFileSync(data.database, 'x')
  assert.equal(found(), 'storage.not_installed')
  markInstalled(data, 0)
  assert.equal(found(), 'nothing was thrown')
  rmSync(data.marker)
  const key = join(data.keys, 'audit.key')
  writeFileSync(key, '')
  assert.equal(found(), 'nothing was thrown')
  rmSync(key)
  mkdirSync(data.audit)
  assert.equal(found(), 'storage.not_installed')
  writeFileSync(join(data.audit, 'checkpoint'), '')
  assert.equal(found(), 'nothing was thrown')
})

test('a file where the directory should be is said in words', () => {
  const root = join(temporaryDirectory(), 'data')
  writeFileSync(root, '')
  assert.equal(
    codeOf(() => prepareDataDirectory(paths(root))),
    'storage.unavailable',
  )
})

test('the mark of an installation is written once', () => {
  const data = paths()
  prepareDataDirectory(data)
  markInstalled(data, 1000)
  const first = readFileSync(data.marker, 'utf8')
  markInstalled(data, 2000)
  assert.equal(readFileSync(data.marker, 'utf8'), first)
  assert.equal(statSync(data.marker).mode & 0o777, 0o600)
})

test('one holder at a time, and the next after it lets go', () => {
  const data = paths()
  prepareDataDirectory(data)
  const lock = DirectoryLock.take(data)
  assert.equal(
    codeOf(() => DirectoryLock.take(data)),
    'storage.in_use',
  )
  lock.announce({ pid: process.pid, admin: 'http://127.0.0.1:1', secret: 's' })
  assert.equal(findRunning(data.root)?.admin, 'http://127.0.0.1:1')
  assert.equal(statSync(join(data.running, 'server.json')).mode & 0o777, 0o600)
  lock.release()
  assert.equal(findRunning(data.root), undefined)
  DirectoryLock.take(data).release()
})

test('what a crashed server said of itself is gone as soon as the next holds the directory', () => {
  const data = paths()
  prepareDataDirectory(data)
  const file = join(data.running, 'server.json')
  // The process id of the crashed server belongs to somebody else by now.
  const stale = { pid: process.ppid, admin: 'http://127.0.0.1:1', secret: 's' }
  writeFileSync(file, JSON.stringify(stale))
  assert.equal(findRunning(data.root)?.pid, process.ppid)
  const lock = DirectoryLock.take(data)
  assert.equal(findRunning(data.root), undefined)
  lock.announce({ ...stale, pid: process.pid })
  assert.equal(
    codeOf(() => DirectoryLock.take(data)),
    'storage.in_use',
  )
  assert.equal(findRunning(data.root)?.pid, process.pid, 'who fails to take it removes nothing')
  lock.release()
})

test('a directory where the facts of the server belong is refused when they are written', () => {
  const data = paths()
  prepareDataDirectory(data)
  mkdirSync(join(data.running, 'server.json', 'x'), { recursive: true })
  const lock = DirectoryLock.take(data)
  assert.throws(() => lock.announce({ pid: process.pid, admin: 'http://127.0.0.1:1', secret: 's' }))
  lock.release()
  DirectoryLock.take(data).release()
})

test('facts of a process that is gone, or that are damaged, are no running server', () => {
  const data = paths()
  prepareDataDirectory(data)
  const file = join(data.running, 'server.json')
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{"pid":"x"}',
    '{"pid":99999999,"admin":"x","secret":"y"}',
  ]) {
    writeFileSync(file, text)
    assert.equal(findRunning(data.root), undefined, text)
  }
})

test('a shared secret is made once, privately, and a damaged one is refused', () => {
  const file = join(temporaryDirectory(), 'secret')
  const secret = sharedSecret(file)
  assert.match(secret, /^[A-Za-z0-9_-]{43}$/)
  assert.equal(sharedSecret(file), secret)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  for (const damaged of ['', 'short', `${secret}${secret}`]) {
    writeFileSync(file, damaged)
    assert.equal(
      codeOf(() => sharedSecret(file)),
      'storage.damaged',
    )
  }
})

test('a file is replaced whole', () => {
  const file = join(temporaryDirectory(), 'file')
  writeDurably(file, 'one')
  writeDurably(file, 'two')
  assert.equal(readFileSync(file, 'utf8'), 'two')
})

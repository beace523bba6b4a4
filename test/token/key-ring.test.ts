import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { calculateJwkThumbprint, importJWK, jwtVerify, SignJWT } from 'jose'
import type { JWK } from 'jose'
import { manualClock, millis } from '../../src/core/index.ts'
import { KeyRing } from '../../src/token/index.ts'
import type { SigningAlgorithm } from '../../src/token/index.ts'
import { rsa } from './forge.ts'

const run = promisify(execFile)
const opener = fileURLToPath(new URL('open-ring.ts', import.meta.url))
const overlap = millis(600_000)

async function setUp(t: TestContext) {
  const parent = await mkdtemp(join(tmpdir(), 'key-ring-'))
  t.after(() => rm(parent, { recursive: true, force: true }))
  const directory = join(parent, 'keys')
  const clock = manualClock()
  const open = (algorithms: readonly SigningAlgorithm[] = ['ES256']) =>
    KeyRing.open({ directory, clock, algorithms, overlap })
  return { directory, clock, open }
}

const code = (reason: string) => ({ name: 'ProofgateError', code: `token.${reason}` })

test('the first opening generates the wanted keys, private to the account', async (t) => {
  const { directory, open } = await setUp(t)
  const ring = await open(['ES256', 'RS256'])
  assert.deepEqual((await readdir(directory)).sort(), [
    'sig-ES256-000001.json',
    'sig-RS256-000001.json',
  ])
  assert.equal((await stat(directory)).mode & 0o777, 0o700)
  for (const name of await readdir(directory)) {
    assert.equal((await stat(join(directory, name))).mode & 0o777, 0o600)
  }
  assert.equal(ring.active('RS256').privateKey.asymmetricKeyDetails?.modulusLength, 2048)
})

test('a later opening finds the same keys and makes no others', async (t) => {
  const { directory, open } = await setUp(t)
  const first = await open()
  const names = await readdir(directory)
  const second = await open()
  assert.equal(second.active('ES256').keyId, first.active('ES256').keyId)
  assert.deepEqual(await readdir(directory), names)
})

test('an algorithm that is added gets its key, the others keep theirs', async (t) => {
  const { open } = await setUp(t)
  const first = await open(['ES256'])
  const second = await open(['ES256', 'RS256'])
  assert.equal(second.active('ES256').keyId, first.active('ES256').keyId)
  assert.equal(second.active('RS256').algorithm, 'RS256')
  assert.throws(() => first.active('RS256'), code('key_missing'))
})

test('key ids are RFC 7638 thumbprints, and published keys hold nothing private', async (t) => {
  const { open } = await setUp(t)
  const ring = await open(['ES256', 'RS256'])
  for (const key of ring.publicJwks().keys) {
    assert.equal(key['kid'], await calculateJwkThumbprint(key as JWK))
    assert.equal(key['use'], 'sig')
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi']) assert.equal(member in key, false)
  }
  assert.equal(ring.publicJwks().keys.length, 2)
})

test('the private keys sign what the published keys verify', async (t) => {
  const { open } = await setUp(t)
  const ring = await open(['ES256', 'RS256'])
  for (const [index, jwk] of ring.privateJwks().keys.entries()) {
    const alg = jwk['alg'] as string
    const token = await new SignJWT({})
      .setProtectedHeader({ alg })
      .sign(await importJWK(jwk as JWK))
    const published = ring.publicJwks().keys[index]
    await jwtVerify(token, await importJWK(published as JWK))
  }
})

test('rotation makes a new active key and publishes the old one until its overlap is over', async (t) => {
  const { directory, clock, open } = await setUp(t)
  const ring = await open()
  const old = ring.active('ES256')
  const fresh = await ring.rotate('ES256')
  assert.notEqual(fresh.keyId, old.keyId)
  assert.equal(ring.active('ES256').keyId, fresh.keyId)
  const retireAt = clock.now() + overlap
  assert.deepEqual(
    ring.list().map(({ keyId, state, retireAt }) => ({ keyId, state, retireAt })),
    [
      { keyId: fresh.keyId, state: 'active', retireAt: undefined },
      { keyId: old.keyId, state: 'retired', retireAt },
    ],
  )
  clock.advance(overlap - 1)
  assert.notEqual(ring.find(old.keyId, 'ES256'), undefined)
  assert.equal((await open()).publicJwks().keys.length, 2)
  clock.advance(1)
  assert.equal(ring.find(old.keyId, 'ES256'), undefined)
  assert.equal(ring.publicJwks().keys.length, 1)
  assert.equal(ring.privateJwks().keys.length, 1)
  assert.equal((await open()).active('ES256').keyId, fresh.keyId)
  await ring.rotate('ES256')
  assert.deepEqual(await readdir(directory), ['sig-ES256-000002.json', 'sig-ES256-000003.json'])
})

test('active keys come first among the private keys', async (t) => {
  const { open } = await setUp(t)
  const ring = await open(['ES256', 'RS256'])
  await ring.rotate('ES256')
  const kids = ring.privateJwks().keys.map(({ kid }) => kid)
  assert.equal(kids.length, 3)
  assert.deepEqual(
    new Set(kids.slice(0, 2)),
    new Set([ring.active('ES256').keyId, ring.active('RS256').keyId]),
  )
})

test('the revision changes when a key is replaced and again when its overlap ends', async (t) => {
  const { clock, open } = await setUp(t)
  const ring = await open()
  const before = ring.revisionAt(clock.now())
  assert.equal(ring.revisionAt(clock.now()), before)
  await ring.rotate('ES256')
  const rotated = ring.revisionAt(clock.now())
  assert.notEqual(rotated, before)
  clock.advance(overlap - 1)
  assert.equal(ring.revisionAt(clock.now()), rotated)
  clock.advance(1)
  const ended = ring.revisionAt(clock.now())
  assert.notEqual(ended, rotated)
  assert.equal(ring.revisionAt(clock.now()), ended)
})

test('a reload that finds what is known already leaves everything as it is', async (t) => {
  const { clock, open } = await setUp(t)
  const ring = await open()
  const [revision, key] = [ring.revisionAt(clock.now()), ring.active('ES256').publicKey]
  await ring.reload()
  assert.equal(ring.revisionAt(clock.now()), revision)
  assert.equal(ring.active('ES256').publicKey, key)
  await (await open()).rotate('ES256')
  await ring.reload()
  assert.notEqual(ring.revisionAt(clock.now()), revision)
})

test('a key is found only by its own id and for its own algorithm', async (t) => {
  const { open } = await setUp(t)
  const ring = await open(['ES256', 'RS256'])
  const { keyId } = ring.active('ES256')
  const found = ring.find(keyId, 'ES256')
  assert.ok(!(found instanceof Promise))
  assert.equal(found?.type, 'public')
  assert.equal(ring.find(keyId, 'RS256'), undefined)
  assert.equal(ring.find('other', 'ES256'), undefined)
  assert.equal(ring.find('__proto__', 'ES256'), undefined)
})

test('reload sees what another process rotated', async (t) => {
  const { open } = await setUp(t)
  const here = await open()
  const there = await open()
  const fresh = await there.rotate('ES256')
  assert.notEqual(here.active('ES256').keyId, fresh.keyId)
  await here.reload()
  assert.equal(here.active('ES256').keyId, fresh.keyId)
})

test('two rotations at once end with one new key that both use', async (t) => {
  const { directory, open } = await setUp(t)
  const [one, other] = [await open(), await open()]
  const [first, second] = await Promise.all([one.rotate('ES256'), other.rotate('ES256')])
  assert.equal(first.keyId, second.keyId)
  assert.equal((await readdir(directory)).length, 2)
})

test('processes that start at once on one directory agree on the keys', async (t) => {
  const { directory } = await setUp(t)
  const outputs = await Promise.all(
    Array.from({ length: 4 }, () => run(process.execPath, [opener, directory])),
  )
  assert.equal(new Set(outputs.map(({ stdout }) => stdout)).size, 1)
  assert.equal((await readdir(directory)).length, 2)
})

test('processes that rotate at once leave a ring that opens, with one active key per algorithm', async (t) => {
  const { directory, open } = await setUp(t)
  await open(['ES256', 'RS256'])
  await Promise.all(
    Array.from({ length: 3 }, () => run(process.execPath, [opener, directory, 'rotate'])),
  )
  const ring = await open(['ES256', 'RS256'])
  assert.equal(ring.list().filter(({ state }) => state === 'active').length, 2)
  assert.deepEqual(
    (await readdir(directory)).filter((name) => !name.startsWith('sig-')),
    [],
  )
})

test('what a killed process left half-written is not taken for a key', async (t) => {
  const { directory, open } = await setUp(t)
  const { keyId } = (await open()).active('ES256')
  await writeFile(join(directory, '.new-abc'), '{"format":', { mode: 0o600 })
  assert.equal((await open()).active('ES256').keyId, keyId)
})

type Change = (content: Record<string, any>) => unknown
const damages: readonly (readonly [string, Change])[] = [
  ['an unknown format', (content) => ({ ...content, format: 'other' })],
  ['no format', (content) => ({ ...content, format: undefined })],
  ['another algorithm', (content) => ({ ...content, algorithm: 'RS256' })],
  ['an unknown algorithm', (content) => ({ ...content, algorithm: 'none' })],
  ['another generation', (content) => ({ ...content, generation: 2 })],
  ['a generation of text', (content) => ({ ...content, generation: '1' })],
  ['no creation time', (content) => ({ ...content, createdAt: undefined })],
  ['a creation time in fractions', (content) => ({ ...content, createdAt: 1.5 })],
  ['a creation time before the epoch', (content) => ({ ...content, createdAt: -1 })],
  [
    'a text for the end of the key before',
    (content) => ({ ...content, predecessorRetiresAt: '0' }),
  ],
  ['no word on the key before', (content) => ({ ...content, predecessorRetiresAt: undefined })],
  ['another key id', (content) => ({ ...content, keyId: `${content['keyId']}x` })],
  ['no key', (content) => ({ ...content, jwk: undefined })],
  ['no private part', (content) => ({ ...content, jwk: { ...content['jwk'], d: undefined } })],
  [
    'another private part',
    (content) => ({
      ...content,
      jwk: { ...content['jwk'], d: Buffer.alloc(32, 1).toString('base64url') },
    }),
  ],
  ['a list', () => []],
]

for (const [name, change] of damages) {
  test(`a key file with ${name} stops the opening and is not replaced`, async (t) => {
    const { directory, open } = await setUp(t)
    await open()
    const path = join(directory, 'sig-ES256-000001.json')
    const content = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
    const text = JSON.stringify(change(content))
    await writeFile(path, text)
    await assert.rejects(open(), code('key_damaged'))
    assert.equal(await readFile(path, 'utf8'), text)
    assert.equal((await readdir(directory)).length, 1)
  })
}

test('an RSA key whose private part is of another key stops the opening', async (t) => {
  const { directory, open } = await setUp(t)
  await open(['RS256'])
  const path = join(directory, 'sig-RS256-000001.json')
  const content = JSON.parse(await readFile(path, 'utf8')) as { jwk: object }
  const { n: _n, e: _e, ...other } = rsa().privateKey.export({ format: 'jwk' })
  await writeFile(path, JSON.stringify({ ...content, jwk: { ...content.jwk, ...other } }))
  await assert.rejects(open(['RS256']), code('key_damaged'))
})

for (const [name, text] of [
  ['empty', ''],
  ['cut', '{"format": "proofgate-signing-key/1", "algor'],
  ['binary', '\0\0\0\0'],
  ['huge', ' '.repeat(20_000)],
] as const) {
  test(`a key file that is ${name} stops the opening and is not replaced`, async (t) => {
    const { directory, open } = await setUp(t)
    await open()
    const path = join(directory, 'sig-ES256-000001.json')
    await writeFile(path, text)
    await assert.rejects(open(), code('key_damaged'))
    assert.equal(await readFile(path, 'utf8'), text)
  })
}

test('a key file under another name, a copy, a directory or a link stops the opening', async (t) => {
  const { directory, open } = await setUp(t)
  await open()
  const path = join(directory, 'sig-ES256-000001.json')
  const copy = join(directory, 'sig-ES256-000002.json')
  const other = join(directory, 'sig-ES256-old.json')
  await writeFile(
    copy,
    (await readFile(path, 'utf8')).replace('"generation": 1', '"generation": 2'),
    { mode: 0o600 },
  )
  await assert.rejects(open(), code('key_damaged'))
  await rename(copy, other)
  await assert.rejects(open(), code('key_damaged'))
  await rename(other, join(directory, '..', 'moved.json'))
  await symlink(join(directory, '..', 'moved.json'), copy)
  await assert.rejects(open(), code('key_damaged'))
  await unlink(copy)
  await mkdir(copy, { mode: 0o700 })
  await assert.rejects(open(), code('key_damaged'))
})

for (const mode of [0o640, 0o604, 0o660, 0o601]) {
  test(`a key file of mode ${mode.toString(8)} stops the opening`, async (t) => {
    const { directory, open } = await setUp(t)
    await open()
    await chmod(join(directory, 'sig-ES256-000001.json'), mode)
    await assert.rejects(open(), code('key_exposed'))
  })
}

test('a directory that others can enter stops the opening, even an empty one', async (t) => {
  const { directory, open } = await setUp(t)
  await mkdir(directory, { mode: 0o700 })
  await chmod(directory, 0o750)
  await assert.rejects(open(), code('key_exposed'))
  assert.deepEqual(await readdir(directory), [])
})

test('a file where the directory should be stops the opening', async (t) => {
  const { directory, open } = await setUp(t)
  await writeFile(directory, '')
  await assert.rejects(open(), code('key_storage'))
})

test('a reload that fails or finds an algorithm gone keeps the keys known so far', async (t) => {
  const { directory, open } = await setUp(t)
  const ring = await open()
  const { keyId } = ring.active('ES256')
  await unlink(join(directory, 'sig-ES256-000001.json'))
  await assert.rejects(ring.reload(), code('key_missing'))
  await writeFile(join(directory, 'sig-ES256-000001.json'), '', { mode: 0o600 })
  await assert.rejects(ring.reload(), code('key_damaged'))
  await assert.rejects(ring.rotate('ES256'), code('key_damaged'))
  assert.equal(ring.active('ES256').keyId, keyId)
  assert.notEqual(ring.find(keyId, 'ES256'), undefined)
})

test('a failure names the file and what to do, and prints nothing of the key', async (t) => {
  const { directory, open } = await setUp(t)
  await open()
  const path = join(directory, 'sig-ES256-000001.json')
  const content = await readFile(path, 'utf8')
  const secret = String(/"d": "([^"]+)"/.exec(content)?.[1])
  await writeFile(path, content.replace('"generation": 1', '"generation": 9'))
  await assert.rejects(open(), (failure: Error & { hint?: string }) => {
    assert.match(failure.message, /sig-ES256-000001\.json/)
    assert.match(String(failure.hint), /backup/)
    assert.equal(
      JSON.stringify([failure.message, failure.hint, failure.stack]).includes(secret),
      false,
    )
    return true
  })
})

test('a reload in the middle of rotations elsewhere sees one state or the next, never a failure', async (t) => {
  const { directory, clock, open } = await setUp(t)
  const here = await open()
  const there = await KeyRing.open({ directory, clock, algorithms: ['ES256'], overlap: millis(0) })
  const elsewhere = { isRotating: true }
  const reloads = Array.from({ length: 8 }, async () => {
    while (elsewhere.isRotating) await here.reload()
  })
  for (let at = 0; at < 20; at++) await there.rotate('ES256')
  elsewhere.isRotating = false
  await Promise.all(reloads)
  await here.reload()
  assert.equal(here.active('ES256').keyId, there.active('ES256').keyId)
})

import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { call } from '../kit/http.ts'
import { configurationFile, proofgate, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { operationsConfiguration, startService, until } from '../kit/operations.ts'
import { SoftPerson } from '../kit/person.ts'

const service = await startService()
const file = configurationFile(operationsConfiguration(service))
const started: GatewayProcess[] = []
after(async () => {
  service.close()
  await Promise.all(started.map((gateway) => gateway.kill()))
})

async function start(dataDirectory?: string): Promise<GatewayProcess> {
  const gateway = await startGateway({
    command: ['serve', '--config', file],
    ...(dataDirectory === undefined ? {} : { dataDirectory }),
  })
  started.push(gateway)
  return gateway
}

/** An installation with one credential, a few sessions and records, stopped in order. */
const whole = await (async () => {
  const old = process.umask(0)
  const gateway = await start()
  process.umask(old)
  const person = new SoftPerson(gateway)
  assert.equal((await person.enrolByLink(gateway.enrolment?.link ?? '')).status, 200)
  for (let count = 0; count < 5; count++) await call(`${gateway.api}/open`)
  const copy = join(temporaryDirectory(), 'backup')
  const where = ['--config', file, '--data-dir', gateway.dataDirectory]
  assert.equal((await proofgate(['backup', copy, ...where])).code, 0)
  const running = everyMode(gateway.dataDirectory)
  assert.equal(await gateway.stop(), 0)
  return { directory: gateway.dataDirectory, running, copy }
})()

function everyMode(directory: string): Map<string, number> {
  const modes = new Map([['', statSync(directory).mode]])
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    modes.set(path, statSync(path).mode)
  }
  return modes
}

function copyOfWhole(): string {
  const directory = join(temporaryDirectory(), 'data')
  cpSync(whole.directory, directory, { recursive: true })
  return directory
}

async function tryServe(directory: string) {
  const args = ['serve', '--config', file, '--data-dir', directory]
  return proofgate([...args, '--port', '0', '--admin-port', '0', '--json'])
}

test('whatever the umask, directories are 0700 and files 0600', () => {
  const all = [...whole.running, ...everyMode(whole.directory), ...everyMode(whole.copy)]
  assert.ok(all.length > 20)
  for (const [path, mode] of all) {
    const isDirectory = (mode & 0o170000) === 0o040000
    const allowed = isDirectory ? 0o700 : path.endsWith('.pub') ? 0o644 : 0o600
    assert.equal(mode & 0o777 & ~allowed, 0, `${path} is 0${(mode & 0o777).toString(8)}`)
  }
})

test('an installation that is whole starts again without a first enrolment', async () => {
  const gateway = await start(copyOfWhole())
  assert.equal(gateway.enrolment, null)
  assert.equal(await gateway.stop(), 0)
})

const database = (directory: string): string => join(directory, 'proofgate.db')
const audit = (directory: string, name: string): string => join(directory, 'audit', name)

function removeAll(directory: string, matches: RegExp): void {
  for (const name of readdirSync(directory)) {
    if (matches.test(name)) rmSync(join(directory, name), { recursive: true })
  }
}

function segmentOf(directory: string): string {
  const name = readdirSync(join(directory, 'audit')).find((one) => one !== 'checkpoint')
  return audit(directory, name ?? '')
}

/** Changes one character inside a record, so that it stays a line of JSON. */
function changeRecord(directory: string, at: number): void {
  const path = segmentOf(directory)
  const lines = readFileSync(path, 'latin1').split('\n')
  const records = lines.flatMap((line, index) => (line.startsWith('{"action"') ? [index] : []))
  const index = records[at] ?? -1
  const line = lines[index] ?? ''
  lines[index] = line.replace(
    /"outcome":"(\w)/,
    (_, first: string) => `"outcome":"${first === 'x' ? 'y' : 'x'}`,
  )
  assert.notEqual(lines[index], line)
  writeFileSync(path, lines.join('\n'), 'latin1')
}

const damages: [string, (directory: string) => void, RegExp][] = [
  ['the database is missing', (d) => removeAll(d, /^proofgate\.db/), /storage\.damaged/],
  [
    'the database and the marker are missing',
    (d) => removeAll(d, /^(?:proofgate\.db|installation)/),
    /storage\.damaged/,
  ],
  [
    'the database is empty',
    (d) => {
      removeAll(d, /^proofgate\.db-/)
      truncateSync(database(d), 0)
    },
    /storage\.damaged/,
  ],
  [
    'the database is a directory',
    (d) => {
      removeAll(d, /^proofgate\.db/)
      mkdirSync(database(d))
    },
    /storage\.damaged/,
  ],
  [
    'the header of the database is overwritten',
    (d) => {
      removeAll(d, /^proofgate\.db-/)
      const bytes = readFileSync(database(d))
      writeFileSync(database(d), bytes.fill(0x41, 0, 100))
    },
    /storage\.damaged/,
  ],
  [
    'a page of the database is overwritten',
    (d) => {
      removeAll(d, /^proofgate\.db-/)
      const bytes = readFileSync(database(d))
      writeFileSync(database(d), bytes.fill(0x41, 4096, 12_288))
    },
    /storage\.damaged/,
  ],
  [
    'the database is another program\u2019s',
    (d) => {
      removeAll(d, /^proofgate\.db/)
      const other = new DatabaseSync(database(d))
      other.exec('CREATE TABLE notes (text TEXT)')
      other.close()
    },
    /storage\.damaged/,
  ],
  [
    'the database is of a later release',
    (d) => {
      const later = new DatabaseSync(database(d))
      later.exec('PRAGMA user_version = 900')
      later.close()
    },
    /storage\.from_the_future/,
  ],
  ['the keys are missing', (d) => removeAll(join(d, 'keys'), /./), /storage\.damaged/],
  [
    'the issuer\u2019s keys are missing',
    (d) => removeAll(join(d, 'keys'), /^sig-/),
    /storage\.damaged/,
  ],
  [
    'the key of the audit log is missing',
    (d) => removeAll(join(d, 'keys'), /^audit\.key$/),
    /storage\.damaged|audit\.incomplete/,
  ],
  [
    'a signing key is damaged',
    (d) => {
      const name = readdirSync(join(d, 'keys')).find((one) => one.startsWith('sig-ES256')) ?? ''
      writeFileSync(join(d, 'keys', name), '{"kty":')
    },
    /token\.[a-z_]+|storage\.damaged|keys\.[a-z_]+/,
  ],
  [
    'the cookie secret is damaged',
    (d) => writeFileSync(join(d, 'keys', 'cookie.secret'), 'x'),
    /storage\.damaged/,
  ],
  [
    'the audit log is missing',
    (d) => rmSync(join(d, 'audit'), { recursive: true }),
    /audit\.incomplete/,
  ],
  ['the checkpoint is missing', (d) => rmSync(audit(d, 'checkpoint')), /audit\.incomplete/],
  ['the audit log is cut', (d) => truncateSync(segmentOf(d), 2000), /audit\.(?:cut|damaged)/],
  ['a record was changed', (d) => changeRecord(d, 3), /audit\.damaged/],
]

for (const [name, damage, expected] of damages) {
  test(`serve refuses to start, and begins nothing new, when ${name}`, async () => {
    const directory = copyOfWhole()
    damage(directory)
    const before = [...everyMode(directory).keys()].filter((path) => !path.includes('/run'))
    const { code, stdout, stderr } = await tryServe(directory)
    assert.equal(code, 1, stdout)
    assert.equal(stdout, '')
    const { error } = JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '')
    assert.match(error.code, expected, stderr)
    assert.ok(error.hint.length > 10, 'it says nothing of what to do')
    assert.doesNotMatch(stderr, /\n {4}at /, 'a stack is no message')
    const left = [...everyMode(directory).keys()].filter((path) => !path.includes('/run'))
    const begun = left.filter((path) => !before.includes(path) && !/-(?:wal|shm)$/.test(path))
    assert.deepEqual(begun, [])
  })
}

test('verify names the record that was changed, and ends with 1', async () => {
  const directory = copyOfWhole()
  changeRecord(directory, 3)
  const args = ['audit', 'verify', '--config', file, '--data-dir', directory]
  const [plain, json, doctor] = await Promise.all([
    proofgate(args),
    proofgate([...args, '--json']),
    proofgate(['doctor', '--config', file, '--data-dir', directory, '--json']),
  ])
  assert.equal(plain.code, 1)
  assert.match(plain.stdout, /the audit log is NOT proven\nrecord 3: /)
  assert.match(plain.stderr, /first bad record: 3/)
  assert.equal(json.code, 1)
  assert.equal(JSON.parse(json.stdout).firstBad.index, 3)
  assert.equal(doctor.code, 1)
  const finding = JSON.parse(doctor.stdout).findings.find((one: any) => one.check === 'audit log')
  assert.equal(finding.ok, false)
})

test('verify without its key, or with one that is not there, says so in words', async () => {
  const directory = copyOfWhole()
  rmSync(join(directory, 'keys', 'audit.pub'))
  const args = ['audit', 'verify', '--config', file, '--data-dir', directory, '--json']
  for (const more of [[], ['--key', '/nowhere.pub'], ['--checkpoint', '/nowhere']]) {
    const { code, stdout, stderr } = await proofgate([...args, ...more])
    assert.equal(code, 1, stdout)
    const { error } = JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '')
    assert.notEqual(error.code, 'internal', stderr)
  }
})

test('when no more can be written requests are refused unseen by the service, and work again after', async (context) => {
  const gateway = await start(copyOfWhole())
  const pid = String(gateway.child.pid)
  const segment = segmentOf(gateway.dataDirectory)
  const limit = (bytes: string): void => {
    execFileSync('prlimit', ['--pid', pid, `--fsize=${bytes}:unlimited`])
  }
  try {
    limit('unlimited')
  } catch {
    context.diagnostic('this machine has no prlimit; a full disk was not tried')
    await gateway.stop()
    return
  }
  const answered: string[] = []
  limit(String(statSync(segment).size + 3000))
  let status = 200
  for (let count = 0; count < 50 && status === 200; count++) {
    const answer = await call(`${gateway.api}/open`)
    status = answer.status
    if (status === 200) answered.push(String(answer.headers['x-request-id']))
  }
  assert.equal(status, 503)
  service.seen.length = 0
  for (let count = 0; count < 5; count++) {
    const refused = await call(`${gateway.api}/open`)
    assert.equal(refused.status, 503, refused.text)
    assert.equal(refused.json().title.length > 0, true)
  }
  assert.deepEqual(service.seen, [])
  assert.equal((await call(`${gateway.admin}/healthz`)).status, 200)
  limit('unlimited')
  await until('it takes requests again', async () => {
    const answer = await call(`${gateway.api}/open`)
    if (answer.status === 200) answered.push(String(answer.headers['x-request-id']))
    return answer.status === 200
  })
  assert.equal(await gateway.stop(), 0)
  const where = ['--config', file, '--data-dir', gateway.dataDirectory, '--json']
  assert.equal((await proofgate(['audit', 'verify', ...where])).code, 0)
  const log = readFileSync(segment, 'latin1')
  for (const id of answered)
    assert.ok(log.includes(`"id":"${id}"`), `${id} was answered but not kept`)
})

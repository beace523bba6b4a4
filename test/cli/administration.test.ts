import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { call } from '../kit/http.ts'
import {
  configurationFile,
  program,
  proofgate,
  startGateway,
  temporaryDirectory,
} from '../kit/gateway.ts'
import { operationsConfiguration, startService } from '../kit/operations.ts'
import { SoftPerson } from '../kit/person.ts'

const service = await startService()
const file = configurationFile(operationsConfiguration(service))
const gateway = await startGateway({ command: ['serve', '--config', file] })
const data = gateway.dataDirectory
const admin = new SoftPerson(gateway)
const enrolled = await admin.enrolByLink(gateway.enrolment?.link ?? '')
assert.equal(enrolled.status, 200, enrolled.text)
after(async () => {
  service.close()
  await gateway.kill()
})

/** Behind `--` stands what may begin with a dash: the id of a passkey does, now and then. */
async function run(...args: readonly string[]) {
  const options = args.includes('--') ? args.indexOf('--') : args.length
  const where = ['--data-dir', data, '--config', file]
  return proofgate([...args.slice(0, options), ...where, ...args.slice(options)])
}

async function answerOf(...args: readonly string[]): Promise<any> {
  const { code, stdout, stderr } = await run(...args, '--json')
  assert.equal(code, 0, `${args.join(' ')}: ${stderr}`)
  return JSON.parse(stdout)
}

async function refusalOf(...args: readonly string[]): Promise<{ code: string; message: string }> {
  const { code, stdout, stderr } = await run(...args.slice(0, 2), '--json', ...args.slice(2))
  assert.equal(code, 1, `${args.join(' ')}: ${stdout}`)
  assert.equal(stdout, '')
  return JSON.parse(stderr).error
}

/** The same questions, asked of the running server and later of the files it left. */
async function survey() {
  const [status, people, credentials, ofAdmin, sessions, keys, allowed, denied, unknown] =
    await Promise.all([
      answerOf('status'),
      answerOf('people', 'list'),
      answerOf('credentials', 'list'),
      answerOf('credentials', 'list', 'admin'),
      answerOf('sessions', 'list'),
      answerOf('keys', 'list'),
      run('explain', 'GET', `${gateway.api}/orders/1`, '--as', 'admin', '--json'),
      run('explain', 'get', `${gateway.api}/orders/1`, '--as', 'bob', '--json'),
      run('explain', 'GET', `${gateway.api}/nowhere`, '--as', 'admin', '--json'),
    ])
  const explained = [allowed, denied, unknown].map(({ code, stdout }) => ({
    code,
    answer: JSON.parse(stdout),
  }))
  const { version: _, audit: __, ...facts } = status
  return { facts, people, credentials, ofAdmin, sessions, keys, explained }
}

/** One at a time, because without a server each holds the directory. */
async function surveyOffline(): Promise<Awaited<ReturnType<typeof survey>>> {
  const status = await answerOf('status')
  const { version: _, audit: __, ...facts } = status
  const people = await answerOf('people', 'list')
  const credentials = await answerOf('credentials', 'list')
  const ofAdmin = await answerOf('credentials', 'list', 'admin')
  const sessions = await answerOf('sessions', 'list')
  const keys = await answerOf('keys', 'list')
  const explained = []
  for (const args of [
    ['GET', '/orders/1', 'admin'],
    ['get', '/orders/1', 'bob'],
    ['GET', '/nowhere', 'admin'],
  ]) {
    const [method = '', path = '', as = ''] = args
    const one = await run('explain', method, `${gateway.api}${path}`, '--as', as, '--json')
    explained.push({ code: one.code, answer: JSON.parse(one.stdout) })
  }
  return { facts, people, credentials, ofAdmin, sessions, keys, explained }
}

test('people are added, invited, put in groups, disabled and enabled through the running server', async () => {
  const added = await answerOf('people', 'add', 'bob', '--name', 'Bob Example')
  assert.deepEqual(added.groups, [])
  assert.equal((await refusalOf('people', 'add', 'bob')).code, 'identity.person_exists')
  assert.equal((await refusalOf('people', 'add', 'Bob!')).code, 'identity.username_malformed')
  assert.equal((await refusalOf('people', 'groups', 'bob', 'wizards')).code, 'admin.unknown_group')
  assert.equal((await refusalOf('people', 'disable', 'nobody')).code, 'identity.unknown_person')
  const moved = await answerOf('people', 'groups', 'bob', 'readers')
  assert.deepEqual(moved.groups, ['readers'])
  assert.equal((await answerOf('people', 'disable', 'bob')).disabled, true)
  assert.equal((await answerOf('people', 'enable', 'bob')).disabled, false)

  const invited = await answerOf('invite', 'carol', '--name', 'Carol', '--group', 'readers')
  const [plain, again] = await Promise.all([run('invite', 'carol'), run('people', 'list')])
  assert.match(plain.stdout, /^http:\/\/auth\.\S+\/enrol\/\S+\n\n[\s\S]*works once, until \d{4}-/)
  assert.match(again.stdout, /^USERNAME +NAME +GROUPS +CREDENTIALS +DISABLED\n/)
  assert.match(again.stdout, /^carol +Carol +readers +0 +false$/m)
  assert.match(invited.link, /\/enrol\/[A-Za-z0-9_-]{43}$/)
})

test('a session that is ended on the command line is refused at once', async () => {
  const other = new SoftPerson(gateway, admin.authenticator)
  const signedIn = await other.signIn()
  assert.equal(signedIn.status, 200, signedIn.text)
  const page = `${gateway.identity}/account`
  assert.equal((await other.client.call(page)).status, 200)
  const before = await answerOf('sessions', 'list')
  const last = before.sessions.toSorted((a: any, b: any) => (a.createdAt < b.createdAt ? 1 : -1))[0]
  await answerOf('sessions', 'end', last.id)
  assert.notEqual((await other.client.call(page)).status, 200)
  assert.equal((await admin.client.call(page)).status, 200)
  assert.equal((await refusalOf('sessions', 'end', last.id)).code, 'admin.unknown_session')
  assert.equal((await refusalOf('sessions', 'end', '../people')).code, 'admin.unknown_session')
})

test('keys rotate one algorithm at a time, and the old ones stay published', async () => {
  const before = await answerOf('keys', 'list')
  const rotated = await answerOf('keys', 'rotate', '--algorithm', 'ES256')
  assert.equal(rotated.active.length, 1)
  assert.equal(rotated.keys.length, before.keys.length + 1)
  assert.equal(
    (await refusalOf('keys', 'rotate', '--algorithm', 'none')).code,
    'admin.input_malformed',
  )
  const published = (await call(`${gateway.issuer}/.well-known/jwks.json`)).json()
  const ids = published.keys.map((key: any) => key.kid)
  for (const key of rotated.keys) assert.ok(ids.includes(key.id), `${key.id} is not published`)
  assert.doesNotMatch(JSON.stringify(rotated), /"d"|"p"|PRIVATE/)
})

test('the last passkey of a person is only removed when that is said', async () => {
  const { credentials } = await answerOf('credentials', 'list', 'admin')
  assert.equal(credentials.length, 1)
  assert.equal(
    (await refusalOf('credentials', 'remove', '--', credentials[0].id)).code,
    'identity.last_credential',
  )
  assert.equal(
    (await refusalOf('credentials', 'remove', 'AAAA')).code,
    'identity.unknown_credential',
  )
})

test('explain ends with 0 for yes, 2 for no and 1 for a question it cannot answer', async () => {
  const yes = await run('explain', 'GET', `${gateway.api}/orders/1`, '--as', 'admin')
  assert.equal(yes.code, 0)
  assert.match(yes.stdout, /answer: allow/)
  assert.match(yes.stdout, /everything/)
  const [no, elsewhere, nobody, word] = await Promise.all([
    run('explain', 'GET', `${gateway.api}/orders/1`),
    run('explain', 'GET', 'http://elsewhere.localhost/orders/1'),
    run('explain', 'GET', `${gateway.api}/orders/1`, '--as', 'ghost'),
    run('explain', 'GET', 'orders/1'),
  ])
  assert.equal(no.code, 2, no.stderr)
  assert.match(no.stdout, /answer: deny/)
  for (const one of [nobody, word]) assert.equal(one.code, 1, one.stdout)
  assert.notEqual(elsewhere.code, 0)
})

test('a second server on the data directory is refused with the process that holds it', async () => {
  const second = await run('serve', '--port', '0', '--admin-port', '0')
  assert.equal(second.code, 1)
  assert.match(second.stderr, new RegExp(`in use by process ${gateway.child.pid}`))
  assert.match(second.stderr, /Stop it first/)
  assert.equal((await call(`${gateway.admin}/readyz`)).status, 200)
})

test('a port that is taken is a clear error, and the process ends', async () => {
  const taken = new URL(gateway.api).port
  const other = ['--data-dir', temporaryDirectory()]
  const [started, upped, adminTaken] = await Promise.all([
    proofgate(['start', '--port', taken, '--admin-port', '0', ...other]),
    proofgate([
      'up',
      service.url,
      '--port',
      taken,
      '--admin-port',
      '0',
      '--data-dir',
      temporaryDirectory(),
    ]),
    proofgate([
      'up',
      service.url,
      '--port',
      '0',
      '--admin-port',
      taken,
      '--data-dir',
      temporaryDirectory(),
    ]),
  ])
  for (const { code, stdout, stderr } of [started, upped, adminTaken]) {
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(stderr, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${taken}\n {2}\\S`))
  }
})

test('doctor looks at a running installation and finds it well', async () => {
  const { findings } = await answerOf('doctor')
  assert.ok(
    findings.every((one: any) => one.ok),
    JSON.stringify(findings),
  )
  assert.deepEqual(
    findings.map((one: any) => one.check),
    ['node', 'configuration', 'data directory', 'audit log', 'server', 'names'],
  )
  assert.equal(findings[4].found, 'running and ready')
})

test('tail, show and verify read the audit log while it is written', async () => {
  const answered = await call(`${gateway.api}/open`)
  assert.equal(answered.status, 200)
  const id = String(answered.headers['x-request-id'])
  const shown = await answerOf('audit', 'show', id)
  assert.equal(shown.what.path, '/open')
  const { stdout } = await run('audit', 'tail', '-n', '5', '--kind', 'decision', '--json')
  const records = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.ok(records.length <= 5)
  assert.ok(records.some((record) => record.id === id))
  assert.ok(records.every((record) => record.kind === 'decision'))
  assert.equal((await answerOf('audit', 'verify')).ok, true)
  assert.equal((await refusalOf('audit', 'show', 'nobody-asked')).code, 'audit.unknown_record')
})

test('a backup that cannot be made is refused, and the server goes on', async () => {
  assert.equal((await refusalOf('backup', data)).code, 'admin.backup_not_empty')
  assert.equal((await refusalOf('backup', '/proc/nowhere/copy')).code, 'admin.backup_impossible')
  assert.equal((await refusalOf('backup', file)).code, 'admin.backup_impossible')
  assert.equal((await call(`${gateway.admin}/readyz`)).status, 200)
})

test('a backup leaves out what is about to replace a file', async () => {
  const half = join(data, 'audit', 'half.new')
  writeFileSync(half, 'ha')
  const copy = join(temporaryDirectory(), 'copy')
  await answerOf('backup', copy)
  rmSync(half)
  const copied = readdirSync(join(copy, 'audit'))
  assert.ok(copied.includes('checkpoint'))
  assert.deepEqual(
    copied.filter((name) => name.endsWith('.new')),
    [],
  )
})

test('a command that lacks what it works on says so and changes nothing', async () => {
  const [nobody, kind] = await Promise.all([
    run('sessions', 'end'),
    run('audit', 'tail', '--kind', 'nonsense'),
  ])
  assert.equal(nobody.code, 1)
  assert.match(nobody.stderr, /name a session or `--person`/)
  assert.equal(kind.code, 1)
  assert.match(kind.stderr, /Allowed choices are decision, ceremony/)
})

test('a data directory that is mistyped is named, and nothing is made of it', async () => {
  const typo = join(temporaryDirectory(), 'proofgat')
  const other = temporaryDirectory()
  chmodSync(other, 0o755)
  const commands = [
    ['status'],
    ['people', 'list'],
    ['people', 'add', 'eve'],
    ['invite', 'admin'],
    ['keys', 'rotate'],
    ['explain', 'GET', `${gateway.api}/orders/1`],
    ['backup', join(other, 'copy')],
  ]
  await Promise.all(
    commands.flatMap((command) =>
      [typo, other].map(async (directory) => {
        const tried = await proofgate([...command, '--data-dir', directory, '--json'])
        assert.equal(tried.code, 1, `${command.join(' ')}: ${tried.stdout}`)
        const { error } = JSON.parse(tried.stderr)
        assert.equal(error.code, 'storage.not_installed')
        assert.ok(error.message.includes(`no installation in ${directory}`), error.message)
      }),
    ),
  )
  assert.equal(existsSync(typo), false)
  assert.deepEqual(readdirSync(other), [])
  assert.equal(statSync(other).mode & 0o777, 0o755)
})

test('a reader that stops early ends the command without a stack', async () => {
  const args = ['audit', 'tail', '-n', '1000', '--json', '--data-dir', data, '--config', file]
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  child.stdout.destroy()
  const code = await new Promise((resolve) => {
    child.once('close', resolve)
  })
  assert.equal(errors, '')
  assert.equal(code, 0)
})

test('reload answers the version in force', async () => {
  const before = await answerOf('status')
  assert.equal((await answerOf('reload')).configuration, before.configuration)
})

test('after the server is gone each command answers from the files what it answered before', async () => {
  const running = await survey()
  const invited = await answerOf('invite', 'dora')
  assert.equal(await gateway.stop(), 0)
  assert.ok(!existsSync(join(data, 'run', 'server.json')))
  const { people, facts, ...offline } = await surveyOffline()
  const { people: peopleBefore, facts: factsBefore, ...before } = running
  assert.deepEqual(offline, before)
  assert.deepEqual(
    people.people.filter((one: any) => one.username !== 'dora'),
    peopleBefore.people,
  )
  assert.equal(facts.credentials, factsBefore.credentials)
  assert.equal(facts.configuration, factsBefore.configuration)
  assert.match(invited.link, /enrol/)
  assert.equal((await answerOf('people', 'disable', 'bob')).disabled, true)
  assert.equal((await refusalOf('reload')).code, 'admin.server_needed')
  assert.equal((await answerOf('audit', 'verify')).ok, true)
  const { stdout } = await run('audit', 'tail', '--kind', 'administration', '--json', '-n', '1')
  assert.equal(JSON.parse(stdout).action, 'person.disable')
})

test('a backup is private, verifies by itself, and starts', async () => {
  const copy = join(temporaryDirectory(), 'copy')
  const made = await answerOf('backup', copy)
  assert.equal(made.directory, copy)
  assert.doesNotMatch(JSON.stringify(made), /secret|PRIVATE/i)
  for (const entry of readdirSync(copy, { recursive: true, withFileTypes: true })) {
    const mode = statSync(join(entry.parentPath, entry.name)).mode & 0o077
    assert.equal(mode, 0, `${entry.name} can be read by others`)
  }
  assert.equal(statSync(copy).mode & 0o777, 0o700)
  assert.equal((await refusalOf('backup', copy)).code, 'admin.backup_not_empty')
  const verified = await proofgate([
    'audit',
    'verify',
    '--data-dir',
    copy,
    '--config',
    file,
    '--json',
  ])
  assert.equal(verified.code, 0, verified.stdout)
  const restored = await startGateway({
    command: ['serve', '--config', file],
    dataDirectory: copy,
    port: Number(new URL(gateway.api).port),
  })
  try {
    assert.equal(restored.enrolment, null)
    const again = new SoftPerson(restored, admin.authenticator)
    assert.equal((await again.signIn()).status, 200)
  } finally {
    await restored.stop()
  }
})

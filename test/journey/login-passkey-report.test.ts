import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import {
  administer,
  databaseOf,
  enrolled,
  inDatabase,
  startHouse,
  startRecorder,
} from '../kit/flows.ts'
import { proofgate } from '../kit/gateway.ts'
import { SoftAuthenticator } from '../kit/soft-authenticator.ts'

const day = 86_400_000
const recorder = await startRecorder()
const gateway = await startHouse(recorder, {
  text: 'passkeys: { rotateAfter: 365d, unusedFor: 180d, atLeast: { members: 3 } }\n',
})
after(async () => {
  await gateway.kill()
  recorder.close()
})

/** Moves a passkey into the past. */
function age(id: string, days: number, idle: number): void {
  const now = Date.now()
  inDatabase(databaseOf(gateway), (database) =>
    database
      .prepare('UPDATE credential SET created_at = ?, last_used_at = ? WHERE id = ?')
      .run(now - days * day, now - idle * day, id),
  )
}

test('the report says where each passkey stands, and who has too few', async () => {
  const alice = await enrolled(gateway, 'alice')
  await enrolled(gateway, 'bob')
  const more = []
  for (const _ of [1, 2]) {
    const added = await enrolled(gateway, 'alice', new SoftAuthenticator())
    more.push(added.authenticator.credentials[0]!.id)
  }
  age(alice.authenticator.credentials[0]!.id, 340, 0)
  age(more[0]!, 370, 1)
  age(more[1]!, 200, 190)
  const report = (await administer(gateway, 'GET', '/v1/credentials/report')).json()
  const standings = report.credentials.map((row: any) => [row.username, row.standing])
  assert.deepEqual(standings.sort(), [
    ['alice', 'due'],
    ['alice', 'overdue'],
    ['alice', 'unused'],
    ['bob', 'current'],
  ])
  assert.deepEqual(report.people, [{ username: 'bob', credentials: 1, wanted: 3 }])
  const [due] = report.credentials.filter((row: any) => row.standing === 'due')
  assert.deepEqual([due.attested, due.synced], [false, false])
  const left = Date.parse(due.replaceBy) - Date.now()
  assert.ok(left > 24 * day && left <= 25 * day, due.replaceBy)
})

test('the command prints the same, all of it or what is due only', async () => {
  const args = ['credentials', 'report', '--data-dir', gateway.dataDirectory]
  const all = await proofgate(args)
  assert.equal(all.code, 0, all.stderr)
  assert.match(all.stdout, /^bob .* current /m)
  assert.match(all.stdout, /^bob has 1, should have 3$/m)
  const due = await proofgate([...args, '--due', '--json'])
  const rows = JSON.parse(due.stdout).credentials as { username: string }[]
  assert.deepEqual([...new Set(rows.map(({ username }) => username))], ['alice'])
  assert.equal(rows.length, 3)
})

test('doctor counts them', async () => {
  const answer = await proofgate(['doctor', '--data-dir', gateway.dataDirectory, '--json'])
  const { findings } = JSON.parse(answer.stdout) as { findings: { check: string; found: string }[] }
  const [found] = findings.filter(({ check }) => check === 'passkeys')
  assert.equal(
    found?.found,
    '3 to be replaced, 1 people with fewer than their groups ask for',
    answer.stdout,
  )
})

import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { proofgate, temporaryDirectory } from '../kit/gateway.ts'

test('dev-ca makes one authority and certificates for the hosts of the configuration', async () => {
  const cwd = temporaryDirectory()
  const first = await proofgate(['dev-ca', '--json'], { cwd })
  assert.equal(first.code, 0, first.stderr)
  const made = JSON.parse(first.stdout)
  const certificate = new X509Certificate(readFileSync(made.server.cert))
  for (const host of ['auth', 'console', 'api']) {
    assert.ok(certificate.checkHost(`${host}.proofgate.localhost`), host)
  }
  assert.ok(certificate.checkIssued(new X509Certificate(readFileSync(made.ca))))
  assert.match(made.yaml, /certificates:\n.*\.proofgate\/dev-ca\/server\.pem/)
  for (const file of [made.server.key, made.server.cert, made.ca, join(made.ca, '../ca.key')]) {
    assert.equal(statSync(file).mode & 0o777, 0o600, file)
  }
  assert.equal(statSync(join(made.ca, '..')).mode & 0o777, 0o700)
  const authority = readFileSync(made.ca, 'utf8')
  const second = await proofgate(['dev-ca', '--client', 'alice', '--json'], { cwd })
  const { ca, client } = JSON.parse(second.stdout)
  assert.equal(readFileSync(ca, 'utf8'), authority)
  assert.equal(new X509Certificate(readFileSync(client.cert)).subject, 'CN=alice')
})

test('dev-ca helps before the files that the configuration names are there', async () => {
  const cwd = temporaryDirectory()
  writeFileSync(join(cwd, 'proofgate.yaml'), 'version: 1\nnonsense: true\n')
  const made = await proofgate(['dev-ca', '--json'], { cwd })
  assert.equal(made.code, 0)
  assert.match(made.stderr, /the configuration has problems/)
  const { server } = JSON.parse(made.stdout)
  const certificate = new X509Certificate(readFileSync(server.cert))
  assert.ok(certificate.checkHost('auth.proofgate.localhost'))
})

test('dev-ca says how to trust the authority, and what to write', async () => {
  const cwd = temporaryDirectory()
  const made = await proofgate(['dev-ca', '--out', 'here', '--host', 'a.localhost'], { cwd })
  for (const part of ['NODE_EXTRA_CA_CERTS', 'add-trusted-cert', 'Firefox', 'certificates:']) {
    assert.ok(made.stdout.includes(part), part)
  }
  assert.doesNotMatch(made.stdout, /PRIVATE KEY/)
  assert.ok(statSync(join(cwd, 'here/server.pem')).isFile())
})

test('dev-ca refuses names of elsewhere and an authority that lost a part', async () => {
  const cwd = temporaryDirectory()
  const foreign = await proofgate(['dev-ca', '--host', 'example.com'], { cwd })
  assert.equal(foreign.code, 1)
  assert.match(foreign.stderr, /not a name or address of this machine/)
  const traversing = await proofgate(['dev-ca', '--client', '../x'], { cwd })
  assert.equal(traversing.code, 1)
  rmSync(join(cwd, '.proofgate/dev-ca/ca.key'))
  const lost = await proofgate(['dev-ca'], { cwd })
  assert.equal(lost.code, 1)
  assert.match(lost.stderr, /cannot read/)
})

test('what dev-ca prints is a configuration that holds, and doctor says until when', async () => {
  const cwd = temporaryDirectory()
  const { yaml, server } = JSON.parse((await proofgate(['dev-ca', '--json'], { cwd })).stdout)
  writeFileSync(join(cwd, 'proofgate.yaml'), `version: 1\n${yaml}\n`)
  const checked = await proofgate(['check', '--json'], { cwd })
  assert.equal(checked.code, 0, checked.stdout)
  assert.deepEqual(JSON.parse(checked.stdout).warnings, [])
  const doctor = await proofgate(['doctor', '--json'], { cwd })
  const findings: { check: string; ok: boolean; found: string }[] = JSON.parse(
    doctor.stdout,
  ).findings
  const finding = findings.find(({ check }) => check === 'certificate')
  assert.equal(finding?.ok, true)
  const until = new X509Certificate(readFileSync(server.cert)).validToDate.toISOString()
  assert.ok(finding.found.endsWith(`until ${until.slice(0, 10)}`), finding.found)
})

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { newRoot } from '../kit/attestation/authority.ts'
import { proofgate, temporaryDirectory } from '../kit/gateway.ts'

const root = newRoot('Soft Root').certificate.toString('base64')
const pem = `-----BEGIN CERTIFICATE-----\n${root}\n-----END CERTIFICATE-----\n`

interface Finding {
  readonly check: string
  readonly ok: boolean
  readonly found: string
  readonly next?: string
  readonly note?: true
}

async function doctor(
  yaml: string,
  ...more: readonly string[]
): Promise<{ code: number | null; findings: Map<string, Finding> }> {
  const cwd = temporaryDirectory()
  writeFileSync(join(cwd, 'root.pem'), pem)
  writeFileSync(join(cwd, 'proofgate.yaml'), `version: 1\n${yaml}`)
  const { code, stdout } = await proofgate(['doctor', '--json', ...more], { cwd })
  const findings: readonly Finding[] = JSON.parse(stdout).findings
  return { code, findings: new Map(findings.map((one) => [one.check, one])) }
}

function unmet(findings: ReadonlyMap<string, Finding>): readonly string[] {
  return [...findings.values()].filter(({ ok }) => !ok).map(({ check }) => check)
}

test('doctor holds a preset against every requirement, and says what is not for it to meet', async () => {
  const { code, findings } = await doctor(
    'authenticators: { preset: aal3, trustAnchors: [{ file: root.pem }] }\n',
  )
  assert.deepEqual(unmet(findings), ['aal3 protected channel'])
  assert.equal(code, 1)
  const channel = findings.get('aal3 protected channel')
  assert.match(channel?.found ?? '', /^not met: sign-in is at http:/)
  assert.match(channel?.next ?? '', /TLS/)
  assert.match(findings.get('aal3 inactivity')?.found ?? '', /^met: sessions\.idle is 15m/)
  for (const check of ['validated cryptography', 'validated authenticators', 'recovery']) {
    assert.equal(findings.get(`aal3 ${check}`)?.note, true, check)
  }
})

test('doctor says what a configuration without a preset lacks for a level, and nothing unasked', async () => {
  const { code, findings } = await doctor('sessions: { idle: 2h }\n', '--assurance', 'aal3')
  assert.equal(code, 1)
  assert.deepEqual(unmet(findings), [
    'aal3 non-exportable keys',
    'aal3 no synced passkeys',
    'aal3 proof of hardware',
    'aal3 protected channel',
    'aal3 inactivity',
  ])
  const silent = await doctor('sessions: { idle: 2h }\n')
  assert.equal(silent.code, 0)
  assert.ok([...silent.findings.keys()].every((check) => !check.startsWith('aal')))
})

test('aal2 behind TLS is met, with a weaker counter policy it is not', async () => {
  const tls = 'origin: https://gate.example\n'
  const { findings } = await doctor(`${tls}authenticators: { preset: aal2 }\n`)
  assert.deepEqual(
    unmet(findings).filter((check) => check.startsWith('aal')),
    [],
  )
  const warns = await doctor(`${tls}authenticators: { clone: warn }\n`, '--assurance', 'aal2')
  assert.deepEqual(
    unmet(warns.findings).filter((check) => check.startsWith('aal')),
    ['aal2 copied keys'],
  )
})

test('another level is refused', async () => {
  const cwd = temporaryDirectory()
  writeFileSync(join(cwd, 'proofgate.yaml'), 'version: 1\n')
  const { code, stderr } = await proofgate(['doctor', '--assurance', 'aal4'], { cwd })
  assert.notEqual(code, 0)
  assert.match(stderr, /aal2, aal3/)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Json } from '../../src/core/index.ts'
import { parseEntries } from '../../src/metadata/entries.ts'
import { standingOn } from '../../src/metadata/status.ts'
import { newRoot } from '../kit/attestation/authority.ts'
import { entryOf } from '../kit/metadata.ts'

const one = '11111111-1111-1111-1111-111111111111'
const key = 'a'.repeat(40)
const root = newRoot('Maker Root')
const parse = (...entries: unknown[]) => parseEntries(entries as Json[])
const problemOf = (...entries: unknown[]): string => {
  const found = parse(...entries)
  return typeof found === 'string' ? found : ''
}
const day = '2026-06-01'
const report = (status: string, effectiveDate?: string, sunsetDate?: string) => ({
  status,
  effectiveDate,
  sunsetDate,
})

test('entries of FIDO2 and U2F models are kept, those of UAF and unknown members are not looked at', () => {
  const models = parse(
    { ...entryOf(one.toUpperCase(), ['REVOKED', 'A_NEW_STATUS'], [root.certificate]), more: [{}] },
    { attestationCertificateKeyIdentifiers: [key], statusReports: [] },
    { aaid: '4e4e#4005', statusReports: 'whatever' },
  )
  assert.ok(typeof models === 'object')
  const [first, second] = models
  assert.equal(models.length, 2)
  assert.equal(first?.aaguid, one)
  assert.deepEqual(
    first?.anchors.map(({ aaguids }) => aaguids),
    [[one]],
  )
  assert.deepEqual(
    first?.reports.map(({ status }) => status),
    ['REVOKED', 'A_NEW_STATUS'],
  )
  assert.deepEqual(second?.keyIdentifiers, [key])
  assert.equal(second?.aaguid, undefined)
})

test('a certificate of a maker that cannot be read vouches for nothing and harms nobody else', () => {
  const entry = entryOf(one, [], [root.certificate, Buffer.from('no certificate')])
  const models = parse(entry)
  assert.ok(typeof models === 'object')
  assert.equal(models[0]?.anchors.length, 1)
  assert.equal(models[0]?.unreadable, 1)
})

test('a model has one entry', () => {
  assert.match(problemOf(entryOf(one), entryOf(one)), /two entries/)
  const lower = 'aaaaaaaa-1111-1111-1111-111111111111'
  assert.match(problemOf(entryOf(lower), entryOf(lower.toUpperCase())), /two entries/)
  const u2f = { attestationCertificateKeyIdentifiers: [key], statusReports: [] }
  assert.match(problemOf(u2f, u2f), /two entries/)
})

test('a member that is used and has another type refuses the list', () => {
  const good = entryOf(one)
  const statement = good['metadataStatement'] as object
  for (const entry of [
    null,
    [],
    'text',
    { ...good, aaguid: 7 },
    { ...good, aaguid: 'nonsense' },
    { ...good, aaguid: '00000000-0000-0000-0000-000000000000' },
    { ...good, attestationCertificateKeyIdentifiers: key },
    { ...good, attestationCertificateKeyIdentifiers: ['AB'] },
    { ...good, metadataStatement: [] },
    { ...good, metadataStatement: { ...statement, description: 7 } },
    { ...good, metadataStatement: { ...statement, attestationRootCertificates: 'x' } },
    { ...good, metadataStatement: { ...statement, attestationRootCertificates: [7] } },
    { ...good, statusReports: undefined },
    { ...good, statusReports: {} },
    { ...good, statusReports: [null] },
    { ...good, statusReports: [{}] },
    { ...good, statusReports: [{ status: 7 }] },
    { ...good, statusReports: [{ status: 'REVOKED', effectiveDate: 7 }] },
    { ...good, statusReports: [{ status: 'REVOKED', effectiveDate: 'soon' }] },
    { ...good, statusReports: [{ status: 'REVOKED', sunsetDate: '2024-13-01' }] },
    { ...good, statusReports: Array.from({ length: 501 }, () => ({ status: 'REVOKED' })) },
  ]) {
    assert.equal(typeof parse(entry), 'string', JSON.stringify(entry)?.slice(0, 200))
  }
})

test('each status has its verdict; unknown ones say nothing', () => {
  const block = [
    'REVOKED',
    'RETIRED',
    'USER_VERIFICATION_BYPASS',
    'ATTESTATION_KEY_COMPROMISE',
    'USER_KEY_REMOTE_COMPROMISE',
    'USER_KEY_PHYSICAL_COMPROMISE',
  ]
  for (const status of block) {
    const standing = standingOn([report('FIDO_CERTIFIED_L2', '2020-01-01'), report(status)], day)
    assert.equal(standing.verdict, 'block')
    assert.deepEqual(standing.reasons, [status])
  }
  assert.equal(standingOn([report('UPDATE_AVAILABLE')], day).verdict, 'warn')
  for (const status of [
    'FIDO_CERTIFIED',
    'NOT_FIDO_CERTIFIED',
    'FIPS140_CERTIFIED_L1',
    'A_NEW_ONE',
    'revoked',
  ]) {
    assert.equal(standingOn([report(status)], day).verdict, 'allow', status)
  }
  assert.deepEqual(standingOn([], day), { verdict: 'allow', reasons: [], certification: undefined })
})

test('one report that blocks is enough, before or after a fix', () => {
  const compromise = report('USER_VERIFICATION_BYPASS', '2024-01-01')
  const fix = report('UPDATE_AVAILABLE', '2024-02-01')
  assert.equal(standingOn([compromise, fix], day).verdict, 'block')
  assert.equal(standingOn([fix, compromise], day).verdict, 'block')
})

test('a report counts from its first day on and before its last', () => {
  const verdict = (from?: string, until?: string) =>
    standingOn([report('REVOKED', from, until)], day).verdict
  assert.equal(verdict('2026-06-01'), 'block')
  assert.equal(verdict('2026-06-02'), 'allow')
  assert.equal(verdict(undefined, '2026-06-02'), 'block')
  assert.equal(verdict(undefined, '2026-06-01'), 'allow')
  assert.equal(verdict('2026-01-01', '2026-05-01'), 'allow')
})

test('the level is that of the last report about certification', () => {
  const level = (...reports: ReturnType<typeof report>[]) => standingOn(reports, day).certification
  assert.equal(level(report('FIDO_CERTIFIED')), 'L1')
  assert.equal(level(report('FIDO_CERTIFIED_L3plus')), 'L3+')
  assert.equal(
    level(report('FIDO_CERTIFIED_L2', '2022-01-01'), report('FIDO_CERTIFIED_L1', '2020-01-01')),
    'L2',
  )
  assert.equal(
    level(report('FIDO_CERTIFIED_L2', '2022-01-01'), report('NOT_FIDO_CERTIFIED', '2023-01-01')),
    undefined,
  )
  assert.equal(
    level(report('FIDO_CERTIFIED_L2', '2020-01-01'), report('FIDO_CERTIFIED_L3', '2027-01-01')),
    'L2',
  )
  assert.equal(level(report('FIPS140_CERTIFIED_L3')), undefined)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newRoot } from '../kit/attestation/authority.ts'
import { configurationOf, filesOf, placed, problemsOf, small } from './given.ts'

const root = newRoot('Soft Root').certificate.toString('base64')
const pem = `-----BEGIN CERTIFICATE-----\n${root}\n-----END CERTIFICATE-----\n`
const readFile = filesOf({ '/etc/pg/root.pem': pem })
const minutes = (count: number): number => count * 60_000

const aal2 = `${small}authenticators: { preset: aal2 }\n`
const aal3 = `${small}authenticators: { preset: aal3, trustAnchors: [{ file: root.pem }] }\n`

function codes(text: string): readonly string[] {
  return placed(problemsOf(text, { readFile })).map((line) => line.split(' ')[1] ?? '')
}

test('aal2 keeps defaults that are strict enough, and asks for no hardware', () => {
  const { authenticators, sessions, tokens } = configurationOf(aal2)
  const plain = configurationOf(small)
  assert.equal(authenticators.preset, 'aal2')
  assert.equal(authenticators.allow, 'any')
  assert.deepEqual([sessions, tokens], [plain.sessions, plain.tokens])
})

test('aal3 sets every option that it asks for', () => {
  const { authenticators, sessions, tokens } = configurationOf(aal3, { readFile })
  assert.equal(authenticators.allow, 'hardware-only')
  assert.equal(authenticators.signIn, 'hardware-only')
  assert.equal(authenticators.attestation, 'direct')
  assert.equal(authenticators.clone, 'block')
  assert.equal(authenticators.certification, undefined)
  assert.equal(sessions.idle, minutes(15))
  assert.equal(sessions.absolute, minutes(720))
  assert.equal(tokens.refreshLifetime, minutes(720))
  const withMetadata = configurationOf(
    `${small}authenticators: { preset: aal3, metadata: { roots: [root.pem] } }\n`,
    { readFile },
  )
  assert.equal(withMetadata.authenticators.certification, 'L1')
})

test('what a preset sets is derived, and another configuration than without it', () => {
  const { effective, version } = configurationOf(aal3, { readFile })
  const idle = effective.find(({ path }) => path === 'sessions.idle')
  assert.deepEqual([idle?.value, idle?.source], ['15m', 'derived'])
  assert.notEqual(version, configurationOf(aal3.replace('aal3', 'aal2'), { readFile }).version)
})

test('what is written and as strict or stricter stays as it is written', () => {
  const text = `${small}authenticators:
  preset: aal3
  attestation: enterprise
  certification: L2
  allow: hardware-only
  trustAnchors: [{ file: root.pem }]
  metadata: { roots: [root.pem] }
sessions: { idle: 15m, absolute: 8h }
tokens: { refreshLifetime: 30m }
`
  const { authenticators, sessions, tokens } = configurationOf(text, { readFile })
  assert.equal(authenticators.attestation, 'enterprise')
  assert.equal(authenticators.certification, 'L2')
  assert.deepEqual(
    [sessions.idle, sessions.absolute, tokens.refreshLifetime],
    [15, 480, 30].map(minutes),
  )
})

const weaker: readonly (readonly ['aal2' | 'aal3', string])[] = [
  ['aal2', 'sessions: { idle: 61m }'],
  ['aal2', 'sessions: { absolute: 25h }'],
  ['aal2', 'tokens: { refreshLifetime: 2d }'],
  ['aal2', 'dangerously_allowInsecureOrigins: true'],
  ['aal2', 'dangerously_allowInsecureOrigins: "true"'],
  ['aal3', 'sessions: { idle: 16m }'],
  ['aal3', 'sessions: { absolute: 13h }'],
  ['aal3', 'tokens: { refreshLifetime: 13h }'],
  ['aal3', 'dangerously_allowInsecureOrigins: true'],
]
for (const [preset, text] of weaker) {
  test(`${preset} refuses ${text}`, () => {
    assert.deepEqual(codes(`${preset === 'aal2' ? aal2 : aal3}${text}\n`), ['config.preset'])
  })
}

for (const [preset, option] of [
  ['aal2', 'clone: warn'],
  ['aal3', 'clone: warn'],
  ['aal3', 'allow: device-bound'],
  ['aal3', 'allow: any'],
  ['aal3', 'signIn: any'],
  ['aal3', 'attestation: none'],
] as const) {
  test(`${preset} refuses authenticators.${option}`, () => {
    const text = (preset === 'aal2' ? aal2 : aal3).replace('preset:', `${option}, preset:`)
    assert.ok(codes(text).includes('config.preset'))
  })
}

test('aal3 without anybody to believe is refused, and so is another preset', () => {
  assert.deepEqual(codes(`${small}authenticators: { preset: aal3 }\n`), ['config.authenticators'])
  assert.deepEqual(codes(`${small}authenticators: { preset: aal1 }\n`), ['config.value'])
  assert.deepEqual(codes(`${small}groups: { a: { authenticators: { preset: aal2 } } }\n`), [
    'config.unknown-key',
  ])
})

test('the problem says what was found, what would do, and where', () => {
  const [problem] = problemsOf(`${aal3}sessions: { idle: 2h }\n`, { readFile })
  assert.equal(problem?.path, 'sessions.idle')
  assert.equal(
    problem.message,
    'found "2h", expected at most 15m, as `authenticators.preset: aal3` asks',
  )
})

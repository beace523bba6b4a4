import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../../src/core/index.ts'
import { sharedSignalNames, webhookEvents } from '../../src/config/schema/signals.ts'
import { eventTypes, sharedSignals } from '../../src/signals/index.ts'
import { configurationOf, filesOf, load, placed, problemsOf, small } from './given.ts'

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const newer = `whsec_${Buffer.alloc(24, 9).toString('base64')}`
const readFile = filesOf({
  '/etc/pg/one.secret': `${secret}\n`,
  '/etc/pg/two.secret': `${newer}\n${secret}\n`,
  '/etc/pg/four.secret': `${secret}\n`.repeat(4),
  '/etc/pg/plain.secret': 'not-a-webhook-secret-at-all-but-long-enough\n',
  '/etc/pg/short.secret': `whsec_${Buffer.alloc(16, 7).toString('base64')}\n`,
  '/etc/pg/long.secret': `whsec_${Buffer.alloc(80, 7).toString('base64')}\n`,
  '/etc/pg/empty.secret': '\n',
  '/etc/pg/token': `${'t'.repeat(32)}\n`,
  '/etc/pg/short.token': `${'t'.repeat(31)}\n`,
  '/etc/pg/header': 'Bearer abc\n',
  '/etc/pg/two.headers': 'Bearer abc\nX-Evil: 1\n',
})

const webhook = (more: string): string =>
  `${small}webhooks:\n  - { name: siem, secretFile: one.secret, ${more} }\n`
const receiver = (more: string): string =>
  `${small}sharedSignals:\n  receivers:\n    - { name: crm, audience: crm, ${more} }\n`
const codes = (text: string): readonly string[] => placed(problemsOf(text, { readFile }))

test('nobody is told of anything unless it is written', () => {
  const { webhooks, receivers } = configurationOf(small)
  assert.deepEqual([webhooks, receivers], [[], []])
})

test('a webhook is told of everything unless it is said of what', () => {
  const text = webhook("url: 'https://siem.example/in'")
  const [all] = configurationOf(text, { readFile }).webhooks
  assert.deepEqual(all?.events, webhookEvents)
  assert.equal(all?.allowPrivateAddresses, false)
  assert.deepEqual([all?.timeout, all?.giveUpAfter], [10_000, 3 * 86_400_000])
  const some = text.replace('secretFile:', 'events: [keys.rotated], secretFile:')
  assert.deepEqual(configurationOf(some, { readFile }).webhooks[0]?.events, ['keys.rotated'])
})

test('secrets are read from files, the newest first, and shown by nothing', () => {
  const text = webhook("url: 'https://siem.example/in'").replace('one.secret', 'two.secret')
  const configuration = configurationOf(text, { readFile })
  const { secrets } = configuration.webhooks[0] ?? { secrets: [] }
  assert.deepEqual(
    secrets.map((one) => one.reveal()),
    [newer, secret],
  )
  assert.ok(secrets.every((one) => one instanceof Secret))
  assert.ok(!JSON.stringify(configuration).includes(secret.slice(10)))
  assert.ok(configuration.files.length === 0 || !JSON.stringify(configuration).includes(newer))
})

test('the files of secrets are watched, whether they could be read or not', () => {
  for (const file of ['one.secret', 'absent.secret']) {
    const text = webhook("url: 'https://siem.example/in'").replace('one.secret', file)
    assert.ok(load(text, { readFile }).files.includes(`/etc/pg/${file}`))
  }
})

for (const [url, wanted] of [
  ['https://siem.example/in', []],
  ['https://siem.example:8443/in?a=1', []],
  ['http://127.0.0.1:9000/in', []],
  ['http://[::1]:9000/in', []],
  ['http://hooks.localhost:9000/in', []],
  ['http://siem.example/in', ['config.signal-url']],
  ['ftp://siem.example/in', ['config.signal-url']],
  ['siem.example', ['config.signal-url']],
  ['https://user@siem.example/', ['config.signal-url']],
  ['https://siem.example/#part', ['config.signal-url']],
  ['https://10.0.0.7/in', ['config.signal-url']],
  ['https://169.254.169.254/in', ['config.signal-url']],
  ['http://metadata.google.internal/', ['config.signal-url']],
] as const) {
  test(`where a webhook leads is judged: ${url}`, () => {
    const found = codes(webhook(`url: '${url}'`))
    assert.deepEqual(
      found.map((one) => one.split(' ')[1]),
      wanted,
    )
  })
}

test('a private network is told over https with leave for it, and metadata services never', () => {
  const leave = 'allowPrivateAddresses: true'
  assert.deepEqual(codes(webhook(`url: 'https://10.0.0.7/in', ${leave}`)), [])
  assert.equal(codes(webhook(`url: 'http://10.0.0.7/in', ${leave}`)).length, 1)
  assert.equal(codes(webhook(`url: 'https://169.254.169.254/in', ${leave}`)).length, 1)
})

for (const file of ['four', 'plain', 'short', 'long', 'empty']) {
  test(`a file with something else than webhook secrets is refused: ${file}`, () => {
    const text = webhook("url: 'https://siem.example/in'").replace('one.secret', `${file}.secret`)
    const problems = problemsOf(text, { readFile })
    assert.deepEqual(
      problems.map(({ code }) => code),
      ['config.webhook-secret'],
    )
    assert.ok(!JSON.stringify(problems).includes('BwcHBwcH'))
  })
}

test('names are there once, and events are ones there are', () => {
  const twice = `${webhook("url: 'https://a.example/'")}  - { name: siem, secretFile: one.secret, url: 'https://b.example/' }\n`
  assert.deepEqual(codes(twice), ['10:13 config.signal-name'])
  const unknown = webhook("url: 'https://a.example/', events: [session.opened]")
  assert.equal(problemsOf(unknown, { readFile })[0]?.code, 'config.value')
  const none = webhook("url: 'https://a.example/', events: []")
  assert.equal(problemsOf(none, { readFile })[0]?.code, 'config.value')
})

test('receivers are read with what their delivery needs', () => {
  const push = receiver(
    "delivery: push, endpoint: 'https://crm.example/e', authorization: { headerFile: header }",
  )
  const [one] = configurationOf(push, { readFile }).receivers
  assert.equal(one?.signingAlgorithm, 'RS256')
  assert.deepEqual(one.events, sharedSignalNames)
  assert.ok(one.delivery.kind === 'push')
  assert.equal(one.delivery.authorization?.reveal(), 'Bearer abc')
  const poll = receiver('delivery: poll, authorization: { tokenFile: token }')
  const [other] = configurationOf(poll, { readFile }).receivers
  assert.ok(other?.delivery.kind === 'poll')
  assert.ok(other.delivery.token.equals('t'.repeat(32)))
})

for (const [what, more, code] of [
  ['push without an endpoint', 'delivery: push', 'config.signal-delivery'],
  [
    'push with a token',
    "delivery: push, endpoint: 'https://crm.example', authorization: { tokenFile: token }",
    'config.signal-delivery',
  ],
  ['poll without a token', 'delivery: poll', 'config.signal-delivery'],
  [
    'poll with an endpoint',
    "delivery: poll, endpoint: 'https://crm.example', authorization: { tokenFile: token }",
    'config.signal-delivery',
  ],
  [
    'poll with a header',
    'delivery: poll, authorization: { headerFile: header, tokenFile: token }',
    'config.signal-delivery',
  ],
  [
    'a short token',
    'delivery: poll, authorization: { tokenFile: short.token }',
    'config.signal-authorization',
  ],
  [
    'two headers',
    "delivery: push, endpoint: 'https://crm.example', authorization: { headerFile: two.headers }",
    'config.signal-authorization',
  ],
  [
    'a file that is not there',
    'delivery: poll, authorization: { tokenFile: absent }',
    'config.secret-file',
  ],
  ['an endpoint in clear', "delivery: push, endpoint: 'http://crm.example'", 'config.signal-url'],
] as const) {
  test(`a receiver is refused: ${what}`, () => {
    const problems = problemsOf(receiver(more), { readFile })
    assert.deepEqual(
      problems.map((problem) => problem.code),
      [code],
    )
  })
}

test('the configuration and those who tell know the same events', () => {
  assert.deepEqual(webhookEvents, eventTypes)
  assert.deepEqual(sharedSignalNames, sharedSignals)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { challengeOf } from '../../src/webauthn/index.ts'
import { accepted, refusedAs, register } from './fixture.ts'

const clientDataOf = (members: object | string) => ({
  clientDataJSON: Buffer.from(typeof members === 'string' ? members : JSON.stringify(members)),
})
const challenge = 'AAECAwQFBgcICQoLDA0ODw'
const good = { type: 'webauthn.get', challenge, origin: 'https://a.example' }

test('strips one leading byte order mark', () => {
  accepted(register({}, { clientDataJSON: (text) => `\uFEFF${text}` }))
  const two = register({}, { clientDataJSON: (text) => `\uFEFF\uFEFF${text}` })
  refusedAs(two, 'client_data_malformed')
})

test('ignores tokenBinding, additions and white space', () => {
  const clientData = (members: Record<string, unknown>) => ({
    ...members,
    tokenBinding: { status: 'supported' },
    other_keys_can_be_added_here: 'do not compare clientDataJSON against a template',
  })
  accepted(register({}, { clientData }))
  accepted(register({}, { clientDataJSON: (text) => JSON.stringify(JSON.parse(text), null, 2) }))
})

test('accepts client data that says nothing about crossOrigin', () => {
  accepted(register({}, { clientDataJSON: (text) => text.replace(',"crossOrigin":false', '') }))
})

const malformed: [name: string, change: (text: string) => string | Uint8Array][] = [
  ['text that is no JSON', () => 'garbage'],
  ['an array', (text) => `[${text}]`],
  ['null', () => 'null'],
  ['bytes after the object', (text) => `${text}x`],
  ['two objects', (text) => text + text],
  [
    'invalid UTF-8',
    (text) =>
      Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.from(',"a":"\xff"}', 'latin1')]),
  ],
  ['UTF-16', (text) => Buffer.from(text, 'utf16le')],
  ['type twice', (text) => text.replace('{', '{"type":"webauthn.create",')],
  ['origin twice', (text) => text.replace('{', '{"origin":"https://evil.example",')],
  ['a key twice, once escaped', (text) => text.replace('{', String.raw`{"\u006frigin":"x",`)],
  ['__proto__', (text) => text.replace('{', '{"__proto__":{},')],
  ['absurd nesting', (text) => text.replace('{', `{"a":${'['.repeat(9)}${']'.repeat(9)},`)],
  ['a type that is no string', (text) => text.replace('"webauthn.create"', '["webauthn.create"]')],
  ['no type', (text) => text.replace('"type"', '"typ"')],
  ['a challenge that is no string', (text) => text.replace(/"challenge":"[^"]*"/, '"challenge":1')],
  ['no challenge', (text) => text.replace('"challenge"', '"chal"')],
  ['an origin that is no string', (text) => text.replace(/"origin":"[^"]*"/, '"origin":{}')],
  ['no origin', (text) => text.replace('"origin"', '"orig"')],
  ['crossOrigin as text', (text) => text.replace('"crossOrigin":false', '"crossOrigin":"false"')],
  ['crossOrigin as number', (text) => text.replace('"crossOrigin":false', '"crossOrigin":0')],
]

for (const [name, clientDataJSON] of malformed) {
  test(`refuses client data with ${name}`, () => {
    refusedAs(register({}, { clientDataJSON }), 'client_data_malformed')
  })
}

test('client data longer than its bound is refused before it is read', () => {
  const clientDataJSON = (text: string) => `${text}${' '.repeat(4097 - text.length)}`
  refusedAs(register({}, { clientDataJSON }), 'response_malformed')
  accepted(register({}, { clientDataJSON: (text) => clientDataJSON(text).slice(0, 4096) }))
})

test('a challenge can be read before anything is verified', () => {
  assert.equal(challengeOf(clientDataOf(good)), challenge)
  const longest = Buffer.alloc(64, 7).toString('base64url')
  assert.equal(challengeOf(clientDataOf({ ...good, challenge: longest })), longest)
})

test('what is no challenge of ours is not read as one', () => {
  for (const found of [
    '',
    'AAAA',
    Buffer.alloc(15).toString('base64url'),
    Buffer.alloc(65).toString('base64url'),
    `${challenge}==`,
    'AAECAwQFBgcICQoLDA0OD/',
    'AAECAwQFBgcICQoLDA0ODx',
    ` ${challenge}`,
    7,
    null,
    [challenge],
  ]) {
    assert.equal(challengeOf(clientDataOf({ ...good, challenge: found })), undefined)
  }
  assert.equal(challengeOf(clientDataOf('{')), undefined)
  assert.equal(challengeOf({ clientDataJSON: new Uint8Array(0) }), undefined)
})

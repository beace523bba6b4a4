import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contextOf, readKeys } from '../../src/gateway/caller/context.ts'
import type { ContextCall } from '../../src/gateway/caller/context.ts'
import { fixedContextOf, fixedKeys } from '../../src/gateway/caller/fixed-facts.ts'
import type { PrincipalFacts } from '../../src/gateway/caller/principal.ts'
import { UnknownFactError } from '../../src/policy/index.ts'

const person: PrincipalFacts = {
  kind: 'person',
  key: 'p-1',
  issuer: 'https://auth.example',
  subject: 'p-1',
  username: 'alice',
  groups: ['readers'],
  tags: new Map([['team', 'core']]),
  session: 's-1',
  clientId: 'cli',
  acr: 'phr',
  amr: ['pop'],
  authTime: 1000,
  provedAt: 1000,
  credential: 'c-1',
  tokenId: 't-1',
  issuedAt: 1000,
  expiresAt: 2000,
  scopes: ['invoke'],
  openedAt: 1000,
  registeredAt: 1000,
  transports: ['usb'],
  claims: { aaguid: 'x', uv: 'true', be: 'false', bs: 'false' },
  names: {
    arn: 'arn:aws:iam::000000000000:user/alice',
    role: undefined,
    account: '000000000000',
    federated: undefined,
  },
}

/** A request of which nothing may be read. */
const untouchable = new Proxy({} as ContextCall, {
  get: (_, name) => assert.fail(`the request was asked for its ${String(name)}`),
})

test('what is taken to be fixed is read from the principal alone', () => {
  const lookup = contextOf(untouchable, person)
  const fixed = fixedContextOf(person)
  for (const key of [...fixedKeys, 'aws:principaltag/team', 'aws:principaltag/none']) {
    assert.deepEqual(fixed(key), lookup(key), key)
  }
  assert.equal(fixed('aws:principaltag/team'), 'core')
})

test('every key that is taken to be fixed exists', () => {
  for (const key of fixedKeys) assert.ok(readKeys.includes(key), key)
})

test('every other fact is unknown before a request, those of the clock above all', () => {
  const fixed = fixedContextOf(person)
  const others = readKeys.filter((key) => !fixedKeys.has(key))
  for (const key of [...others, 'proofgate:header/x', 'proofgate:routetag/x', 'okta:x', 'x:y']) {
    assert.throws(() => fixed(key), UnknownFactError, key)
  }
  for (const key of ['authage', 'sessionage', 'credentialage']) {
    assert.ok(others.includes(`proofgate:${key}`), key)
  }
})

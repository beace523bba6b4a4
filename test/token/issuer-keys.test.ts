import assert from 'node:assert/strict'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { manualClock, millis } from '../../src/core/index.ts'
import { ExternalTokenVerifier, IssuerKeys } from '../../src/token/index.ts'
import type { IssuerKeysOptions } from '../../src/token/index.ts'
import { es256, forge, p256, rsa, verdict } from './forge.ts'
import { discoveryPath, json, jwkOf, keysPath, startIssuer } from './issuer-server.ts'

const pair = p256()
const other = p256()
const published = (keyId: string, key = pair.publicKey, members: object = {}) =>
  jwkOf(key, { kid: keyId, ...members })

const times = {
  timeout: millis(20_000),
  refreshAfter: millis(600_000),
  staleAfter: millis(7_200_000),
}

async function setUp(t: TestContext, keys: readonly object[] = [published('k')]) {
  const server = await startIssuer(t, keys)
  const clock = manualClock()
  const openKeys = (changes: Partial<IssuerKeysOptions> = {}) =>
    new IssuerKeys({
      issuer: server.issuer,
      clock,
      allowHttp: true,
      isForbiddenAddress: () => false,
      ...times,
      ...changes,
    })
  const keysAsked = () => server.requests.filter((path) => path === keysPath).length
  return { server, clock, openKeys, keysAsked }
}

const unreachable = { code: 'token.issuer_unreachable' }

test('keys are found by discovery once, then answered at once', async (t) => {
  const { server, openKeys } = await setUp(t)
  const keys = openKeys()
  assert.equal((await keys.find('k', 'ES256'))?.equals(pair.publicKey), true)
  const again = keys.find('k', 'ES256')
  assert.ok(again !== undefined && !(again instanceof Promise))
  assert.deepEqual(server.requests, [discoveryPath, keysPath])
})

test('an issuer with a path and a trailing slash is asked below its path', async (t) => {
  const { server, openKeys } = await setUp(t)
  const issuer = `${server.issuer}/tenant/`
  server.answers.set(
    `/tenant${discoveryPath}`,
    json({ issuer, jwks_uri: `${server.issuer}${keysPath}` }),
  )
  assert.notEqual(await openKeys({ issuer }).find('k', 'ES256'), undefined)
})

test('a name below localhost is asked on loopback, whatever the resolver says', async (t) => {
  const { server, openKeys } = await setUp(t)
  const issuer = server.issuer.replace('127.0.0.1', 'auth.proofgate.localhost')
  server.answers.set(discoveryPath, json({ issuer, jwks_uri: `${issuer}${keysPath}` }))
  const seen: string[] = []
  const keys = openKeys({ issuer, isForbiddenAddress: (ip) => seen.push(ip) < 0 })
  assert.notEqual(await keys.find('k', 'ES256'), undefined)
  assert.ok(seen.includes('127.0.0.1'))
})

test('requests that come together share one fetch', async (t) => {
  const { openKeys, keysAsked } = await setUp(t)
  const keys = openKeys()
  const found = await Promise.all(Array.from({ length: 20 }, async () => keys.find('k', 'ES256')))
  assert.equal(
    found.every((key) => key !== undefined),
    true,
  )
  assert.equal(keysAsked(), 1)
})

test('an unknown kid causes one fetch per 30 s and no more', async (t) => {
  const { server, clock, openKeys, keysAsked } = await setUp(t)
  const keys = openKeys()
  await keys.find('k', 'ES256')
  for (let at = 0; at < 50; at++) assert.equal(await keys.find(`unknown-${at}`, 'ES256'), undefined)
  assert.equal(keysAsked(), 1)
  clock.advance(29_999)
  await keys.find('unknown', 'ES256')
  assert.equal(keysAsked(), 1)
  clock.advance(1)
  server.answers.set(keysPath, json({ keys: [published('k'), published('new', other.publicKey)] }))
  assert.equal((await keys.find('new', 'ES256'))?.equals(other.publicKey), true)
  await keys.find('unknown', 'ES256')
  assert.equal(keysAsked(), 2)
})

test('a key is only given for its own algorithm', async (t) => {
  const rsaKey = rsa().publicKey
  const { openKeys } = await setUp(t, [
    published('k', pair.publicKey, { alg: 'ES256' }),
    published('any'),
    jwkOf(rsaKey, { kid: 'r' }),
    jwkOf(rsaKey, { kid: 'r256', alg: 'RS256' }),
  ])
  const keys = openKeys()
  assert.notEqual(await keys.find('k', 'ES256'), undefined)
  assert.equal(await keys.find('k', 'RS256'), undefined)
  assert.equal(await keys.find('k', 'ES384'), undefined)
  assert.notEqual(await keys.find('any', 'ES256'), undefined)
  for (const algorithm of ['ES384', 'EdDSA', 'RS256'] as const) {
    assert.equal(await keys.find('any', algorithm), undefined)
  }
  assert.notEqual(await keys.find('r', 'RS512'), undefined)
  assert.equal(await keys.find('r', 'ES256'), undefined)
  assert.notEqual(await keys.find('r256', 'RS256'), undefined)
  assert.equal(await keys.find('r256', 'RS512'), undefined)
})

test('a kid named like an inherited member is unknown', async (t) => {
  const { openKeys } = await setUp(t)
  assert.equal(await openKeys().find('__proto__', 'ES256'), undefined)
  assert.equal(await openKeys().find('constructor', 'ES256'), undefined)
})

test('keys for encryption, private, symmetric, unknown or weak keys are left out', async (t) => {
  const bad = {
    use: published('use', pair.publicKey, { use: 'enc' }),
    ops: published('ops', pair.publicKey, { key_ops: ['sign'] }),
    opsText: published('opsText', pair.publicKey, { key_ops: 'verify' }),
    private: jwkOf(pair.privateKey, { kid: 'private' }),
    oct: { kty: 'oct', kid: 'oct', k: 'AAAA' },
    weak: jwkOf(rsa(1024).publicKey, { kid: 'weak' }),
    off: { ...published('off'), y: (published('off') as { x: string }).x },
    alg: published('alg', pair.publicKey, { alg: 5 }),
    number: published('number', pair.publicKey, { kid: 5 }),
  }
  const { openKeys } = await setUp(t, [
    published('k', pair.publicKey, { use: 'sig', key_ops: ['verify'] }),
    ...Object.values(bad),
    null,
    'x',
  ] as object[])
  const keys = openKeys()
  assert.notEqual(await keys.find('k', 'ES256'), undefined)
  for (const keyId of [...Object.keys(bad), '5']) {
    assert.equal(await keys.find(keyId, keyId === 'weak' ? 'RS256' : 'ES256'), undefined, keyId)
  }
})

test('known keys are fetched again in the background when they are due', async (t) => {
  const { server, clock, openKeys, keysAsked } = await setUp(t)
  const keys = openKeys()
  await keys.find('k', 'ES256')
  const before = keys.revisionAt(clock.now())
  clock.advance(times.refreshAfter - 1)
  assert.equal(keys.revisionAt(clock.now()), before)
  server.answers.set(keysPath, json({ keys: [published('new', other.publicKey)] }))
  clock.advance(1)
  assert.equal(keys.revisionAt(clock.now()), before)
  assert.ok(!(keys.find('k', 'ES256') instanceof Promise))
  await keys.find('new', 'ES256')
  assert.equal(keysAsked(), 2)
  assert.notEqual(keys.revisionAt(clock.now()), before)
  assert.equal(await keys.find('k', 'ES256'), undefined)
})

test('the revision stays when a fetch brings the same keys or further ones', async (t) => {
  const { server, clock, openKeys } = await setUp(t)
  const keys = openKeys()
  await keys.find('k', 'ES256')
  const before = keys.revisionAt(clock.now())
  clock.advance(30_000)
  server.answers.set(keysPath, json({ keys: [published('k'), published('new', other.publicKey)] }))
  await keys.find('new', 'ES256')
  assert.equal(keys.revisionAt(clock.now()), before)
})

test('the revision changes when another key takes a kid', async (t) => {
  const { server, clock, openKeys } = await setUp(t)
  const keys = openKeys()
  await keys.find('k', 'ES256')
  const before = keys.revisionAt(clock.now())
  clock.advance(30_000)
  server.answers.set(keysPath, json({ keys: [published('k', other.publicKey)] }))
  await keys.find('unknown', 'ES256')
  assert.notEqual(keys.revisionAt(clock.now()), before)
  assert.equal((await keys.find('k', 'ES256'))?.equals(other.publicKey), true)
})

test('Q08: last-good keys serve through an outage until they are stale, then nothing passes', async (t) => {
  const { server, clock, openKeys } = await setUp(t)
  const keys = openKeys()
  await keys.find('k', 'ES256')
  const before = keys.revisionAt(clock.now())
  server.answers.clear()
  clock.advance(times.staleAfter - 1)
  assert.notEqual(await keys.find('k', 'ES256'), undefined)
  assert.equal(await keys.find('unknown', 'ES256'), undefined)
  assert.match(String(keys.failure?.message), /404/)
  clock.advance(1)
  assert.notEqual(keys.revisionAt(clock.now()), before)
  await assert.rejects(async () => keys.find('k', 'ES256'), unreachable)
})

test('after an outage the next fetch brings the keys back', async (t) => {
  const { server, clock, openKeys } = await setUp(t)
  const keys = openKeys()
  const discovery = server.answers.get(discoveryPath)
  server.answers.delete(discoveryPath)
  await assert.rejects(async () => keys.find('k', 'ES256'), unreachable)
  server.answers.set(discoveryPath, discovery!)
  await assert.rejects(async () => keys.find('k', 'ES256'), unreachable)
  assert.equal(server.requests.length, 1)
  clock.advance(30_000)
  assert.notEqual(await keys.find('k', 'ES256'), undefined)
  assert.equal(keys.failure, undefined)
})

const big = 'x'.repeat(150_000)
const keySet = { keys: [published('k')] }
type Hostile = Parameters<Awaited<ReturnType<typeof startIssuer>>['answers']['set']>[1]
const raw = (body: string | Uint8Array, headers: Record<string, string> = {}): Hostile => {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(body)
  }
}
const hostileKeySets: readonly (readonly [string, Hostile])[] = [
  ['an empty set', json({ keys: [] })],
  ['no set', json({})],
  ['a list', json([published('k')])],
  ['a set that is no list', json({ keys: { 0: published('k') } })],
  ['only keys that cannot be used', json({ keys: [{ kty: 'oct', k: 'AA', kid: 'k' }] })],
  ['101 keys', json({ keys: Array.from({ length: 101 }, (_, at) => published(`k${at || ''}`)) })],
  ['two keys under one kid', json({ keys: [published('k'), published('k', other.publicKey)] })],
  ['more than 150000 bytes in fewer characters', json({ ...keySet, big: '\u00e9'.repeat(80_000) })],
  ['more than 150000 bytes', json({ ...keySet, big })],
  [
    'more than 150000 bytes in chunks',
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      for (let at = 0; at < 200; at++) response.write(' '.repeat(1000))
      response.end(JSON.stringify(keySet))
    },
  ],
  ['a compressed answer', raw(gzipSync(JSON.stringify(keySet)), { 'content-encoding': 'gzip' })],
  [
    'a plain answer that calls itself compressed',
    raw(JSON.stringify(keySet), { 'content-encoding': 'br' }),
  ],
  ['a compressed bomb', raw(gzipSync(Buffer.alloc(10_000_000)), { 'content-encoding': 'gzip' })],
  ['another content type', json(keySet, 'text/html')],
  ['a content type that only looks like JSON', json(keySet, 'text/application/json')],
  ['no content type', (_request, response) => response.writeHead(200).end(JSON.stringify(keySet))],
  ['a duplicate member', raw(JSON.stringify(keySet).replace('{', '{"keys":[],'))],
  ['what is no JSON', raw('{"keys":')],
  ['bytes that are no UTF-8', raw(Buffer.from(JSON.stringify({ ...keySet, x: '\xFF' }), 'latin1'))],
  [
    'status 201',
    (_request, response) =>
      response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify(keySet)),
  ],
  [
    'status 500',
    (_request, response) =>
      response.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify(keySet)),
  ],
  ['a redirect', (_request, response) => response.writeHead(302, { location: '/elsewhere' }).end()],
  [
    'a permanent redirect',
    (_request, response) => response.writeHead(308, { location: '/elsewhere' }).end(),
  ],
  ['a connection that ends', (request) => request.socket.destroy()],
  [
    'a body that ends early',
    (request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100000' })
      response.write('{"keys":', () => request.socket.destroy())
    },
  ],
  [
    'endless headers',
    (request) => {
      request.socket.end(`HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(20_000)}\r\n`)
    },
  ],
]
for (const [name, answer] of hostileKeySets) {
  test(`Q08: a key set that is ${name} is refused, and last-good keys stay`, async (t) => {
    const { server, clock, openKeys } = await setUp(t)
    const keys = openKeys()
    const late = openKeys()
    await keys.find('k', 'ES256')
    server.answers.set(keysPath, answer)
    server.answers.set('/elsewhere', json(keySet))
    await assert.rejects(async () => late.find('k', 'ES256'), unreachable)
    clock.advance(30_000)
    assert.equal(await keys.find('unknown', 'ES256'), undefined)
    assert.notEqual(keys.failure, undefined)
    assert.notEqual(await keys.find('k', 'ES256'), undefined)
    assert.equal(server.requests.includes('/elsewhere'), false)
  })
}

test('a key set with the media type of key sets and parameters is accepted', async (t) => {
  const { server, openKeys } = await setUp(t)
  server.answers.set(keysPath, json(keySet, 'application/jwk-set+json; charset=utf-8'))
  assert.notEqual(await openKeys().find('k', 'ES256'), undefined)
})

for (const [name, answer] of [
  ['never answers', () => undefined],
  [
    'sends headers and then nothing',
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders()
    },
  ],
  [
    'sends a byte now and then',
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const timer = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(timer))
    },
  ],
] as readonly (readonly [string, Hostile])[]) {
  test(`Q08: an issuer that ${name} is given up after the time-out`, async (t) => {
    const { server, openKeys } = await setUp(t)
    const closed = Promise.withResolvers<void>()
    server.answers.set(keysPath, (request, response) => {
      request.socket.on('close', () => closed.resolve())
      answer(request, response)
    })
    // Where the machine stands still it may be given up before it is asked for its keys at all.
    for (let tries = 0; tries < 20 && !server.requests.includes(keysPath); tries++) {
      const keys = openKeys({ timeout: millis(200) })
      await assert.rejects(async () => keys.find('k', 'ES256'), unreachable)
    }
    assert.ok(server.requests.includes(keysPath))
    await closed.promise
  })
}

const discoveries: readonly (readonly [string, (issuer: string) => unknown])[] = [
  ['another issuer', () => ({ issuer: 'https://evil.example' })],
  ['the issuer with a slash more', (issuer) => ({ issuer: `${issuer}/` })],
  ['no issuer', () => ({ issuer: undefined })],
  ['a list of issuers', (issuer) => ({ issuer: [issuer] })],
  ['no key set', () => ({ jwks_uri: undefined })],
  ['a key set that is no text', () => ({ jwks_uri: 5 })],
  ['a key set that is no address', () => ({ jwks_uri: 'keys' })],
  ['a key set in a file', () => ({ jwks_uri: 'file:///etc/passwd' })],
  ['a key set in data', () => ({ jwks_uri: `data:application/json,${JSON.stringify(keySet)}` })],
  [
    'a key set with user information',
    (issuer) => ({ jwks_uri: `${issuer.replace('//', '//u:p@')}${keysPath}` }),
  ],
  ['a key set with a fragment', (issuer) => ({ jwks_uri: `${issuer}${keysPath}#x` })],
]
for (const [name, change] of discoveries) {
  test(`a discovery document with ${name} is refused`, async (t) => {
    const { server, openKeys, keysAsked } = await setUp(t)
    const { issuer } = server
    const document = { issuer, jwks_uri: `${issuer}${keysPath}`, ...(change(issuer) as object) }
    server.answers.set(discoveryPath, json(document))
    await assert.rejects(async () => openKeys().find('k', 'ES256'), unreachable)
    assert.equal(keysAsked(), 0)
  })
}

for (const issuer of [
  '',
  'id.example',
  'http://id.example',
  'ftp://id.example',
  'https://u@id.example',
  'https://id.example/?a=b',
  'https://id.example/?',
  'https://id.example/#x',
]) {
  test(`${JSON.stringify(issuer)} cannot be an issuer without the switch for http`, () => {
    const options = {
      clock: manualClock(),
      allowHttp: false,
      isForbiddenAddress: () => false,
      ...times,
    }
    assert.throws(() => new IssuerKeys({ ...options, issuer }), { code: 'token.misconfigured' })
  })
}

test('Q04: an issuer at a forbidden address is not connected to, by number or by name', async (t) => {
  const { server, openKeys } = await setUp(t)
  const isForbiddenAddress = (address: string) => address === '127.0.0.1'
  const port = new URL(server.issuer).port
  const hosts = [
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '127.1',
    'localhost',
    'x.localhost',
    'LOCALHOST',
  ]
  for (const host of hosts) {
    const keys = openKeys({ issuer: `http://${host}:${port}`, isForbiddenAddress })
    await assert.rejects(async () => keys.find('k', 'ES256'), /forbidden/, host)
  }
  assert.deepEqual(server.requests, [])
})

test('Q04: a key set at a forbidden address is not fetched though the issuer is allowed', async (t) => {
  const { server, openKeys } = await setUp(t)
  for (const address of [
    'http://169.254.169.254/keys',
    'http://[::ffff:169.254.169.254]/keys',
    'http://[fd00::1]/keys',
  ]) {
    server.answers.set(discoveryPath, json({ issuer: server.issuer, jwks_uri: address }))
    const asked: string[] = []
    const isForbiddenAddress = (ip: string) => {
      asked.push(ip)
      return ip !== '127.0.0.1'
    }
    await assert.rejects(
      async () => openKeys({ isForbiddenAddress }).find('k', 'ES256'),
      /forbidden/,
    )
    assert.equal(asked.length, 2)
  }
})

test("E06: one kid published by two issuers means each issuer's own key", async (t) => {
  const a = await setUp(t, [published('same', pair.publicKey)])
  const b = await setUp(t, [published('same', other.publicKey)])
  const start = 1_700_000_000
  const verifierOf = (side: typeof a) =>
    new ExternalTokenVerifier({
      issuer: side.server.issuer,
      audiences: ['api'],
      algorithms: ['ES256'],
      requiredScopes: [],
      usernameClaim: 'sub',
      groupsClaim: 'groups',
      conditionClaims: [],
      keys: side.openKeys(),
      clock: side.clock,
      maximumLifetime: millis(3_600_000),
      maximumAge: millis(3_600_000),
      clockSkew: millis(5000),
      cacheSize: 10,
    })
  const [forA, forB] = [verifierOf(a), verifierOf(b)]
  const token = (iss: string, key: typeof pair.privateKey) =>
    forge(
      { alg: 'ES256', kid: 'same' },
      { iss, aud: 'api', sub: 'x', iat: start, exp: start + 60 },
      es256(key),
    )
  assert.equal(await verdict(forA.verify(token(a.server.issuer, pair.privateKey))), 'accepted')
  assert.equal(await verdict(forB.verify(token(b.server.issuer, other.privateKey))), 'accepted')
  assert.equal(
    await verdict(forA.verify(token(a.server.issuer, other.privateKey))),
    'token.invalid',
  )
  assert.equal(await verdict(forB.verify(token(b.server.issuer, pair.privateKey))), 'token.invalid')
  assert.equal(
    await verdict(forA.verify(token(b.server.issuer, other.privateKey))),
    'token.invalid',
  )
})

test('an issuer that does not answer makes its tokens unverifiable, not valid', async (t) => {
  const { server, clock, openKeys } = await setUp(t)
  server.answers.clear()
  const verifier = new ExternalTokenVerifier({
    issuer: server.issuer,
    audiences: ['api'],
    algorithms: ['ES256'],
    requiredScopes: [],
    usernameClaim: 'sub',
    groupsClaim: 'groups',
    conditionClaims: [],
    keys: openKeys(),
    clock,
    maximumLifetime: millis(3_600_000),
    maximumAge: millis(3_600_000),
    clockSkew: millis(5000),
    cacheSize: 10,
  })
  const claims = {
    iss: server.issuer,
    aud: 'api',
    sub: 'x',
    iat: 1_700_000_000,
    exp: 1_700_000_060,
  }
  const text = forge({ alg: 'ES256', kid: 'k' }, claims, es256(pair.privateKey))
  assert.equal(await verdict(verifier.verify(text)), 'token.keys_unavailable')
})

test('keys that are not due are not fetched again, however often they are asked for', async (t) => {
  const { clock, openKeys, keysAsked } = await setUp(t)
  const keys = openKeys()
  await keys.find('k', 'ES256')
  clock.advance(times.refreshAfter - 1)
  keys.revisionAt(clock.now())
  await delay(100)
  assert.equal(keysAsked(), 1)
})

test('a fetch that failed in the background is not repeated for 30 s', async (t) => {
  const { server, clock, openKeys } = await setUp(t)
  const keys = openKeys()
  await keys.find('k', 'ES256')
  server.answers.clear()
  clock.advance(times.refreshAfter)
  keys.revisionAt(clock.now())
  while (keys.failure === undefined) await delay(5)
  for (let at = 0; at < 20; at++) {
    keys.revisionAt(clock.now())
    await delay(5)
  }
  assert.equal(server.requests.length, 3)
})

test('an issuer whose name does not resolve is unreachable', async (t) => {
  const { openKeys } = await setUp(t)
  const keys = openKeys({ issuer: 'http://issuer.invalid', timeout: millis(2000) })
  await assert.rejects(async () => keys.find('k', 'ES256'), unreachable)
})

test('the reason of a failure names the address and never a query', async (t) => {
  const { server, openKeys } = await setUp(t)
  const address = `${server.issuer}${keysPath}?secret=1`
  server.answers.set(discoveryPath, json({ issuer: server.issuer, jwks_uri: address }))
  server.answers.set(`${keysPath}?secret=1`, raw('{"keys":'))
  const keys = openKeys()
  await assert.rejects(
    async () => keys.find('k', 'ES256'),
    /keys: the answer is not unambiguous JSON/,
  )
  assert.equal(keys.failure?.message.includes('secret'), false)
  server.answers.delete(`${keysPath}?secret=1`)
  const late = openKeys()
  await assert.rejects(async () => late.find('k', 'ES256'), unreachable)
  assert.equal(late.failure?.message.includes('secret'), false)
})

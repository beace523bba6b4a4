import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeEntry } from '../../src/audit/index.ts'
import { Principal } from '../../src/gateway/caller/principal.ts'
import type { Proof, Standing } from '../../src/gateway/caller/principal.ts'
import { encodeUsual } from '../../src/gateway/decision-text.ts'
import type { GatewayTable } from '../../src/gateway/gateway.ts'
import type { Incoming } from '../../src/gateway/incoming/incoming.ts'
import { decisionEntry } from '../../src/gateway/record.ts'
import type { Api, Route } from '../../src/gateway/route.ts'
import type { Progress } from '../../src/gateway/stages.ts'
import { CompactToken } from '../../src/token/remembered/compact-token.ts'
import type { TokenFacts } from '../../src/token/remembered/compact-token.ts'

/** Repeatable: a failure is the same at the next run. */
let state = 20_261_122
function below(limit: number): number {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
  return Math.floor((state / 2 ** 32) * limit)
}

function pick<T>(values: readonly T[]): T {
  return values[below(values.length)] as T
}

/** Quotes, control characters, other scripts, lone surrogates, and texts at and beyond their bounds. */
const odd = ['a"b', 'back\\slash', 'tab\t', 'é', '\u2028', '\ud800', '', 'x'.repeat(1025)]
const edges = [126, 127, 128, 129, 255, 256, 257, 510, 511, 512, 513].map((length) =>
  'x'.repeat(length),
)
/** Of many records all fields are fit, of others one field or another is not. */
function text(...usual: readonly string[]): string {
  return below(40) === 0 ? pick([...odd, ...edges]) : pick(usual)
}

const apis = ['orders', 'a"b'].map((name): Api => {
  const arnPrefix = `arn:aws:execute-api:local:000000000000:${name}/default/`
  return { name, arnPrefix } as Api
})
const routeIds = ['GET /orders/{id}', 'ANY /{rest+}', 'GET /"']
const tables = ['b3f1c0ffee', 'c4'].map((version) => ({ version }) as GatewayTable)

const tokenFacts: TokenFacts = {
  issuer: '',
  subject: '',
  username: undefined,
  clientId: undefined,
  tokenId: undefined,
  session: undefined,
  scopes: [],
  groups: [],
  issuedAt: 0,
  expiresAt: 1,
  authTime: undefined,
  acr: undefined,
  amr: [],
  confirmationThumbprint: undefined,
  certificateThumbprint: undefined,
  taken: undefined,
  credential: undefined,
  openedAt: undefined,
  registeredAt: undefined,
  transports: [],
  claims: {},
}

function principalOf(number: number): Principal {
  const mandate = { roleName: pick([undefined, undefined, 'auditor']) }
  const kind = pick(['person', 'external'])
  const standing = { kind, issuer: 'https://issuer.example', mandate } as Standing
  const subject = text(`person-${number}`)
  const username = pick([undefined, text('alice')])
  const facts = {
    session: text(`session-${number}`),
    clientId: pick([undefined, text('cli')]),
    tokenId: `token-${number}`,
    credential: pick([undefined, text('credential')]),
  }
  // Half of them by a token, as nearly all are.
  if (number % 2 === 0) return new Principal(standing, { subject, username }, facts as Proof)
  const { issuer } = standing
  const session = facts.session === '' ? undefined : facts.session
  const credential = facts.credential === '' ? undefined : facts.credential
  const all = { ...tokenFacts, ...facts, session, credential, issuer, subject, username }
  const token = new CompactToken(all)
  return new Principal(standing, token, token)
}

const principals = Array.from({ length: 40 }, (_, number) => principalOf(number))

function makeRequest(): { incoming: Incoming; progress: Progress; table: GatewayTable } {
  const userAgent = pick([undefined, text('curl/8', 'browser (of somebody)')])
  const headers = userAgent === undefined ? {} : { 'user-agent': userAgent }
  const incoming = {
    requestId: text('request-1', 'request-2'),
    request: { headers, url: '/' },
    address: text('203.0.113.1', '2001:db8::1'),
    authority: text('api.example', 'api.example:8080'),
    method: pick(['GET', 'POST', 'PROPFIND']),
    peer: {},
  } as Incoming
  const policy = pick([undefined, text('orders-reader', 'orders-writer')])
  const decision = {
    reason: pick(['policy.allowed', 'policy.role_allowed']),
    policy,
    statement: pick([undefined, '#0', text('Read')]),
    role: pick([undefined, undefined, 'reader']),
  } as unknown as NonNullable<Progress['decision']>
  const progress: Progress = {
    api: pick(apis),
    route: { id: pick(routeIds) } as Route,
    path: text('/orders/1', '/orders/2', `/orders/${'1'.repeat(below(500))}`),
    // Of two kinds: who comes again and again, and who was never met.
    principal: below(2) === 0 ? pick(principals) : principalOf(below(1000)),
    ...(below(10) === 0 ? {} : { decision }),
  }
  return { incoming, progress, table: pick(tables) }
}

describe('the record of a usual request, put together from what is remembered', () => {
  it('has the bytes that the whole encoder makes, whatever its fields are', () => {
    let usual = 0
    for (let round = 0; round < 20_000; round++) {
      const { incoming, progress, table } = makeRequest()
      // What is met once is not remembered.
      assert.equal(encodeUsual(incoming, progress, table), undefined)
      const quick = encodeUsual(incoming, progress, table)
      if (quick === undefined) continue
      usual++
      const whole = encodeEntry(decisionEntry(incoming, progress, { table, refusal: undefined }))
      assert.deepEqual(quick, whole)
    }
    assert.ok(usual > 5000, `${usual} of them were usual`)
  })

  it('is made for a plain request whose route was met before', () => {
    const { incoming, progress, table } = plainRequest(false)
    assert.equal(encodeUsual(incoming, progress, table), undefined)
    for (let round = 0; round < 4; round++) {
      const quick = encodeUsual(incoming, progress, table)
      const whole = encodeEntry(decisionEntry(incoming, progress, { table, refusal: undefined }))
      assert.deepEqual(quick, whole)
    }
    assert.ok(progress.principal?.trace !== undefined)
    progress.principal.letGo()
    assert.equal(progress.principal.trace, undefined)
  })

  it('goes on being right where more statements let callers through than are remembered', () => {
    const { incoming, progress, table } = plainRequest()
    let usual = 0
    for (let round = 0; round < 2000; round++) {
      const policy = `policy-${below(round < 1000 ? 20 : 3)}`
      const decision = { reason: 'policy.allowed', policy } as NonNullable<Progress['decision']>
      const now = { ...progress, decision }
      const quick = encodeUsual(incoming, now, table)
      if (quick === undefined) continue
      usual++
      const whole = encodeEntry(decisionEntry(incoming, now, { table, refusal: undefined }))
      assert.deepEqual(quick, whole)
    }
    assert.ok(usual > 900, `${usual} of them were remembered`)
  })

  it('is right for many routes, each met a few times', () => {
    const { incoming, progress, table } = plainRequest()
    const many = Array.from({ length: 3000 }, (_, at) => ({ id: `GET /route-${at}` }) as Route)
    for (const route of [...many, ...many, ...many.slice(-10), ...many.slice(-10)]) {
      const now = { ...progress, route }
      const quick = encodeUsual(incoming, now, table)
      if (quick === undefined) continue
      const whole = encodeEntry(decisionEntry(incoming, now, { table, refusal: undefined }))
      assert.deepEqual(quick, whole)
    }
  })

  it('is left to the whole encoder where there is more to say', () => {
    const more: readonly Partial<Progress>[] = [
      { plan: { target: undefined, destination: undefined, location: '/elsewhere' } },
      { proof: 'proof-1' },
      { preflight: {} as NonNullable<Progress['preflight']> },
      { path: `/enrol/${'A'.repeat(43)}` },
      { path: '/x"' },
      { path: `/${'x'.repeat(500)}` },
    ]
    for (const one of more) {
      const { incoming, progress, table } = plainRequest()
      assert.equal(encodeUsual(incoming, { ...progress, ...one }, table), undefined)
    }
    const { incoming, progress, table } = plainRequest()
    const peer = { certificate: { fingerprint: 'ab' } } as Incoming['peer']
    assert.equal(encodeUsual({ ...incoming, peer }, progress, table), undefined)
    for (const name of ['api', 'route', 'path', 'principal'] as const) {
      const { [name]: _, ...less } = progress
      assert.equal(encodeUsual(incoming, less, table), undefined, name)
    }
  })

  it('is left to the whole encoder where a field would be cut or escaped', () => {
    const { incoming, progress, table } = plainRequest()
    const headers = { 'user-agent': 'x'.repeat(257) }
    const unfit: readonly Partial<Incoming>[] = [
      { requestId: 'a"b' },
      { requestId: 'x'.repeat(129) },
      { authority: 'a\u0000b' },
      { authority: 'x'.repeat(513) },
      { address: 'x"' },
      { method: 'G"T' },
      { request: { ...incoming.request, headers } },
      { request: { ...incoming.request, headers: { 'user-agent': 'né' } } },
    ]
    for (const one of unfit) {
      assert.equal(encodeUsual({ ...incoming, ...one }, progress, table), undefined)
    }
  })
})

/** @param isMet - its route was met before. */
function plainRequest(isMet = true): {
  incoming: Incoming
  progress: Progress
  table: GatewayTable
} {
  const standing = { kind: 'person', mandate: {} } as Standing
  const proof = { session: 's', clientId: 'cli', tokenId: 't' } as Proof
  const incoming = {
    requestId: 'request-1',
    request: { headers: { 'user-agent': 'curl/8' } },
    address: '203.0.113.1',
    authority: 'api.example',
    method: 'GET',
    peer: {},
  } as Incoming
  const progress: Progress = {
    api: { name: 'orders', arnPrefix: 'arn:aws:execute-api:local:000000000000:orders/v1/' } as Api,
    route: { id: 'GET /orders/{id}' } as Route,
    path: '/orders/1',
    principal: new Principal(standing, { subject: 'person-1', username: 'alice' }, proof),
  }
  const table = { version: 'c0ffee' } as GatewayTable
  if (isMet) encodeUsual(incoming, progress, table)
  return { incoming, progress, table }
}

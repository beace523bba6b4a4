import assert from 'node:assert/strict'
import { request } from 'node:http'
import type { ClientHttp2Session } from 'node:http2'
import { after, before, test } from 'node:test'
import * as fc from 'fast-check'
import type { StoredRecord } from '../../src/audit/index.ts'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { callHttp2, openHttp2 } from '../kit/http2.ts'
import { recordsOf } from '../kit/minting.ts'
import { until } from '../kit/operations.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

/* Row K12: a request is decided by what it says, never by the protocol it came by. */

let plane: DataPlane
let session: ClientHttp2Session | undefined
const upstream = new RecordingUpstream()

before(async () => {
  plane = await startDataPlane({
    upstream: await upstream.listen(),
    more: 'listeners: { public: { h2c: true } }',
  })
})

after(async () => {
  session?.destroy()
  await plane.finish().finally(() => {
    upstream.close()
  })
})

interface Asked {
  readonly method: string
  readonly path: string
  readonly host: string
  readonly headers: Readonly<Record<string, string>>
}

const caller = fc.constantFrom(
  'none',
  'alice',
  'bob',
  'expired',
  'nobody',
  'broken',
  'basic',
  'unscoped',
  'empty',
)

function authorizationOf(kind: string): Record<string, string> {
  const { mint, alice, bob } = plane
  const values: Readonly<Record<string, string>> = {
    alice: `Bearer ${mint.token(alice)}`,
    bob: `bearer ${mint.token(bob)}`,
    expired: `Bearer ${mint.token(alice, { iat: 1_000_000_000, exp: 1_000_000_300 })}`,
    nobody: `Bearer ${mint.token('nobody')}`,
    broken: `Bearer ${mint.token(alice).slice(0, -4)}AAAA`,
    basic: 'Basic YTpi',
    unscoped: `Bearer ${mint.token(alice, { scope: 'openid' })}`,
    empty: '',
  }
  const value = values[kind]
  return value === undefined ? {} : { authorization: value }
}

type Tuple = typeof asked extends fc.Arbitrary<infer One> ? One : never

const asked = fc.record({
  method: fc.constantFrom('GET', 'HEAD', 'POST', 'DELETE', 'PUT', 'OPTIONS', 'TRACE', 'PROPFIND'),
  path: fc.constantFrom(
    '/public/x',
    '/app/x',
    '/app/x?y=/admin',
    '/app/%61',
    '/app/a;b',
    '/app/.%2e/admin/x',
    '/app//x',
    '/app/a%2fb',
    '/admin/x',
    '/Admin/x',
    '/nothing',
    '/',
    '/ws/x',
    '/.proofgate/session/callback',
    '/.well-known/oauth-protected-resource',
    `/app/${'a'.repeat(9000)}`,
  ),
  host: fc.constantFrom('own', 'OWN', 'evil', 'own.'),
  caller,
  cookie: fc.constantFrom(undefined, 'a=1', 'pg_api=nothing', '__Host-pg_api=x'),
  agent: fc.constantFrom(undefined, 'curl/8', 'sqlmap'),
  origin: fc.constantFrom(undefined, 'https://evil.example'),
  expect: fc.constantFrom(undefined, 'nonsense'),
})

function askedOf(tuple: Tuple): Asked {
  const hosts: Readonly<Record<string, string>> = {
    own: plane.host,
    OWN: plane.host.toUpperCase(),
    evil: 'evil.example',
    'own.': plane.host.replace(':', '.:'),
  }
  return {
    method: tuple.method,
    path: tuple.path,
    host: hosts[tuple.host] ?? '',
    headers: {
      ...authorizationOf(tuple.caller),
      ...(tuple.cookie === undefined ? {} : { cookie: tuple.cookie }),
      ...(tuple.agent === undefined ? {} : { 'user-agent': tuple.agent }),
      ...(tuple.origin === undefined ? {} : { origin: tuple.origin }),
      ...(tuple.expect === undefined ? {} : { expect: tuple.expect }),
    },
  }
}

function sampled(): readonly Tuple[] {
  return fc.sample(asked, { numRuns: 400, seed: 20_261_122 })
}

function statusByHttp1({ method, path, host, headers }: Asked): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port: plane.port, method, path, setHost: false, agent: false },
      (incoming) => {
        incoming.resume().once('close', () => resolve(incoming.statusCode ?? 0))
      },
    )
    outgoing.setHeader('host', host)
    for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, value)
    outgoing.once('error', reject)
    outgoing.end()
  })
}

/** Over one connection, opened for the first: one that is idle meanwhile is closed. */
async function statusByHttp2({ method, path, host, headers }: Asked): Promise<number> {
  session ??= openHttp2(plane.port)
  return (await callHttp2(session, { method, path, authority: host, headers })).status
}

/** What a record says of a request, apart from its own id and time. */
function gist({ outcome, reason, who, what, where }: StoredRecord): object {
  return { outcome, reason, who: who ?? null, what, where }
}

async function decidedBy(
  send: (one: Asked) => Promise<number>,
  all: readonly Asked[],
): Promise<{ statuses: number[]; decisions: readonly StoredRecord[] }> {
  const before = (await recordsOf(plane.gateway, 'decision')).length
  const statuses: number[] = []
  for (const one of all) statuses.push(await send(one))
  // Records stand in the order of requests: with that of the last all are there.
  await send({ method: 'GET', path: '/public/last', host: plane.host, headers: {} })
  let decisions: readonly StoredRecord[] = []
  await until('the last is recorded', async () => {
    decisions = (await recordsOf(plane.gateway, 'decision')).slice(before)
    return decisions.at(-1)?.what?.['path'] === '/public/last'
  })
  return { statuses, decisions }
}

test('requests get the same answer and the same record over both protocols', async () => {
  const all = sampled().map(askedOf)
  const one = await decidedBy(statusByHttp1, all)
  const two = await decidedBy(statusByHttp2, all)
  assert.deepEqual(two.statuses, one.statuses)
  assert.deepEqual(two.decisions.map(gist), one.decisions.map(gist))
  assert.ok(new Set(one.decisions.map(({ reason }) => reason)).size > 8, 'many kinds of them')
})

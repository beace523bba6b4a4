import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { GatewayTable } from '../../src/gateway/gateway.ts'
import { RouteTree } from '../../src/gateway/index.ts'
import type { Api, Principal, Route } from '../../src/gateway/index.ts'
import type { Bond, OpenExchange } from '../../src/gateway/live/open-exchange.ts'
import { review } from '../../src/gateway/live/review.ts'
import {
  authorityOf,
  compilePolicies,
  noAuthority,
  nobody,
  parsePolicyDocument,
} from '../../src/policy/index.ts'
import type { Authority } from '../../src/policy/index.ts'
import { noMandate } from '../../src/roles/index.ts'
import type { Mandate } from '../../src/roles/index.ts'

const began = 1_000_000
const now = began + 600_000

function policies(condition?: object): Authority {
  const statement = {
    Effect: 'Allow',
    Action: 'execute-api:Invoke',
    Resource: '*',
    ...(condition === undefined ? {} : { Condition: condition }),
  }
  const parsed = parsePolicyDocument({ Version: '2012-10-17', Statement: [statement] }, 'identity')
  assert.ok('document' in parsed)
  const { document } = parsed
  return authorityOf(compilePolicies([{ name: 'p', document }]))
}

function mandate(authority: Authority): Mandate {
  return { ...noMandate, authority }
}

interface Case {
  readonly bond?: Bond
  readonly principal?: Partial<Principal>
  readonly route?: Partial<Route>
  /** As they are by now. */
  readonly later?: {
    readonly route?: Partial<Route> | 'gone'
    readonly api?: Partial<Api>
    readonly table?: Partial<GatewayTable>
  }
  readonly again?: (principal: Principal) => Promise<Principal | undefined>
  readonly current?: boolean
  readonly session?: 'live' | 'ended' | 'unreadable'
  readonly used?: boolean
  readonly proof?: OpenExchange['admitted']['proof']
}

/** Decides again on one exchange; answers what came of it and how its session was asked for. */
async function decide(one: Case = {}): Promise<{ ending: string | undefined; asked: string[] }> {
  const route = {
    id: 'GET /x',
    method: 'GET',
    segments: [{ kind: 'literal', text: 'x' }],
    authorizer: { kind: 'proofgate' },
    websocket: {},
    ...one.route,
  } as unknown as Route
  const principal = {
    kind: 'person',
    subject: 'p-1',
    tokenId: 't-1',
    session: 's-1',
    groups: [],
    authTime: began,
    names: nobody,
    mandate: mandate(policies()),
    ...one.principal,
  } as unknown as Principal
  const found = one.later?.route === 'gone' ? [] : [{ ...route, ...one.later?.route }]
  const api = {
    name: 'a',
    audience: 'aud',
    arnPrefix: 'arn:',
    account: '000000000000',
    resourcePolicy: undefined,
    routes: new RouteTree([route]),
  }
  const laterApi = { ...api, routes: new RouteTree(found), ...one.later?.api } as unknown as Api
  const before = { issuer: 'iss', apis: new Map() } as unknown as GatewayTable
  const table = {
    issuer: 'iss',
    apis: new Map([['host', laterApi]]),
    principals: { again: one.again ?? (async (known: Principal) => known) },
    ...one.later?.table,
  } as unknown as GatewayTable
  const exchange = {
    bond: one.bond ?? 'tunnel',
    takeUse: () => one.used === true,
    admitted: {
      principal,
      proof: one.proof,
      routed: {
        api,
        route,
        table: before,
        target: { path: '/x', query: '' },
        incoming: {
          authority: 'host',
          method: 'GET',
          receivedAt: began,
          request: { headers: {} },
          address: '127.0.0.1',
        },
      },
    },
  } as unknown as OpenExchange
  const asked: string[] = []
  const look = (how: string) => async () => {
    asked.push(how)
    if (one.session === 'unreadable') throw new Error('the store does not answer')
    return one.session === 'ended' ? undefined : ({ facts: {}, provedAt: began } as never)
  }
  const ending = await review(
    exchange,
    {
      table: () => table,
      sessions: {
        loadById: look('looked at'),
        use: look('used'),
        withLastTouch: (found) => Promise.resolve(found),
      },
      revocations: { current: one.current ?? true },
    },
    now,
  )
  return { ending, asked }
}

const endingOf = async (one: Case): Promise<string | undefined> => (await decide(one)).ending
const bySession: Case['principal'] = { tokenId: undefined }
const external: Route['authorizer'] = {
  kind: 'issuer',
  name: 'okta',
  issuer: 'https://okta.example',
} as unknown as Route['authorizer']

describe('deciding again', () => {
  it('lets go on what the same request would be let through for', async () => {
    for (const bond of ['tunnel', 'stream', 'answer'] as const) {
      assert.equal(await endingOf({ bond }), undefined)
    }
  })

  it('lets go on what was let through by a proof, for as long as that is young enough', async () => {
    const bound = { Bool: { 'proofgate:ProofBoundToRequest': 'true' } }
    const young = { ...bound, NumericLessThan: { 'proofgate:ProofAge': '601' } }
    const proof = { touchedAt: began, approvedBy: [], approvedByGroups: [] }
    const ended = (condition: object, more: Case): Promise<string | undefined> =>
      endingOf({ bond: 'stream', principal: { mandate: mandate(policies(condition)) }, ...more })
    assert.equal(await ended(bound, { proof }), undefined)
    assert.equal(await ended(young, { proof }), undefined)
    assert.equal(await ended(bound, {}), 'policy_changed')
    assert.equal(
      await ended(young, { proof: { ...proof, touchedAt: began - 1000 } }),
      'policy_changed',
    )
  })

  it('ends what would not find its route, or would be asked other things there', async () => {
    for (const later of [
      { route: 'gone' },
      { route: { method: 'POST' } },
      { route: { websocket: undefined } },
      { route: { authorizer: { kind: 'open' } } },
      { route: { authorizer: external } },
      { api: { audience: 'other' } },
      { table: { issuer: 'other' } },
      { table: { apis: new Map() } },
    ] as Case['later'][]) {
      assert.equal(
        await endingOf({ ...(later && { later }) }),
        'policy_changed',
        JSON.stringify(later),
      )
    }
    for (const [change, ending] of [
      [{}, undefined],
      [{ name: 'other' }, 'policy_changed'],
      [{ issuer: 'https://other.example' }, 'policy_changed'],
    ] as const) {
      const authorizer = { ...external, ...change } as Route['authorizer']
      assert.equal(
        await endingOf({
          route: { authorizer: external },
          principal: { kind: 'external' },
          later: { route: { authorizer } },
        }),
        ending,
      )
    }
  })

  it('lets an answer that ends by itself end where it began', async () => {
    assert.equal(await endingOf({ bond: 'answer', later: { route: 'gone' } }), undefined)
    assert.equal(await endingOf({ bond: 'stream', later: { route: 'gone' } }), 'policy_changed')
    assert.equal(
      await endingOf({ bond: 'stream', later: { route: { websocket: undefined } } }),
      undefined,
    )
  })

  it('asks the policies of now', async () => {
    const again = async (known: Principal): Promise<Principal> =>
      Object.assign(Object.create(known), { mandate: mandate(noAuthority) })
    for (const bond of ['tunnel', 'stream', 'answer'] as const) {
      assert.equal(await endingOf({ bond, again }), 'policy_changed')
    }
    assert.equal(await endingOf({ again: async () => undefined }), 'revoked')
  })

  it('asks them by the time of now, except for what ends by itself', async () => {
    const fresh = {
      mandate: mandate(policies({ NumericLessThan: { 'proofgate:AuthAge': '300' } })),
    }
    assert.equal(await endingOf({ principal: fresh }), 'policy_changed')
    assert.equal(await endingOf({ principal: fresh, bond: 'answer' }), undefined)
  })

  it('ends what nothing can be found out about', async () => {
    assert.equal(await endingOf({ current: false }), 'evidence_unavailable')
    const again = (): Promise<undefined> => Promise.reject(new Error('no store'))
    assert.equal(await endingOf({ again }), 'evidence_unavailable')
    assert.equal(
      await endingOf({ principal: bySession, session: 'unreadable' }),
      'evidence_unavailable',
    )
  })

  it('asks nothing of open routes, and no list of ours about people of others', async () => {
    const open = { authorizer: { kind: 'open' } } as Partial<Route>
    assert.equal(await endingOf({ route: open, current: false }), undefined)
    const others: Case = { route: { authorizer: external }, principal: { kind: 'external' } }
    assert.equal(await endingOf({ ...others, current: false }), undefined)
  })

  it('holds a browser session to its life, and takes what the browser says for use of it', async () => {
    assert.equal(await endingOf({ principal: bySession, session: 'ended' }), 'expired')
    assert.equal(
      await endingOf({ principal: { tokenId: undefined, session: undefined } }),
      'expired',
    )
    for (const [used, how] of [
      [true, 'used'],
      [false, 'looked at'],
    ] as const) {
      const decided = await decide({ principal: bySession, used })
      assert.deepEqual([decided.ending, decided.asked], [undefined, [how]])
    }
    assert.deepEqual((await decide({ session: 'ended' })).asked, [], 'tokens have their own end')
  })
})

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { freePort } from '../kit/ports.ts'
import { Approving, askedBy, inlineProof } from '../kit/approving.ts'
import type { AskedFor } from '../kit/approving.ts'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { databaseOf, enrolled, inDatabase } from '../kit/flows.ts'
import { call } from '../kit/http.ts'
import { callHttp2, openHttp2 } from '../kit/http2.ts'
import type { SoftPerson } from '../kit/person.ts'
import { head, raw } from '../kit/raw.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

/* Rows H01, H03, H04, H05, H07: what was approved is one request; whatever is not it never arrives. */

/** A request as it goes over the wire, whichever protocol carries it. */
interface Sent {
  readonly method: string
  readonly target: string
  readonly host: string
  /** In their order, names as they are written. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
  readonly token: string
}

interface Got {
  readonly status: number
  readonly code: string
  readonly text: string
}

const upstream = new RecordingUpstream()
let plane: DataPlane
let alice: SoftPerson
let bob: SoftPerson
let approving: Approving
let host: string
let otherHost: string

before(async () => {
  const port = await freePort()
  host = `api.proofgate.localhost:${port}`
  otherHost = `other.proofgate.localhost:${port}`
  const route = `{ method: ANY, path: '/orders/{id}', proof: { request: { sentence: 'Change order {id}', headers: [if-match], dangerously_allowUnattested: true } } }`
  plane = await startDataPlane({
    port,
    upstream: await upstream.listen(),
    routes: `      - ${route}
      - { method: ANY, path: '/orders/{id}/{rest+}', proof: { request: { dangerously_allowUnattested: true } } }
      - { method: PUT, path: '/both/{id}', proof: { request: { approvers: { self: true, groups: [readers] }, dangerously_allowUnattested: true } } }
  other:
    host: ${otherHost}
    upstream: main
    audience: 'http://${host}'
    routes: [${route}]
`,
    more: 'listeners: { public: { h2c: true } }',
  })
  alice = await enrolled(plane.gateway, 'alice')
  bob = await enrolled(plane.gateway, 'bob')
  approving = new Approving(plane.gateway, { alice: ['admins'], bob: ['readers'] })
})
after(async () => {
  approving?.close()
  await plane.finish().finally(() => upstream.close())
})

/** The raw lines of HTTP/1.1, so that nothing is mended on the way. */
async function overHttp1({ method, target, host: name, headers, body, token }: Sent): Promise<Got> {
  const lines = headers.map(([header, value]) => `${header}: ${value}`)
  const answer = await raw(plane.port, [
    head(
      `${method} ${target} HTTP/1.1`,
      `Host: ${name}`,
      `Authorization: Bearer ${token}`,
      ...lines,
      `Content-Length: ${Buffer.byteLength(body, 'latin1')}`,
      'Connection: close',
    ) + body,
  ])
  const text = answer.text.slice(answer.text.indexOf('\r\n\r\n') + 4)
  return gotOf(answer.statuses.at(-1) ?? 0, Buffer.from(text, 'latin1').toString())
}

async function overHttp2({ method, target, host: name, headers, body, token }: Sent): Promise<Got> {
  const session = openHttp2(plane.port)
  const grouped: Record<string, string[]> = { authorization: [`Bearer ${token}`] }
  for (const [header, value] of headers) (grouped[header.toLowerCase()] ??= []).push(value)
  const answer = await callHttp2(session, {
    method,
    path: target,
    authority: name,
    headers: Object.fromEntries(
      Object.entries(grouped).map(([one, values]) => [
        one,
        values.length === 1 ? (values[0] ?? '') : values,
      ]),
    ),
    body: Buffer.from(body, 'latin1'),
  })
  session.destroy()
  return gotOf(answer.status, Buffer.from(answer.body, 'latin1').toString())
}

function gotOf(status: number, text: string): Got {
  const code = status === 200 || text === '' ? '' : String(JSON.parse(text).code)
  return { status, code, text }
}

function base(token: string): Sent {
  return {
    method: 'POST',
    target: '/orders/7?a=1&a=2&b=x+y&c=x%20y',
    host,
    headers: [
      ['content-type', 'application/json'],
      ['if-match', '"v1"'],
      ['x-free', 'unbound'],
    ],
    body: '{"amount":1,"to":"ops"}',
    token,
  }
}

function withProof(sent: Sent, proof: string): Sent {
  return { ...sent, headers: [...sent.headers, ['proofgate-proof', proof]] }
}

function withHeader(sent: Sent, name: string, value: string | undefined): Sent {
  const others = sent.headers.filter(([one]) => one !== name)
  return { ...sent, headers: value === undefined ? others : [...others, [name, value]] }
}

/** Each with the code of its refusal and what the original request is answered behind it. */
type Mutation = readonly [label: string, change: (sent: Sent) => Sent, code: RegExp, then: string]

const mismatch = /^proof\.mismatch$/
const target =
  (query: string): Mutation[1] =>
  (sent) => ({ ...sent, target: `/orders/7${query}` })

const mutations: readonly Mutation[] = [
  ...['PUT', 'PATCH', 'DELETE', 'GET'].map((method): Mutation => [
    `by ${method}`,
    (sent) => ({ ...sent, method }),
    mismatch,
    'spent',
  ]),
  [
    'on another path',
    (sent) => ({ ...sent, target: sent.target.replace('/7', '/8') }),
    mismatch,
    'spent',
  ],
  [
    'below the path',
    (sent) => ({ ...sent, target: sent.target.replace('/7', '/7/8') }),
    mismatch,
    'spent',
  ],
  [
    'in another case',
    (sent) => ({ ...sent, target: '/orders/7?A=1&a=2&b=x+y&c=x%20y' }),
    mismatch,
    'spent',
  ],
  ['without its query', target(''), mismatch, 'spent'],
  ['in another order', target('?a=2&a=1&b=x+y&c=x%20y'), mismatch, 'spent'],
  ['with more query', target('?a=1&a=2&b=x+y&c=x%20y&d=1'), mismatch, 'spent'],
  ['with a parameter thrice', target('?a=1&a=2&a=2&b=x+y&c=x%20y'), mismatch, 'spent'],
  ['with a parameter once', target('?a=1&b=x+y&c=x%20y'), mismatch, 'spent'],
  ['with %20 for +', target('?a=1&a=2&b=x%20y&c=x%20y'), mismatch, 'spent'],
  ['with + for %20', target('?a=1&a=2&b=x+y&c=x+y'), mismatch, 'spent'],
  ['with an escape for a letter', target('?a=1&a=2&b=x+y&c=%78%20y'), mismatch, 'spent'],
  ['with an empty parameter', target('?a=1&a=2&b=x+y&c=x%20y&'), mismatch, 'spent'],
  ['at another host', (sent) => ({ ...sent, host: otherHost }), mismatch, 'spent'],
  ['with another listed header', (sent) => withHeader(sent, 'if-match', '"v2"'), mismatch, 'spent'],
  ['without a listed header', (sent) => withHeader(sent, 'if-match', undefined), mismatch, 'spent'],
  [
    'with a listed header twice',
    (sent) => ({ ...sent, headers: [...sent.headers, ['if-match', '"v1"']] }),
    mismatch,
    'spent',
  ],
  ['with an empty listed header', (sent) => withHeader(sent, 'if-match', ''), mismatch, 'spent'],
  [
    'with a second spelling of a listed header',
    (sent) => withHeader(sent, 'if_match', '"v2"'),
    /^gateway\.malformed$/,
    'passes',
  ],
  [
    'with another content type',
    (sent) => withHeader(sent, 'content-type', 'application/json; charset=utf-16'),
    mismatch,
    'spent',
  ],
  [
    'without its content type',
    (sent) => withHeader(sent, 'content-type', undefined),
    mismatch,
    'spent',
  ],
  [
    'with a content coding',
    (sent) => withHeader(sent, 'content-encoding', 'gzip'),
    /body_unreadable/,
    'passes',
  ],
  ['without its body', (sent) => ({ ...sent, body: '' }), mismatch, 'spent'],
  ['with a byte more', (sent) => ({ ...sent, body: `${sent.body} ` }), mismatch, 'spent'],
  ['with a byte less', (sent) => ({ ...sent, body: sent.body.slice(0, -1) }), mismatch, 'spent'],
  ...Array.from({ length: 23 }, (_, at): Mutation => [
    `with another byte ${at}`,
    (sent) => ({ ...sent, body: flipped(sent.body, at) }),
    mismatch,
    'spent',
  ]),
  [
    'by another person',
    (sent) => ({ ...sent, token: plane.mint.token(plane.bob) }),
    /^(proof\.unknown|policy\.)/,
    'passes',
  ],
  [
    'by another token of the same person',
    (sent) => ({ ...sent, token: plane.mint.token(plane.alice) }),
    /^proof\.unknown$/,
    'passes',
  ],
  [
    'by another session with a token of the same id',
    (sent) => ({ ...sent, token: plane.mint.token(plane.alice, { jti: 'one', sid: 'another' }) }),
    /^proof\.unknown$/,
    'passes',
  ],
  [
    'without the proof',
    (sent) => withHeader(sent, 'proofgate-proof', undefined),
    /required/,
    'passes',
  ],
  [
    'with two proofs',
    (sent) => ({
      ...sent,
      headers: [...sent.headers, ['proofgate-proof', `id="${'A'.repeat(22)}"`]],
    }),
    /malformed/,
    'passes',
  ],
  [
    'with a proof of somebody else',
    (sent) => withHeader(sent, 'proofgate-proof', `id="${'A'.repeat(22)}"`),
    /^proof\.unknown$/,
    'passes',
  ],
]

function flipped(body: string, at: number): string {
  const bytes = Buffer.from(body)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  return bytes.toString('latin1')
}

async function approved(sent: Sent, send: (sent: Sent) => Promise<Got>): Promise<string> {
  const asked = askedFrom(await send(sent))
  await approving.approve(asked, alice)
  return `id="${asked.id}"`
}

function askedFrom({ status, code, text }: Got): AskedFor {
  assert.equal(status, 401, text)
  assert.equal(code, 'proof.required')
  return JSON.parse(text).proof as AskedFor
}

for (const [protocol, send] of [
  ['HTTP/1.1', overHttp1],
  ['HTTP/2', overHttp2],
] as const) {
  describe(`what was approved does not arrive over ${protocol}`, { timeout: 300_000 }, () => {
    for (const [label, change, code, then] of mutations) {
      // The client of HTTP/2 does not send some headers twice.
      if (protocol === 'HTTP/2' && label === 'with a listed header twice') continue
      it(label, async () => {
        const original = base(plane.mint.token(plane.alice, { jti: 'one', sid: 'mine' }))
        const proved = withProof(original, await approved(original, send))
        const refused = await send(change(proved))
        assert.match(refused.code, code, refused.text)
        assert.deepEqual(upstream.take(), [])
        const after = await send(proved)
        const arrived = upstream.take()
        if (then === 'passes') {
          assert.equal(after.status, 200, after.text)
          assert.equal(arrived[0]?.body, original.body)
          assert.equal(arrived.length, 1)
          return
        }
        assert.equal(after.code, `proof.${then}`)
        assert.deepEqual(arrived, [])
      })
    }

    it('a header that is dropped on the way is not the one that was approved', async () => {
      const original = base(plane.mint.token(plane.alice))
      const proved = withProof(original, await approved(original, send))
      const nominated = withHeader(proved, 'connection', 'if-match')
      if (protocol === 'HTTP/1.1') {
        assert.equal((await send(nominated)).code, 'gateway.malformed')
        assert.deepEqual(upstream.take(), [])
      }
      // What is not bound may change.
      const freely = withHeader(proved, 'x-free', 'other')
      assert.equal((await send(freely)).status, 200)
      assert.equal(upstream.take().length, 1)
    })

    it('after its time', async () => {
      const original = base(plane.mint.token(plane.alice))
      const proof = await approved(original, send)
      inDatabase(databaseOf(plane.gateway), (database) => {
        database.exec(`UPDATE request_proof SET expires_at = 1 WHERE state = 'approved'`)
      })
      assert.equal((await send(withProof(original, proof))).code, 'proof.expired')
      assert.deepEqual(upstream.take(), [])
    })
  })
}

describe('an assertion that comes with the request counts for', { timeout: 300_000 }, () => {
  const refusedFor = async (
    header: (asked: AskedFor) => string | Promise<string>,
  ): Promise<{ code: string; next: string }> => {
    const original = base(plane.mint.token(plane.alice))
    const asked = askedFrom(await overHttp1(original))
    const proved = withProof(original, await header(asked))
    const refused = await overHttp1(proved)
    assert.ok([400, 403].includes(refused.status), refused.text)
    const honest = await overHttp1(withProof(original, inlineProof(asked, alice)))
    const arrived = upstream.take()
    assert.equal(arrived.length, honest.status === 200 ? 1 : 0)
    return { code: refused.code, next: honest.code }
  }
  const changed = (hooks: object) => (asked: AskedFor) => inlineProof(asked, alice, hooks)

  const bent: readonly [string, (asked: AskedFor) => string | Promise<string>][] = [
    ['no key of another person', (asked) => inlineProof({ ...asked, allowCredentials: [] }, bob)],
    [
      'no key of another person that calls itself the caller',
      (asked) =>
        inlineProof({ ...asked, allowCredentials: [] }, bob, {
          response: (json: { id: string; rawId: string }) => ({
            ...json,
            id: asked.allowCredentials[0],
            rawId: asked.allowCredentials[0],
          }),
        }),
    ],
    ['no other challenge', (asked) => inlineProof({ ...asked, challenge: 'A'.repeat(43) }, alice)],
    ['no touch without verification', changed({ flags: (flags: number) => flags & ~4 })],
    ['no touch without presence', changed({ flags: (flags: number) => flags & ~1 })],
    ['no other relying party', changed({ rpIdHash: new Uint8Array(32) })],
    [
      'no other origin',
      changed({ clientData: (members: object) => ({ ...members, origin: 'http://evil.example' }) }),
    ],
    [
      'no page of others',
      changed({ clientData: (members: object) => ({ ...members, crossOrigin: true }) }),
    ],
    [
      'no registration',
      changed({ clientData: (members: object) => ({ ...members, type: 'webauthn.create' }) }),
    ],
    ['no broken signature', changed({ signature: (bytes: Buffer) => bytes.fill(1, 8, 16) })],
    [
      'no challenge of signing in',
      async (asked) => inlineProof({ ...asked, challenge: await challengeOf('sign-in') }, alice),
    ],
    [
      'no challenge of a confirmation',
      async (asked) => inlineProof({ ...asked, challenge: await challengeOf('confirm') }, alice),
    ],
  ]
  const challengeOf = async (purpose: string): Promise<string> => {
    const { identity } = plane.gateway
    const asked = await alice.client.post(`${identity}/webauthn/authentication/options`, {
      purpose,
    })
    assert.equal(asked.status, 200, asked.text)
    return String(asked.json().challenge)
  }

  for (const [label, header] of bent) {
    it(label, async () => {
      const { code, next } = await refusedFor(header)
      assert.match(code, /^proof\.(withdrawn|not_an_approver)$/)
      assert.equal(next, 'proof.spent')
    })
  }

  const unreadable: readonly [string, (asked: AskedFor) => string][] = [
    ['a word for it', ({ id }) => `id="${id}", method="passkey"`],
    ['an id alone in it', ({ id }) => `id="${id}", assertion=:${base64({ id: 'x' })}:`],
    ['nothing in it', ({ id }) => `id="${id}", assertion=::`],
    ['a list', ({ id }) => `id="${id}", assertion=:${base64([])}:`],
    [
      'garbage for a signature',
      (asked) =>
        inlineProof(asked, alice, {
          response: (json: { response: object }) => ({
            ...json,
            response: { ...json.response, signature: '!!' },
          }),
        }),
    ],
  ]
  for (const [label, header] of unreadable) {
    it(`nothing when it is ${label}, and takes nothing`, async () => {
      const { code, next } = await refusedFor(header)
      assert.equal(code, 'proof.malformed')
      assert.equal(next, '')
    })
  }

  it('no sign-in', async () => {
    const original = base(plane.mint.token(plane.alice))
    const asked = askedFrom(await overHttp1(original))
    const [, assertion = ''] = /assertion=:([^:]+):/.exec(inlineProof(asked, alice)) ?? []
    const response = JSON.parse(Buffer.from(assertion, 'base64').toString())
    await challengeOf('sign-in')
    const verify = `${plane.gateway.identity}/webauthn/authentication/verify`
    const refused = await alice.client.post(verify, response)
    assert.ok(refused.status >= 400, refused.text)
  })

  it('the caller alone where others have to approve as well', async () => {
    const token = plane.mint.token(plane.alice)
    const send = (proof?: string) =>
      call(`${plane.gateway.api}/both/1`, {
        method: 'PUT',
        headers: {
          authorization: `Bearer ${token}`,
          ...(proof === undefined ? {} : { 'proofgate-proof': proof }),
        },
      })
    const lonely = askedBy(await send())
    const refused = await send(inlineProof(lonely, alice))
    assert.equal(refused.json().code, 'proof.withdrawn')
    assert.deepEqual(upstream.take(), [])
    const both = askedBy(await send())
    await approving.approve(both, bob)
    assert.equal((await send(`id="${both.id}"`)).json().code, 'proof.pending')
    assert.equal((await send(inlineProof(both, alice))).status, 200)
    assert.equal(upstream.take().length, 1)
  })
})

function base64(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64')
}

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { FakeIssuer } from '../kit/fake-issuer.ts'
import { call } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { ProofKey } from '../kit/person.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

const secondsAgo = (seconds: number): number => Math.floor(Date.now() / 1000) - seconds

const statement = (name: string, effect: string, condition = ''): string =>
  `      - { Effect: ${effect}, Action: 'execute-api:Invoke', Resource: 'arn:aws:execute-api:*:*:app/default/*/policy/${name}'${condition === '' ? '' : `, Condition: ${condition}`} }\n`

const freshPolicies = `  fresh:
    Version: '2012-10-17'
    Statement:
${[
  statement('age', 'Allow', "{ NumericLessThan: { 'proofgate:ProofAge': '120' } }"),
  statement('denied-old', 'Allow'),
  statement('denied-old', 'Deny', "{ NumericGreaterThan: { 'proofgate:AuthAge': '60' } }"),
  statement('strong', 'Allow', "{ StringEquals: { 'proofgate:Acr': phrh } }"),
  statement(
    'both',
    'Allow',
    "{ StringEquals: { 'proofgate:Acr': phrh }, NumericLessThanEquals: { 'proofgate:ProofAge': '30' } }",
  ),
  statement('never', 'Deny', "{ NumericGreaterThan: { 'proofgate:ProofAge': '0' } }"),
  statement(
    'age-of-others',
    'Allow',
    "{ StringEquals: { 'aws:username': alice }, NumericLessThan: { 'proofgate:ProofAge': '120' } }",
  ),
].join('')}  earned:
    Version: '2012-10-17'
    Statement:
${statement('earned', 'Allow')}`

describe('routes that take a fresh proof, for programs', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  const issuer = new FakeIssuer('other')
  let plane: DataPlane

  before(async () => {
    await issuer.listen()
    plane = await startDataPlane({
      upstream: await upstream.listen(),
      routes: `      - { method: ANY, path: '/fresh/{rest+}', proof: { maxAge: 5m } }
      - { method: ANY, path: '/strong/{rest+}', proof: { acr: phrh } }
      - { method: ANY, path: '/both/{rest+}', proof: { maxAge: 90s, acr: phr } }
      - { method: ANY, path: '/theirs/{rest+}', authorizer: other, proof: { maxAge: 5m, acr: 'urn:mfa' } }
      - { method: ANY, path: '/policy/{name}' }
`,
      policies: freshPolicies,
      more: `roles:
  strong-hands:
    automatic: true
    policies: [earned]
    trust:
      Version: '2012-10-17'
      Statement:
        - Effect: Allow
          Principal: { AWS: '*' }
          Action: 'sts:AssumeRole'
          Condition: { StringEquals: { 'proofgate:Acr': phrh } }
issuers:
  other: { issuer: '${issuer.url}', audiences: ['api://orders'], algorithms: [ES256], groupsClaim: groups, dangerously_allowHttp: true }`,
    })
  })
  after(async () => {
    issuer.close()
    await plane.finish().finally(() => upstream.close())
  })

  const at = (path: string, claims: object): Promise<Answer> =>
    call(`${plane.gateway.api}${path}`, {
      headers: { authorization: `Bearer ${plane.mint.token(plane.alice, { ...claims })}` },
    })
  const theirs = (claims: object): Promise<Answer> => {
    const token = issuer.token({ groups: ['admins'], ...claims })
    return call(`${plane.gateway.api}/theirs/x`, { headers: { authorization: `Bearer ${token}` } })
  }

  it('lets through what is fresh and strong enough', async () => {
    for (const answer of [
      await at('/fresh/x', { auth_time: secondsAgo(290) }),
      await at('/strong/x', { acr: 'phrh', auth_time: secondsAgo(80_000) }),
      await at('/both/x', { acr: 'phr', auth_time: secondsAgo(80) }),
      await at('/both/x', { acr: 'phrh', auth_time: secondsAgo(80) }),
      await theirs({ acr: 'urn:mfa', auth_time: secondsAgo(280) }),
    ]) {
      assert.equal(answer.status, 200, answer.text)
    }
    assert.equal(upstream.take().length, 5)
  })

  it('answers what is not with the challenge of RFC 9470, and the service sees nothing', async () => {
    const cases: readonly [string, Answer, RegExp, object][] = [
      [
        'too old',
        await at('/fresh/x', { auth_time: secondsAgo(302) }),
        /max_age="300"/,
        { max_age: 300 },
      ],
      [
        'without a time',
        await at('/fresh/x', { auth_time: undefined }),
        /max_age="300"/,
        { max_age: 300 },
      ],
      [
        'of the future',
        await at('/fresh/x', { auth_time: secondsAgo(-900) }),
        /max_age="300"/,
        { max_age: 300 },
      ],
      [
        'too weak',
        await at('/strong/x', { acr: 'phr' }),
        /acr_values="phrh"/,
        { acr_values: 'phrh' },
      ],
      ['without a class', await at('/strong/x', {}), /acr_values="phrh"/, { acr_values: 'phrh' }],
      [
        'strong and old',
        await at('/both/x', { acr: 'phrh', auth_time: secondsAgo(100) }),
        /acr_values="phr", max_age="90"/,
        { acr_values: 'phr', max_age: 90 },
      ],
      [
        'fresh and weak',
        await at('/both/x', { acr: 'pwd' }),
        /max_age="90"/,
        { acr_values: 'phr' },
      ],
      [
        'of another issuer, in a class that is strong elsewhere',
        await theirs({ acr: 'phrh', auth_time: secondsAgo(1) }),
        /acr_values="urn:mfa", max_age="300"/,
        { acr_values: 'urn:mfa' },
      ],
      [
        'of another issuer, too old',
        await theirs({ acr: 'urn:mfa', auth_time: secondsAgo(400) }),
        /max_age/,
        {},
      ],
      ['of another issuer, without a time', await theirs({ acr: 'urn:mfa' }), /max_age/, {}],
    ]
    for (const [label, answer, parameters, members] of cases) {
      assert.equal(answer.status, 401, `${label}: ${answer.text}`)
      const challenge = String(answer.headers['www-authenticate'])
      assert.match(challenge, /^Bearer error="insufficient_user_authentication", error_desc/, label)
      assert.match(challenge, parameters, label)
      const problem = answer.json()
      assert.equal(problem.code, 'gateway.fresh_proof_required', label)
      assert.deepEqual({ ...problem, ...members }, problem, label)
      assert.deepEqual(upstream.take(), [], label)
    }
  })

  it('challenges in the scheme the token was presented in', async () => {
    const key = new ProofKey()
    const url = `${plane.gateway.api}/fresh/x`
    const token = plane.mint.bound(plane.alice, key, { auth_time: secondsAgo(900) })
    const headers = { authorization: `DPoP ${token}`, dpop: key.prove('GET', url, token) }
    const answer = await call(url, { headers })
    assert.equal(answer.status, 401)
    assert.match(String(answer.headers['www-authenticate']), /^DPoP error="insufficient_user/)
  })

  it('asks nobody for a proof who is refused all the same', async () => {
    const denied = await call(`${plane.gateway.api}/fresh/x`, {
      headers: {
        authorization: `Bearer ${plane.mint.token(plane.bob, { auth_time: secondsAgo(900) })}`,
      },
    })
    assert.equal(denied.status, 403, denied.text)
    assert.equal(denied.headers['www-authenticate'], undefined)
    const nobody = await call(`${plane.gateway.api}/fresh/x`)
    assert.equal(nobody.json().code, 'gateway.unauthenticated')
    assert.deepEqual(upstream.take(), [])
  })

  it('finds the demand in the policies, and says the oldest touch that they would take', async () => {
    const asBob = (path: string, claims: object): Promise<Answer> =>
      call(`${plane.gateway.api}${path}`, {
        headers: { authorization: `Bearer ${plane.mint.token(plane.bob, { ...claims })}` },
      })
    const cases: readonly [string, object, object][] = [
      ['/policy/age', { auth_time: secondsAgo(900) }, { max_age: 119 }],
      ['/policy/age', { auth_time: undefined }, { max_age: 119 }],
      ['/policy/denied-old', { auth_time: secondsAgo(900) }, { max_age: 60 }],
      ['/policy/strong', { acr: 'phr' }, { acr_values: 'phrh' }],
      [
        '/policy/both',
        { acr: 'phr', auth_time: secondsAgo(900) },
        { acr_values: 'phrh', max_age: 30 },
      ],
      ['/policy/earned', { acr: 'phr' }, { acr_values: 'phrh' }],
    ]
    for (const [path, claims, members] of cases) {
      const answer = await asBob(path, claims)
      assert.equal(answer.status, 401, `${path}: ${answer.text}`)
      const problem = answer.json()
      assert.equal(problem.code, 'gateway.fresh_proof_required', path)
      const { max_age, acr_values } = problem
      assert.deepEqual(JSON.parse(JSON.stringify({ max_age, acr_values })), members, path)
      const strong = { acr: 'phrh', auth_time: secondsAgo(1) }
      assert.equal((await asBob(path, strong)).status, 200, path)
    }
    assert.equal(upstream.take().length, cases.length)
  })

  it('asks for no touch where none would help', async () => {
    for (const [person, path] of [
      [plane.bob, '/policy/never'],
      [plane.bob, '/policy/age-of-others'],
    ] as const) {
      const token = plane.mint.token(person, { auth_time: secondsAgo(900) })
      const answer = await call(`${plane.gateway.api}${path}`, {
        headers: { authorization: `Bearer ${token}` },
      })
      assert.equal(answer.status, 403, `${path}: ${answer.text}`)
    }
    assert.deepEqual(upstream.take(), [])
  })
})

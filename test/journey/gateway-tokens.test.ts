import assert from 'node:assert/strict'
import { createHash, createPublicKey, randomUUID } from 'node:crypto'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { proofgate } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { obtainTokens, ProofKey, SoftPerson } from '../kit/person.ts'
import type { Tokens } from '../kit/person.ts'
import { headerOf, RecordingUpstream } from '../kit/upstream.ts'
import { encode, es256, forge, hs256, p256, unsigned } from '../token/forge.ts'

describe('tokens and proofs at the gateway', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let plane: DataPlane
  let url: string
  let real: { tokens: Tokens; key: ProofKey }
  let person: SoftPerson

  before(async () => {
    plane = await startDataPlane({ upstream: await upstream.listen() })
    url = `${plane.gateway.api}/app/x`
    person = new SoftPerson(plane.gateway)
    await person.enrolByLink(plane.gateway.enrolment?.link ?? '')
    real = await obtainTokens(person)
  })
  after(async () => {
    await plane.finish().finally(() => upstream.close())
  })

  const bearer = (token: string): Promise<Answer> =>
    call(url, { headers: { authorization: `Bearer ${token}` } })

  const refused = async (answer: Answer, code: RegExp, label: string): Promise<void> => {
    assert.equal(answer.status, 401, `${label}: ${answer.text}`)
    assert.match(answer.json().code, code, label)
    assert.equal(answer.headers['content-type'], 'application/problem+json')
    assert.deepEqual(upstream.take(), [], label)
  }

  it('lets a genuine token through and vouches for the person, not with the token', async () => {
    const token = plane.mint.token(plane.alice)
    const answer = await bearer(token)
    assert.equal(answer.status, 200, answer.text)
    const [seen] = upstream.take()
    const assertion = headerOf(seen, 'x-proofgate-assertion')[0] ?? ''
    const claims = JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString())
    assert.equal(claims.sub, plane.alice)
    assert.ok(!JSON.stringify(seen).includes(token))
  })

  it('refuses unsigned and half tokens', async () => {
    const claims = plane.mint.claims(plane.alice)
    const good = plane.mint.token(plane.alice)
    const [head = '', body = '', signature = ''] = good.split('.')
    for (const alg of [
      'none',
      'None',
      'nOnE',
      '',
      undefined,
      null,
      'HS256',
      'ES384',
      'RS256',
      'EdDSA',
    ]) {
      const header = { ...plane.mint.header, alg }
      await refused(await bearer(forge(header, claims, unsigned)), /token.invalid/, `alg ${alg}`)
      await refused(
        await bearer(forge(header, claims, es256(plane.mint.key))),
        /token.invalid/,
        `alg ${alg} signed`,
      )
    }
    for (const text of [
      `${head}.${body}.`,
      `${head}.${body}`,
      `${head}..${signature}`,
      '..',
      `${good}.x`,
      `${good}=`,
      `${head}.${body}.${signature.slice(0, -4)}`,
      `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`,
      good.toUpperCase(),
      'x',
      'a'.repeat(12_000),
    ]) {
      await refused(await bearer(text), /token.invalid/, text.slice(0, 40))
    }
  })

  it('never takes a public key as a shared secret', async () => {
    const key = createPublicKey(plane.mint.key)
    const pem = key.export({ type: 'spki', format: 'pem' })
    const header = { ...plane.mint.header, alg: 'HS256' }
    for (const secret of [
      pem,
      pem.trimEnd(),
      ` ${pem}`,
      key.export({ type: 'spki', format: 'der' }),
      JSON.stringify(plane.mint.publicJwk),
      '',
    ]) {
      const token = forge(header, plane.mint.claims(plane.alice), hs256(secret))
      await refused(await bearer(token), /token.invalid/, 'HS256')
    }
  })

  it('takes no key from a token and fetches nothing for it', async () => {
    let connections = 0
    const listener = createServer((socket) => {
      connections += 1
      socket.destroy()
    })
    await new Promise<void>((resolve) => {
      listener.listen(0, '127.0.0.1', resolve)
    })
    const address = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/keys`
    const own = p256()
    const jwk = own.publicKey.export({ format: 'jwk' })
    for (const more of [
      { jwk },
      { jwk, kid: undefined },
      { x5c: ['MIIB'], kid: 'x' },
      { jku: address },
      { x5u: address },
      { jku: address, kid: 'new' },
      { kid: address },
      { kid: '../../etc/passwd' },
      { kid: '__proto__' },
      { crit: ['exp'] },
      { b64: false, crit: ['b64'] },
      { zip: 'DEF' },
    ]) {
      const header = { ...plane.mint.header, ...more }
      const token = forge(header, plane.mint.claims(plane.alice), es256(own.privateKey))
      await refused(await bearer(token), /token.invalid/, JSON.stringify(more))
    }
    const critical = plane.mint.token(plane.alice, {}, { crit: ['exp'] })
    await refused(await bearer(critical), /token.invalid/, 'crit')
    listener.close()
    assert.equal(connections, 0)
  })

  it('holds times to their bounds and their form', async () => {
    const now = Math.floor(Date.now() / 1000)
    for (const times of [
      { exp: now - 61, iat: now - 120 },
      { exp: now - 7, iat: now - 60 },
      { iat: now + 30, exp: now + 60 },
      { nbf: now + 120 },
      { exp: String(now + 60) },
      { exp: null },
      { exp: -1 },
      { exp: undefined },
      { iat: undefined },
      { iat: now, exp: now + 100 * 365 * 86_400 },
      { iat: now, exp: now + 601 },
      { exp: [now + 60] },
      { exp: { a: 1 } },
      { exp: true },
      { nbf: 'x' },
    ]) {
      const token = plane.mint.token(plane.alice, times)
      await refused(await bearer(token), /token.(invalid|expired)/, JSON.stringify(times))
    }
    const claims = JSON.stringify(plane.mint.claims(plane.alice)).replace(
      /"exp":\d+/,
      '"exp":1e400',
    )
    const token = forge(plane.mint.header, claims, es256(plane.mint.key))
    await refused(await bearer(token), /token.invalid/, '1e400')
    for (const raw of ['[]', '"x"', 'null', '{', `${claims}x`, '', '{"exp":1,"exp":2}']) {
      const odd = forge(plane.mint.header, raw, es256(plane.mint.key))
      await refused(await bearer(odd), /token.invalid/, raw.slice(0, 10))
    }
  })

  it('is the only audience and believes one issuer', async () => {
    const audience = plane.gateway.apis[0]?.audience ?? ''
    for (const aud of [
      undefined,
      'other',
      ['other', audience],
      [audience],
      { [audience]: 1 },
      '',
      null,
      `${audience}/`,
      audience.toUpperCase(),
    ]) {
      const answer = await bearer(plane.mint.token(plane.alice, { aud }))
      await refused(answer, /token.(invalid|wrong_audience)/, JSON.stringify(aud))
    }
    for (const iss of [undefined, 'http://evil', `${plane.gateway.issuer}/`, '', null]) {
      await refused(await bearer(plane.mint.token(plane.alice, { iss })), /invalid/, String(iss))
    }
    for (const more of [
      { sub: undefined },
      { sub: '' },
      { sub: 5 },
      { jti: undefined },
      { client_id: undefined },
    ]) {
      await refused(
        await bearer(plane.mint.token(plane.alice, more)),
        /invalid/,
        JSON.stringify(more),
      )
    }
  })

  it('confuses no kind of token with another', async () => {
    for (const typ of [
      undefined,
      'JWT',
      'dpop+jwt',
      'proofgate-assertion+jwt',
      'logout+jwt',
      'AT+JWTX',
      '',
    ]) {
      await refused(
        await bearer(plane.mint.token(plane.alice, {}, { typ })),
        /invalid/,
        String(typ),
      )
    }
    await refused(await bearer(real.tokens.id_token), /token.invalid/, 'id token')
    await refused(await bearer(real.tokens.refresh_token), /token.invalid/, 'refresh token')
    await bearer(plane.mint.token(plane.alice))
    const [seen] = upstream.take()
    const [assertion = ''] = headerOf(seen, 'x-proofgate-assertion')
    await refused(await bearer(assertion), /token.invalid/, 'assertion')
  })

  it('refuses people it does not know', async () => {
    for (const subject of [randomUUID(), '__proto__', 'anonymous', 'alice']) {
      await refused(await bearer(plane.mint.token(subject)), /session_ended/, subject)
    }
  })

  it('decides by the groups it keeps, not by those a token names', async () => {
    const token = plane.mint.token(plane.bob, { groups: ['admins'], policies: ['everything'] })
    const at = (path: string, method = 'GET'): Promise<Answer> =>
      call(`${plane.gateway.api}${path}`, { method, headers: { authorization: `Bearer ${token}` } })
    assert.equal((await at('/app/x')).status, 200)
    assert.equal((await at('/admin/x')).status, 403)
    assert.equal((await at('/app/x', 'DELETE')).json().code, 'policy.explicit_deny')
    assert.equal(upstream.take().length, 1)
    const alice = plane.mint.token(plane.alice)
    const headers = { authorization: `Bearer ${alice}` }
    assert.equal((await call(`${plane.gateway.api}/admin/x`, { headers })).status, 200)
    upstream.take()
  })

  it('tells programs how to authenticate', async () => {
    const none = await call(url)
    assert.equal(none.status, 401)
    const lines = String(none.headers['www-authenticate'])
    const metadata = `resource_metadata="${plane.gateway.api}/.well-known/oauth-protected-resource"`
    assert.ok(lines.includes('Bearer') && lines.includes('DPoP') && lines.includes(metadata), lines)
    assert.ok(!lines.includes('error='), lines)
    assert.match(
      String((await bearer('x')).headers['www-authenticate']),
      /^Bearer error="invalid_token"/,
    )
    const bound = await bearer(plane.mint.bound(plane.alice, real.key))
    assert.match(String(bound.headers['www-authenticate']), /^DPoP error="invalid_token"/)
    const open = await call(`${plane.gateway.api}/.well-known/oauth-protected-resource`)
    assert.equal(open.json().resource, plane.gateway.apis[0]?.audience)
  })

  describe('bound tokens', () => {
    let key: ProofKey
    let token: string
    before(() => {
      key = new ProofKey()
      token = plane.mint.bound(plane.alice, key)
    })

    const send = (proof: string | undefined, scheme = 'DPoP', text = token): Promise<Answer> =>
      call(url, {
        headers: {
          authorization: `${scheme} ${text}`,
          ...(proof === undefined ? {} : { dpop: proof }),
        },
      })

    it('count only with a proof, and with the scheme that says so', async () => {
      assert.equal((await send(key.prove('GET', url, token))).status, 200)
      upstream.take()
      await refused(await send(undefined), /proof_required/, 'no proof')
      await refused(await send(undefined, 'Bearer'), /proof_required/, 'bearer')
      await refused(
        await send(key.prove('GET', url, token), 'Bearer'),
        /proof_required/,
        'bearer+proof',
      )
      const unbound = plane.mint.token(plane.alice)
      await refused(
        await send(key.prove('GET', url, unbound), 'DPoP', unbound),
        /not_bound/,
        'unbound',
      )
      for (const cnf of [{}, { jkt: '' }, { jkt: 1 }, 'x', { 'x5t#S256': 'x' }, null, []]) {
        const odd = plane.mint.token(plane.alice, { cnf })
        await refused(await send(undefined, 'Bearer', odd), /token/, JSON.stringify(cnf))
      }
    })

    it('refuse proofs by another key or of another kind', async () => {
      const other = new ProofKey()
      await refused(await send(other.prove('GET', url, token)), /proof_invalid/, 'key')
      const claims = {
        jti: randomUUID(),
        htm: 'GET',
        htu: url,
        iat: Math.floor(Date.now() / 1000),
        ath: createHash('sha256').update(token).digest('base64url'),
      }
      for (const header of [
        { typ: 'JWT', alg: 'ES256', jwk: key.jwk },
        { typ: 'dpop+jwt', alg: 'none', jwk: key.jwk },
        { typ: 'dpop+jwt', alg: 'HS256', jwk: key.jwk },
        { typ: 'dpop+jwt', alg: 'ES256', jwk: { ...key.jwk, d: 'AAAA' } },
        { typ: 'dpop+jwt', alg: 'ES256', jwk: { kty: 'oct', k: 'AAAA' } },
        { typ: 'dpop+jwt', alg: 'ES256' },
        { typ: 'dpop+jwt', alg: 'ES256', jwk: other.jwk },
        { typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk, crit: ['x'], x: 1 },
      ]) {
        await refused(
          await send(key.signJwt(header, claims)),
          /proof_invalid/,
          JSON.stringify(header),
        )
      }
      const good = key.prove('GET', url, token)
      await refused(await send(`${good.slice(0, -6)}AAAAAA`), /proof_invalid/, 'signature')
      await refused(await send(`${encode('x')}.${encode('y')}.z`), /proof_invalid/, 'garbage')
      await refused(await send(''), /proof_/, 'empty')
    })

    it('refuse proofs for another request, time or token', async () => {
      const now = Math.floor(Date.now() / 1000)
      const { origin } = new URL(url)
      for (const more of [
        { htm: 'POST' },
        { htm: 'get' },
        { htm: undefined },
        { htu: `${origin}/app/y` },
        { htu: `${origin}/app/x/` },
        { htu: url.replace('http:', 'https:') },
        { htu: url.replace(/:\d+/, ':1') },
        { htu: url.replace('api.', 'apj.') },
        { htu: '/app/x' },
        { htu: 5 },
        { htu: url.replace('http://', 'http://user@') },
        { htu: undefined },
        { htu: `${origin}/app/../app/x` },
        { iat: now - 70 },
        { iat: now + 70 },
        { iat: String(now) },
        { iat: undefined },
        { jti: undefined },
        { jti: '' },
        { jti: 'x'.repeat(500) },
        { ath: undefined },
        { ath: createHash('sha256').update('other').digest('base64url') },
        { ath: createHash('sha512').update(token).digest('base64url') },
        { ath: `${createHash('sha256').update(token).digest('base64url')}=` },
        { ath: createHash('sha256').update(token).digest('base64') },
        { ath: createHash('sha256').update(token).digest('hex') },
      ]) {
        await refused(
          await send(key.prove('GET', url, token, more)),
          /proof_invalid/,
          JSON.stringify(more),
        )
      }
    })

    it('take proofs whose host is in another case or that name a query', async () => {
      for (const htu of [url.replace('http://api', 'HTTP://API'), `${url}?a=1#f`]) {
        assert.equal((await send(key.prove('GET', url, token, { htu }))).status, 200, htu)
      }
      upstream.take()
    })

    it('serve each proof once, one after another and fifty at a time', async () => {
      const proof = key.prove('GET', url, token)
      const records = await decisionsDuring(
        plane,
        async () => {
          const answers = await Promise.all(Array.from({ length: 50 }, () => send(proof)))
          assert.equal(answers.filter(({ status }) => status === 200).length, 1)
          assert.equal(answers.filter(({ status }) => status === 401).length, 49)
          assert.equal((await send(proof)).json().code, 'token.proof_replayed')
        },
        51,
      )
      assert.equal(records.length, 51)
      assert.equal(upstream.take().length, 1)
    })

    it('let a refused proof be no proof for anybody', async () => {
      const other = plane.mint.bound(plane.bob, key)
      const proof = key.prove('GET', url, token)
      await refused(await send(proof, 'DPoP', other), /proof_invalid/, 'other token')
      assert.equal((await send(proof)).status, 200, 'a failed try does not use a proof up')
      upstream.take()
    })
  })

  it('never mixes up two people who call at the same time', async () => {
    const tokens = [plane.mint.token(plane.alice), plane.mint.token(plane.bob)]
    const people = [plane.alice, plane.bob]
    const worker = async (seed: number): Promise<void> => {
      for (let n = 0; n < 60; n++) {
        const which = (seed * 7 + n * 13 + (n >> 2)) % 2
        const answer = await bearer(tokens[which] ?? '')
        assert.equal(answer.status, 200)
        const headers = answer.json().headers as string[]
        const assertion = headers[headers.indexOf('x-proofgate-assertion') + 1] ?? ''
        const claims = JSON.parse(
          Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString(),
        )
        assert.equal(claims.sub, people[which])
      }
    }
    await Promise.all(Array.from({ length: 10 }, (_, seed) => worker(seed)))
    upstream.take()
  })

  it('lets one record stand for each request, under the id the caller was told', async () => {
    const ids: string[] = []
    const records = await decisionsDuring(
      plane,
      async () => {
        const alice = plane.mint.token(plane.alice)
        for (const [path, token] of [
          ['/public/x', ''],
          ['/app/x', ''],
          ['/app/x', alice],
          ['/app/x', 'nonsense'],
          ['/nowhere', alice],
          ['/admin/x', plane.mint.token(plane.bob)],
          ['/public/..%2f', ''],
        ] as const) {
          const headers: Record<string, string> =
            token === '' ? {} : { authorization: `Bearer ${token}` }
          const answer = await call(`${plane.gateway.api}${path}`, { headers })
          ids.push(String(answer.headers['x-request-id']))
        }
      },
      7,
    )
    assert.deepEqual(
      records.map(({ id }) => id),
      ids,
    )
    upstream.take()
  })

  it('refuses a person at once when they are disabled or their session ends', async () => {
    const alice = plane.mint.token(plane.alice)
    const mine = real.tokens.access_token
    const withProof = (): Promise<Answer> =>
      call(url, {
        headers: { authorization: `DPoP ${mine}`, dpop: real.key.prove('GET', url, mine) },
      })
    assert.equal((await withProof()).status, 200)
    const bob = plane.mint.token(plane.bob)
    assert.equal((await bearer(bob)).status, 200)
    const data = ['--data-dir', plane.gateway.dataDirectory]
    const disabled = await proofgate(['people', 'disable', 'bob', ...data])
    assert.equal(disabled.code, 0, disabled.stderr)
    upstream.take()
    await refused(await bearer(bob), /session_ended/, 'disabled')
    await refused(await bearer(plane.mint.token(plane.bob)), /session_ended/, 'disabled, new token')
    await proofgate(['people', 'enable', 'bob', ...data])
    await refused(await bearer(bob), /session_ended/, 'enabled again, old token')
    const claims = JSON.parse(Buffer.from(mine.split('.')[1] ?? '', 'base64url').toString())
    const ended = await proofgate(['sessions', 'end', String(claims.sid), ...data])
    assert.equal(ended.code, 0, ended.stderr)
    await refused(await withProof(), /session_ended/, 'session ended')
    assert.equal((await bearer(alice)).status, 200)
    upstream.take()
  })
})

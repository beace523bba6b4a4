import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, before, describe, it } from 'node:test'
import { askedBy, inlineProof } from '../kit/approving.ts'
import type { AskedFor } from '../kit/approving.ts'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { databaseOf, enrolled, eventually, follow, inDatabase } from '../kit/flows.ts'
import { proofgate } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { Mint, personId, recordsOf } from '../kit/minting.ts'
import type { SoftPerson } from '../kit/person.ts'
import { pathWithTools } from '../kit/shell-tools.ts'
import { verifyProof } from '../../web/sdk/verify-proof.ts'
import { headerOf, RecordingUpstream } from '../kit/upstream.ts'

const approver = '{ groups: [ops, leads], count: 2 }'
const routes = `      - method: DELETE
        path: '/orders/{id}'
        proof: { request: { sentence: 'Delete order {id}' } }
      - method: POST
        path: /payments
        proof: { request: { sentence: 'Pay {body.amount}', validFor: 5m, forwardEvidence: true, approvers: ${approver} } }
      - method: POST
        path: /both
        proof: { request: { approvers: { self: true, groups: [ops], count: 1 } } }
`
const more = `  ops: { policies: [] }
  leads: { policies: [] }
`

/** People, each with a key, and an API that takes proofs. */
function peopleText(text: string): string {
  return text
    .replace(
      '{ username: alice, groups: [admins] }',
      `{ username: alice, groups: [admins, ops] }
  - { username: carol, groups: [ops] }
  - { username: dora, groups: [leads] }
  - { username: erin, groups: [readers] }`,
    )
    .replace('  - { username: bob, groups: [readers] }', '  - { username: bob, groups: [ops] }')
    .replace('\npolicies:\n', `\n${more}policies:\n`)
}

const upstream = new RecordingUpstream()
let plane: DataPlane
let everybody: Record<string, SoftPerson>

before(async () => {
  plane = await startDataPlane({ upstream: await upstream.listen(), routes, edit: peopleText })
  const names = ['alice', 'bob', 'carol', 'dora', 'erin']
  everybody = {}
  for (const name of names) everybody[name] = await enrolled(plane.gateway, name)
  inDatabase(databaseOf(plane.gateway), (one) =>
    one.exec('UPDATE credential SET attestation_trusted = 1'),
  )
})
after(async () => {
  await plane.finish().finally(() => upstream.close())
})

function who(name: string): SoftPerson {
  const person = everybody[name]
  assert.ok(person !== undefined)
  return person
}

/** A touch on the approval page. */
async function touch(name: string, { id }: Pick<AskedFor, 'id'>): Promise<Answer> {
  const person = who(name)
  const page = `${plane.gateway.identity}/approve/${id}`
  const options = await person.client.post(`${page}/options`, {})
  if (options.status !== 200) return options
  const answer = person.authenticator.get(options.json().publicKey, { origin: person.origin })
  return person.client.post(`${page}/verify`, answer)
}

interface Sending {
  readonly path: string
  readonly token: string
  readonly proof?: string
  readonly body?: string
  readonly method?: string
}

function send({
  path,
  token,
  proof,
  body = '{"amount":7}',
  method = 'POST',
}: Sending): Promise<Answer> {
  return call(`${plane.gateway.api}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      ...(proof === undefined ? {} : { 'proofgate-proof': `id="${proof}"` }),
    },
    ...(method === 'DELETE' ? {} : { body }),
  })
}

function codeOf(answer: Answer): string {
  return answer.status === 200 ? 'ok' : (answer.json().code as string)
}

/** Whether each of these touches is taken, and what the request with the proof is answered after each. */
async function following(touches: readonly string[], sending: Omit<Sending, 'proof'>) {
  const asked = askedBy(await send(sending))
  const found: [string, string, string][] = []
  for (const name of touches) {
    const touched = codeOf(await touch(name, asked))
    found.push([name, touched, codeOf(await send({ ...sending, proof: asked.id }))])
  }
  return { asked, found }
}

describe('requests that several people approve', { timeout: 300_000 }, () => {
  const token = (): string => plane.mint.token(plane.alice)

  it('go through when enough different people of the groups have, and not before', async () => {
    const sending = { path: '/payments', token: token() }
    const touches = ['erin', 'alice', 'bob', 'bob', 'dora']
    const { asked, found } = await following(touches, sending)
    assert.equal(asked.sentence, 'Pay “7”')
    assert.deepEqual(asked.allowCredentials, [])
    assert.deepEqual(found, [
      ['erin', 'proof.unknown', 'proof.pending'],
      // Who asks is in the group, and none of the others.
      ['alice', 'proof.unknown', 'proof.pending'],
      ['bob', 'ok', 'proof.pending'],
      ['bob', 'proof.already_approved', 'proof.pending'],
      ['dora', 'ok', 'ok'],
    ])
    const [seen, ...others] = upstream.take()
    assert.deepEqual([seen?.body, others.length], ['{"amount":7}', 0])
    assert.deepEqual(headerOf(seen, 'proofgate-proof'), [])
    const [evidence = ''] = headerOf(seen, 'x-proofgate-evidence')
    const { statement, touches: verified } = await verifyProof(evidence, {
      rpId: plane.gateway.relyingPartyId,
      origins: [who('bob').origin],
      keys: 'evidence',
      request: {
        method: 'POST',
        authority: new URL(plane.gateway.api).host,
        target: '/payments',
        headers: { 'content-type': 'application/json' },
        content: Buffer.from(seen?.body ?? ''),
      },
      now: Date.now(),
    })
    assert.equal(statement.sentence, 'Pay “7”')
    assert.deepEqual(
      verified.map(({ username }) => username),
      ['bob', 'dora'],
    )
    assert.equal(codeOf(await send({ ...sending, proof: asked.id })), 'proof.spent')
  })

  it('never reach a service with evidence that a caller made up', async () => {
    for (const name of ['x-proofgate-evidence', 'X_Proofgate_Evidence']) {
      const answer = await call(`${plane.gateway.api}/app/x`, {
        headers: { authorization: `Bearer ${token()}`, [name]: 'made-up' },
      })
      assert.equal(answer.status, 200, answer.text)
      const [seen] = upstream.take()
      assert.doesNotMatch(JSON.stringify(seen), /made-up/)
    }
  })

  it('take the touch of who asks as well, where the route says so, in either order', async () => {
    for (const [first, second] of [
      ['alice', 'carol'],
      ['carol', 'alice'],
    ] as const) {
      const { found } = await following([first, second], { path: '/both', token: token() })
      assert.deepEqual(
        found.map(([, touched, sent]) => [touched, sent]),
        [
          ['ok', 'proof.pending'],
          ['ok', 'ok'],
        ],
      )
    }
    const two = await following(['bob', 'carol'], { path: '/both', token: token() })
    assert.deepEqual(two.found.at(-1), ['carol', 'ok', 'proof.pending'])
    assert.equal(upstream.take().length, 2)
  })

  it('wait for nobody after one of the people said no', async () => {
    const sending = { path: '/payments', token: token() }
    const { asked } = await following(['bob'], sending)
    const carol = who('carol')
    const form = { csrf: await carol.readCsrf(), because: 'denied' }
    const denied = await carol.client.call(`${plane.gateway.identity}/approve/${asked.id}/deny`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        origin: carol.origin,
      },
      body: new URLSearchParams(form).toString(),
    })
    assert.equal(denied.status, 303)
    assert.equal(codeOf(await touch('dora', asked)), 'proof.spent')
    assert.equal(codeOf(await send({ ...sending, proof: asked.id })), 'proof.denied')
    assert.equal(upstream.take().length, 0)
  })

  it('are worth nothing to somebody else, with the same rights', async () => {
    const { asked } = await following(['bob'], { path: '/payments', token: token() })
    await touch('carol', asked)
    const other = { path: '/payments', token: token(), proof: asked.id }
    assert.equal(codeOf(await send(other)), 'proof.unknown')
    assert.equal(upstream.take().length, 0)
  })

  it('are approved within their time or not at all', async () => {
    const sending = { path: '/payments', token: token() }
    const { asked } = await following(['dora'], sending)
    inDatabase(databaseOf(plane.gateway), (one) =>
      one
        .prepare('UPDATE request_proof SET expires_at = ? WHERE id = ?')
        .run(Date.now() - 1, asked.id),
    )
    assert.equal(codeOf(await touch('bob', asked)), 'proof.expired')
    assert.equal(codeOf(await send({ ...sending, proof: asked.id })), 'proof.expired')
    assert.equal(upstream.take().length, 0)
  })

  it('leave evidence of each touch that verifies without the gateway', async () => {
    const { gateway } = plane
    const asked = askedBy(await send({ path: '/payments', token: token() }))
    await touch('bob', asked)
    await touch('dora', asked)
    const verify = ['audit', 'proofs', asked.id, '--json', '--data-dir', gateway.dataDirectory]
    const ran = await proofgate(verify)
    assert.equal(ran.code, 0, ran.stderr + ran.stdout)
    for (const name of ['bob', 'dora']) assert.match(ran.stdout, new RegExp(`"${name}"`))
  })
})

describe('carriers of request-bound proofs', { timeout: 300_000 }, () => {
  const api = (): string => plane.gateway.api

  it('curl and jq, as the documents say', async () => {
    const page = readFileSync(new URL('../../docs/request-proof.md', import.meta.url), 'utf8')
    const script = /### curl\n[^`]*`TOKEN`[^`]*`jq`[^`]*```bash\n([^]*?)```/.exec(page)?.[1]
    assert.ok(script !== undefined)
    const { host, hostname, port } = new URL(api())
    const here = script
      .replaceAll('https://api.example.com', api())
      .replaceAll('curl -sS', `curl -sS --resolve ${hostname}:${port}:127.0.0.1`)
    assert.ok(here.includes(host))
    const mint = new Mint(plane.gateway)
    const shell = spawn('bash', ['-ec', here], {
      env: { PATH: pathWithTools(), TOKEN: mint.token(personId(plane.gateway, 'alice')) },
    })
    let [output, errors] = ['', '']
    shell.stdout.on('data', (text: Buffer) => (output += text.toString()))
    shell.stderr.on('data', (text: Buffer) => (errors += text.toString()))
    const ended = new Promise((resolve) => {
      shell.once('close', resolve)
    })
    const link = /Approve it at \S+\/approve\/([\w-]{22})\n/
    assert.ok(await eventually(() => link.test(output)), errors)
    assert.match(output, /^Delete order “7”\n/)
    assert.equal(upstream.take().length, 0)
    const touched = await touch('alice', { id: link.exec(output)?.[1] ?? '' })
    assert.equal(touched.status, 200, touched.text)
    assert.equal(await ended, 0, errors)
    assert.deepEqual(
      upstream.take().map(({ method, url }) => [method, url]),
      [['DELETE', '/orders/7']],
    )
  })

  it('an assertion of a key that counts back is refused, and told to whoever watches', async () => {
    const sending = { path: '/orders/8', method: 'DELETE', token: plane.mint.token(plane.alice) }
    const headers = (proof: string): Record<string, string> => ({
      authorization: `Bearer ${sending.token}`,
      'content-type': 'application/json',
      'proofgate-proof': proof,
    })
    const url = `${api()}/orders/8`
    const asked = askedBy(await send(sending))
    const back = inlineProof(asked, who('alice'), { signCount: 1 })
    const refused = await call(url, { method: 'DELETE', headers: headers(back) })
    assert.deepEqual([refused.status, codeOf(refused)], [403, 'proof.clone_suspected'])
    assert.equal(upstream.take().length, 0)
    const ceremonies = await recordsOf(plane.gateway, 'ceremony')
    const found = ceremonies.find(({ action }) => action === 'authenticator_clone_suspected')
    assert.equal(found?.what?.['proof'], asked.id)
    assert.equal(found.who?.credential, asked.allowCredentials[0])

    const next = askedBy(await send(sending))
    const forth = inlineProof(next, who('alice'))
    const passed = await call(url, { method: 'DELETE', headers: headers(forth) })
    assert.equal(passed.status, 200, passed.text)
    assert.equal(upstream.take().length, 1)
  })

  it('proofgate curl, from the sign-in to the answer', async () => {
    const opened: string[] = []
    const pages = createServer((request, response) => {
      opened.push((request.url ?? '').slice('/open?'.length))
      response.end()
    })
    await new Promise<void>((resolve) => {
      pages.listen(0, '127.0.0.1', resolve)
    })
    const { port } = pages.address() as AddressInfo
    const browser = fileURLToPath(new URL('../client/fake-browser.ts', import.meta.url))
    const environment = {
      PROOFGATE_CREDENTIALS_DIR: mkdtempSync(join(tmpdir(), 'proofgate-proof-people-')),
      PROOFGATE_ISSUER: plane.gateway.issuer,
      BROWSER: `${process.execPath} ${browser} http://127.0.0.1:${port}/open?%s`,
    }
    try {
      const signingIn = proofgate(['login'], { environment })
      assert.ok(await eventually(() => opened.length === 1))
      const redirectUri = new URL(opened[0] ?? '').searchParams.get('redirect_uri') ?? ''
      const back = await follow(who('alice'), { url: opened[0] ?? '', verifier: '', redirectUri })
      await call(back.href)
      const signedIn = await signingIn
      assert.equal(signedIn.code, 0, signedIn.stderr)

      const sending = proofgate(['curl', '-f', '-X', 'DELETE', `${api()}/orders/9`], {
        environment,
      })
      assert.ok(await eventually(() => opened.length === 2))
      assert.equal(upstream.take().length, 0)
      const id = opened[1]?.split('/').at(-1) ?? ''
      const touched = await touch('alice', { id })
      assert.equal(touched.status, 200, touched.text)
      const sent = await sending
      assert.equal(sent.code, 0, sent.stderr)
      assert.match(sent.stderr, /Delete order “9”/)
      assert.deepEqual(
        upstream.take().map(({ url }) => url),
        ['/orders/9'],
      )
    } finally {
      pages.close()
    }
  })
})

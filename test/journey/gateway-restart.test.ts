import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { dataPlaneText, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import {
  configurationFile,
  program,
  proofgate,
  startGateway,
  temporaryDirectory,
} from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { Mint, personId } from '../kit/minting.ts'
import { until } from '../kit/operations.ts'
import { ProofKey } from '../kit/person.ts'
import { freePort } from '../kit/ports.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

describe('gateways that die, double, or cannot write', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let port: number
  const running: GatewayProcess[] = []

  before(async () => {
    port = await upstream.listen()
  })
  after(async () => {
    for (const gateway of running) await gateway.kill()
    upstream.close()
  })

  function bound(plane: Pick<DataPlane, 'gateway'>, token: string, proof: string): Promise<Answer> {
    return call(`${plane.gateway.api}/app/x`, {
      headers: { authorization: `DPoP ${token}`, dpop: proof, connection: 'close' },
    })
  }

  it('takes no proof again after kill -9, and forgets no revocation', async () => {
    const first = await startDataPlane({ upstream: port, port: await freePort() })
    running.push(first.gateway)
    const key = new ProofKey()
    const token = first.mint.bound(first.alice, key)
    const old = first.mint.token(first.bob)
    const proofs = Array.from({ length: 10 }, () =>
      key.prove('GET', `${first.gateway.api}/app/x`, token),
    )
    for (const proof of proofs) assert.equal((await bound(first, token, proof)).status, 200)
    const data = ['--data-dir', first.gateway.dataDirectory]
    assert.equal((await proofgate(['people', 'disable', 'bob', ...data])).code, 0)
    await first.gateway.kill()
    const second = await startDataPlane({
      upstream: port,
      port: first.port,
      dataDirectory: first.gateway.dataDirectory,
    })
    running.push(second.gateway)
    for (const proof of proofs) {
      assert.equal((await bound(second, token, proof)).json().code, 'token.proof_replayed')
    }
    const fresh = key.prove('GET', `${second.gateway.api}/app/x`, token)
    assert.equal((await bound(second, token, fresh)).status, 200, 'the token itself still counts')
    const revoked = await call(`${second.gateway.api}/app/x`, {
      headers: { authorization: `Bearer ${old}` },
    })
    assert.equal(revoked.status, 401)
    await second.finish()
  })

  it('takes a proof once over two processes on one database, and hears of each revocation', async () => {
    const database = join(temporaryDirectory(), 'shared.db')
    const host = 'api.proofgate.localhost:19999'
    const text = dataPlaneText({
      upstream: port,
      more: `storage: { database: ${database} }
identity: { origin: 'http://auth.proofgate.localhost:18080' }`,
    }).replace('host: api.proofgate.localhost\n', `host: ${host}\n`)
    const start = async (dataDirectory: string): Promise<GatewayProcess> => {
      const command = ['serve', '--config', configurationFile(text)]
      const gateway = await startGateway({ command, dataDirectory })
      running.push(gateway)
      return gateway
    }
    const directories = [temporaryDirectory(), temporaryDirectory()] as const
    const one = await start(directories[0])
    mkdirSync(join(directories[1], 'keys'), { mode: 0o700 })
    for (const name of readdirSync(join(directories[0], 'keys'))) {
      if (!name.startsWith('sig-')) continue
      copyFileSync(join(directories[0], 'keys', name), join(directories[1], 'keys', name))
    }
    const two = await start(directories[1])
    const mint = new Mint(one)
    const key = new ProofKey()
    const token = mint.bound(personId(one, 'alice', database), key)
    const to = (gateway: GatewayProcess, headers: Record<string, string>): Promise<Answer> =>
      call(`${gateway.identity.replace('18080', portOf(gateway))}/app/x`, {
        headers: { ...headers, host },
      })
    for (let n = 0; n < 3; n++) {
      const dpop = key.prove('GET', `http://${host}/app/x`, token)
      const headers = { authorization: `DPoP ${token}`, dpop }
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, at) => to(at % 2 === 0 ? one : two, headers)),
      )
      const statuses = answers.map(({ status }) => status)
      assert.equal(statuses.filter((status) => status === 200).length, 1, String(statuses))
      assert.equal(statuses.filter((status) => status === 401).length, 19, String(statuses))
    }
    const bob = { authorization: `Bearer ${mint.token(personId(one, 'bob', database))}` }
    assert.equal((await to(one, bob)).status, 200)
    assert.equal((await to(two, bob)).status, 200)
    const disabled = await proofgate(['people', 'disable', 'bob', '--data-dir', one.dataDirectory])
    assert.equal(disabled.code, 0, disabled.stderr)
    assert.equal((await to(one, bob)).status, 401)
    await until('the other process knows', async () => (await to(two, bob)).status === 401)
    await Promise.all([one.stop(), two.stop()])
  })

  it('decides the same with a polluted Object.prototype', async () => {
    const pollution = join(temporaryDirectory(), 'pollution.mjs')
    writeFileSync(
      pollution,
      `for (const [name, value] of Object.entries({
        isAdmin: true, allow: true, shell: 'x', effect: 'allow', open: true, kind: 'open',
        groups: ['admins'], username: 'alice', admin: true, websocket: true, disabled: false,
        anonymous: true, policies: ['everything'], authenticated: true, dangerously_allowHttp: true,
        trusted: true, role: 'admin', session: 'x', person: 'alice', Allow: true, alice: ['everything'],
      })) Object.defineProperty(Object.prototype, name, { value, writable: true, configurable: true, enumerable: false })\n`,
    )
    const plane = await startDataPlane({
      upstream: port,
      environment: { NODE_OPTIONS: `--import=${pollution}` },
    })
    running.push(plane.gateway)
    upstream.take()
    const at = async (path: string, token?: string, method = 'GET'): Promise<number> => {
      const headers: Record<string, string> =
        token === undefined ? {} : { authorization: `Bearer ${token}` }
      return (await call(`${plane.gateway.api}${path}`, { method, headers })).status
    }
    const bob = plane.mint.token(plane.bob)
    assert.equal(await at('/app/x'), 401)
    assert.equal(await at('/admin/x'), 401)
    assert.equal(await at('/admin/x', bob), 403)
    assert.equal(await at('/app/x', bob, 'DELETE'), 403)
    assert.equal(await at('/nowhere', bob), 404)
    assert.equal(await at('/app/x', plane.mint.token('nobody')), 401)
    assert.deepEqual(upstream.take(), [])
    assert.equal(await at('/app/x', bob), 200)
    assert.equal(await at('/public/x'), 200)
    assert.equal(await at('/admin/x', plane.mint.token(plane.alice)), 200)
    upstream.take()
    await plane.gateway.stop()
  })

  it('forwards nothing while it cannot write, and needs no repair afterwards', async () => {
    const configuration = configurationFile(dataPlaneText({ upstream: port }))
    const dataDirectory = temporaryDirectory()
    const warm = await startGateway({
      command: ['serve', '--config', configuration],
      dataDirectory,
      port: await freePort(),
    })
    const mint = new Mint(warm)
    const publicPort = new URL(warm.api).port
    await warm.stop()
    // 512-byte blocks: enough to start, not for a thousand records.
    const child = spawn(
      'sh',
      [
        '-c',
        `ulimit -f 700; exec "$0" "$@"`,
        process.execPath,
        program,
        'serve',
        '--config',
        configuration,
        '--port',
        publicPort,
        '--admin-port',
        '0',
        '--data-dir',
        dataDirectory,
        '--json',
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    let errors = ''
    child.stderr.on('data', (chunk) => (errors += String(chunk)))
    await new Promise((resolve, reject) => {
      child.stdout.once('data', resolve)
      child.once('exit', () => reject(new Error(errors)))
    })
    const token = mint.token(personId({ dataDirectory }, 'alice'))
    upstream.take()
    const answers: (number | undefined)[] = []
    const isRefused = (status: number | undefined): boolean => status !== 200
    while (answers.length < 900 && answers.filter(isRefused).length < 5) {
      const answer = await call(`${warm.api}/app/${answers.length}`, {
        headers: { authorization: `Bearer ${token}`, 'user-agent': 'a'.repeat(250) },
      }).catch(() => undefined)
      answers.push(answer?.status)
    }
    const allowed = answers.filter((status) => status === 200).length
    const refused = answers.length - allowed
    assert.ok(
      answers.every((status) => [200, 503, undefined].includes(status)),
      String(answers),
    )
    assert.ok(answers.includes(503), 'the one that could not be recorded was told so')
    assert.ok(refused >= 5, `the limit was never reached: ${allowed}`)
    assert.equal(upstream.take().length, allowed, 'what was not recorded was not forwarded')
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('exit', resolve))
    const again = await startGateway({
      command: ['serve', '--config', configuration],
      dataDirectory,
      port: Number(publicPort),
    })
    running.push(again)
    const answer = await call(`${again.api}/app/x`, {
      headers: { authorization: `Bearer ${token}` },
    })
    assert.equal(answer.status, 200, answer.text)
    upstream.take()
    await again.stop()
    const verified = await proofgate(['audit', 'verify', '--data-dir', dataDirectory])
    assert.equal(verified.code, 0, verified.stdout)
  })
})

/** Its own port: the origins of its configuration name another one. */
function portOf(gateway: GatewayProcess): string {
  const status = readFileSync(join(gateway.dataDirectory, 'launch.json'), 'utf8')
  return String(JSON.parse(status).overrides.port)
}

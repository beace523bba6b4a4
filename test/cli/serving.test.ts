import { after, test } from 'node:test'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { call } from '../kit/http.ts'
import { program, proofgate, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { startService, until } from '../kit/operations.ts'
import { boundHeaders, obtainTokens, SoftPerson } from '../kit/person.ts'

const service = await startService()
const started: GatewayProcess[] = []
after(async () => {
  service.close()
  await Promise.all(started.map((gateway) => gateway.kill()))
})

async function start(...args: Parameters<typeof startGateway>): Promise<GatewayProcess> {
  const gateway = await startGateway(...args)
  started.push(gateway)
  return gateway
}

/** Enrols the first person and calls the API as them. */
async function callAsFirst(gateway: GatewayProcess, path: string): Promise<string> {
  const person = new SoftPerson(gateway)
  assert.equal((await person.enrolByLink(gateway.enrolment?.link ?? '')).status, 200)
  const { tokens, key } = await obtainTokens(person)
  const url = `${gateway.api}${path}`
  const answer = await call(url, { headers: boundHeaders(key, tokens.access_token, 'GET', url) })
  assert.equal(answer.status, 200, answer.text)
  return answer.text
}

test('up puts the gateway in front of a service, which nobody reaches without signing in', async () => {
  const gateway = await start({ command: ['up', service.url] })
  assert.equal(gateway.apis[0]?.name, 'service')
  assert.equal((await call(`${gateway.api}/anything`)).status, 401)
  assert.deepEqual(service.seen, [])
  assert.equal(await callAsFirst(gateway, '/anything/below'), '/anything/below')
  assert.deepEqual(service.seen, ['/anything/below'])
  const explained = await proofgate([
    'explain',
    'DELETE',
    `${gateway.api}/anything`,
    '--as',
    'admin',
    '--data-dir',
    gateway.dataDirectory,
  ])
  assert.equal(explained.code, 0, explained.stderr)
  assert.equal(await gateway.stop(), 0)
})

test('what init wrote is served as it is', async () => {
  const cwd = temporaryDirectory()
  assert.equal((await proofgate(['init'], { cwd })).code, 0)
  const file = join(cwd, 'proofgate.yaml')
  const gateway = await start({ command: ['serve', '--config', file] })
  assert.equal((await call(`${gateway.admin}/readyz`)).status, 200)
  assert.equal((await call(`${gateway.api}/orders`)).status, 401)
  assert.equal((await call(`${gateway.api}/elsewhere`)).status, 404)
  assert.equal(await gateway.stop(), 0)
})

test('start runs the sample service behind the gateway', async () => {
  const gateway = await start()
  const whoami = JSON.parse(await callAsFirst(gateway, '/whoami'))
  assert.match(JSON.stringify(whoami), /admin/)
  assert.equal(await gateway.stop(), 0)
})

test('the start tells people the addresses and the link, and programs one line of JSON', async () => {
  const data = temporaryDirectory()
  const args = ['up', service.url, '--port', '0', '--admin-port', '0', '--data-dir', data]
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
  const exit = new Promise((resolve) => {
    child.once('exit', resolve)
  })
  await until('it is up', () => text.includes('audit tail'))
  child.kill('SIGTERM')
  assert.equal(await exit, 0)
  assert.match(text, /Sign in +http:\/\/auth\.proofgate\.localhost:\d+\/account/)
  assert.match(text, /API +http:\/\/api\.proofgate\.localhost:\d+ {2}\(service\)/)
  assert.match(
    text,
    /Open this link once, within 15 minutes, as admin:\n\n {2}http:\S+\/enrol\/\S+\n/,
  )
  assert.match(text, /proofgate login --issuer http/)
  assert.doesNotMatch(text, /undefined|NaN|\[object/)
})

test('a domain names the hosts, and one origin holds everything', async () => {
  const apart = await start({ command: ['up', service.url, '--domain', 'example.localhost'] })
  assert.match(apart.issuer, /^http:\/\/auth\.example\.localhost:\d+$/)
  assert.equal(apart.relyingPartyId, 'example.localhost')
  const port = Number(new URL(apart.api).port)
  assert.equal(await apart.stop(), 0)
  const origin = `http://localhost:${port}`
  const together = await start({ command: ['up', service.url, '--origin', origin], port })
  assert.equal(together.api, origin)
  assert.equal(together.identity, `${origin}/.proofgate`)
  assert.equal(await callAsFirst(together, '/here'), '/here')
  assert.equal((await call(`${origin}/.proofgate/sign-in`)).status, 200)
  assert.equal(await together.stop(), 0)
})

test('a later start in the same directory offers the link again only while nobody has enrolled', async () => {
  const first = await start({ command: ['up', service.url] })
  const port = Number(new URL(first.api).port)
  const link = first.enrolment?.link ?? ''
  assert.equal(await first.stop(), 0)
  const dataDirectory = first.dataDirectory
  const second = await start({ command: ['up', service.url], dataDirectory, port })
  assert.notEqual(second.enrolment?.link, link)
  const person = new SoftPerson(second)
  assert.equal((await person.enrolByLink(second.enrolment?.link ?? '')).status, 200)
  const again = await new SoftPerson(second).enrolByLink(second.enrolment?.link ?? '')
  assert.equal(again.status, 403)
  await second.kill()
  const third = await start({ command: ['up', service.url], dataDirectory, port })
  assert.equal(third.enrolment, null)
  const stale = await new SoftPerson(third).enrolByLink(link)
  assert.equal(stale.status, 403, 'the link of the first start is still good')
  assert.equal(await third.stop(), 0)
})

test('the schema for editors and the facts of the run are private files that go or stay', async () => {
  const gateway = await start({ command: ['up', service.url] })
  const running = join(gateway.dataDirectory, 'run', 'server.json')
  assert.equal(statSync(running).mode & 0o777, 0o600)
  assert.equal(JSON.parse(readFileSync(running, 'utf8')).pid, gateway.child.pid)
  assert.ok(existsSync(join(gateway.dataDirectory, 'schema.json')))
  assert.equal(await gateway.stop(), 0)
  assert.ok(!existsSync(running))
})

test('a schema of an older version is replaced', async () => {
  const dataDirectory = temporaryDirectory()
  writeFileSync(join(dataDirectory, 'schema.json'), '{}')
  const gateway = await start({ command: ['up', service.url], dataDirectory })
  const written = (): string => readFileSync(join(dataDirectory, 'schema.json'), 'utf8')
  assert.match(written(), /upstreams/)
  assert.equal(await gateway.stop(), 0)
})

test('a server that was killed leaves nothing that stands in the way of the next', async () => {
  const gateway = await start({ command: ['up', service.url] })
  await gateway.kill()
  const where = ['--data-dir', gateway.dataDirectory]
  const status = await proofgate(['status', '--json', ...where])
  assert.equal(status.code, 0, status.stderr)
  const next = await start({
    command: ['up', service.url],
    dataDirectory: gateway.dataDirectory,
    port: Number(new URL(gateway.api).port),
  })
  assert.equal((await call(`${next.admin}/readyz`)).status, 200)
  assert.equal(await next.stop(), 0)
})

test('the version is printed without loading anything', async () => {
  const { version } = JSON.parse(readFileSync(join(program, '..', '..', 'package.json'), 'utf8'))
  const [long, short] = await Promise.all([
    proofgate(['--version'], { environment: { NODE_OPTIONS: '--no-experimental-strip-types' } }),
    proofgate(['-V']),
  ])
  assert.equal(long.stdout, `${version}\n`)
  assert.equal(short.stdout, `${version}\n`)
})

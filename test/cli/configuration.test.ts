import { test } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { buildProgram } from '../../src/cli/index.ts'
import { configurationFile, proofgate, temporaryDirectory } from '../kit/gateway.ts'

const everyCommand = await (async () => {
  const found: { path: string; command: Command }[] = []
  const walk = (parent: Command, path: string): void => {
    for (const command of parent.commands) {
      found.push({ path: `${path}${command.name()}`, command })
      walk(command, `${path}${command.name()} `)
    }
  }
  walk(
    await buildProgram({
      version: '1.2.3',
      installedVersion: () => undefined,
      onServing: () => undefined,
    }),
    '',
  )
  return found
})()

function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({ writeOut: (part) => (text += part) })
  command.outputHelp()
  return text
}

test('every command says what it does, and shows an example unless it only groups others', () => {
  assert.ok(everyCommand.length > 30)
  for (const { path, command } of everyCommand) {
    assert.notEqual(command.description(), '', path)
    if (command.commands.length > 0) continue
    assert.match(helpOf(command), /Example:\n {2}\$ proofgate |\$ source <\(proofgate/, path)
  }
})

test('every command that prints data takes --json', () => {
  /** What they print is a file, a script or JSON already. */
  const without = new Set(['init', 'completion', 'config schema', 'policy simulate'])
  for (const { path, command } of everyCommand) {
    if (command.commands.length > 0 || without.has(path)) continue
    assert.match(helpOf(command), /--json/, path)
  }
})

test('an unknown command, an unknown option and a bad port each end with 1 and name what was wrong', async () => {
  const [command, option, port, none] = await Promise.all([
    proofgate(['serv']),
    proofgate(['serve', '--prot', '1']),
    proofgate(['serve', '--port', '70000']),
    proofgate(['people']),
  ])
  assert.equal(command.code, 1)
  assert.match(command.stderr, /unknown command 'serv'\n\(Did you mean serve\?\)/)
  assert.equal(option.code, 1)
  assert.match(option.stderr, /unknown option '--prot'\n\(Did you mean --port\?\)/)
  assert.equal(port.code, 1)
  assert.match(port.stderr, /a port is a number from 0 to 65535/)
  assert.equal(none.code, 1)
  assert.match(none.stderr, /Usage: proofgate people/)
  for (const { stdout } of [command, option, port, none]) assert.equal(stdout, '')
})

test('init writes a file that check accepts, and does not replace one without being told to', async () => {
  const cwd = temporaryDirectory()
  const written = await proofgate(['init'], { cwd })
  assert.equal(written.code, 0, written.stderr)
  assert.equal(written.stdout, '')
  const text = readFileSync(join(cwd, 'proofgate.yaml'), 'utf8')
  assert.match(text, /^# yaml-language-server: \$schema=\.proofgate\/schema\.json\n/)
  const schema = JSON.parse(readFileSync(join(cwd, '.proofgate/schema.json'), 'utf8'))
  assert.equal(schema.additionalProperties, false)
  assert.equal(statSync(join(cwd, '.proofgate')).mode & 0o777, 0o700)

  writeFileSync(join(cwd, 'proofgate.yaml'), `${text}# mine\n`)
  const [checked, again] = await Promise.all([
    proofgate(['check', '--json'], { cwd }),
    proofgate(['init'], { cwd }),
  ])
  assert.equal(checked.code, 0, checked.stdout)
  const answer = JSON.parse(checked.stdout)
  assert.deepEqual(Object.keys(answer), ['ok', 'version', 'warnings', 'routes'])
  assert.equal(answer.ok, true)
  assert.match(answer.version, /^[0-9a-f]{16}$/)
  assert.equal(again.code, 1)
  assert.match(again.stderr, /proofgate\.yaml exists\n {2}Use `--force` to replace it/)
  assert.match(readFileSync(join(cwd, 'proofgate.yaml'), 'utf8'), /# mine/)
  assert.equal((await proofgate(['init', '--force'], { cwd })).code, 0)
  assert.equal(readFileSync(join(cwd, 'proofgate.yaml'), 'utf8'), text)
})

const bad = `version: 1
upstreams:
  orders: { url: ftp://127.0.0.1:8090 }
apis:
  orders:
    upstream: order
    routes:
      - { method: GET, path: 'orders', timeOut: 5s }
tokens: { accessLifetime: 1d }
`

test('check names every problem with its place and ends with 1', async () => {
  const file = configurationFile(bad)
  const [plain, json] = await Promise.all([
    proofgate(['check', file]),
    proofgate(['check', '--json', '--config', file]),
  ])
  assert.equal(plain.code, 1)
  assert.equal(json.code, 1)
  const answer = JSON.parse(json.stdout)
  assert.equal(answer.ok, false)
  const codes = answer.problems.map(({ line, code }: any) => `${line} ${code}`)
  for (const expected of ['3 config.upstream-url', '8 config.unknown-key', '8 config.route-path']) {
    assert.ok(codes.includes(expected), `${expected} is not in ${codes.join(', ')}`)
  }
  assert.ok(codes.includes('9 config.access-lifetime') || codes.includes('9 config.duration'))
  for (const problem of answer.problems) {
    const { file: place, line, column, code, message } = problem
    assert.deepEqual(Object.keys(problem), [
      'file',
      'line',
      'column',
      'path',
      'code',
      'message',
      'hint',
    ])
    assert.equal(place, file)
    assert.match(message, /^found .*expected /)
    assert.ok(plain.stdout.includes(`${file}:${line}:${column}  ${code}  ${message}`))
  }
  assert.match(plain.stdout, new RegExp(`: ${answer.problems.length} problems\n$`))
})

test('a missing file and an empty one are problems, not crashes', async () => {
  const missing = join(temporaryDirectory(), 'nowhere.yaml')
  const [none, empty, folder, list] = await Promise.all([
    proofgate(['check', missing]),
    proofgate(['check', '--json', configurationFile('')]),
    proofgate(['check', temporaryDirectory()]),
    proofgate(['check', configurationFile('- 1\n')]),
  ])
  for (const { code, stdout, stderr } of [none, empty, folder, list]) {
    assert.equal(code, 1)
    assert.match(stdout, /config\.[a-z-]+/)
    assert.equal(stderr, '')
  }
})

test('serve with a bad file starts nothing and says why on standard error', async () => {
  const data = temporaryDirectory()
  const served = await proofgate(['serve', '--config', configurationFile(bad), '--data-dir', data])
  assert.equal(served.code, 1)
  assert.equal(served.stdout, '')
  assert.match(served.stderr, /config\.upstream-url/)
  assert.match(served.stderr, /the configuration has \w+ problems; nothing was started/)
})

test('serve without a file says how to get one', async () => {
  const served = await proofgate(['serve', '--json'], { cwd: temporaryDirectory() })
  assert.equal(served.code, 1)
  const { error } = JSON.parse(served.stderr)
  assert.equal(error.code, 'cli.no_configuration')
  assert.match(error.hint, /proofgate init/)
})

test('up refuses what is not the address of a service', async () => {
  const cwd = temporaryDirectory()
  const [word, scheme, path, loop] = await Promise.all([
    proofgate(['up', 'localhost'], { cwd }),
    proofgate(['up', 'ftp://127.0.0.1:3000'], { cwd }),
    proofgate(['up', 'http://127.0.0.1:3000/app'], { cwd }),
    proofgate(['up', 'http://127.0.0.1:8123', '--port', '8123'], { cwd }),
  ])
  for (const { code, stdout, stderr } of [word, scheme, path, loop]) {
    assert.equal(code, 1, stderr)
    assert.equal(stdout, '')
  }
  assert.match(word.stderr, /Name scheme, host and port|expected http/)
  assert.match(scheme.stderr, /config\.upstream-url/)
  assert.match(path.stderr, /config\.upstream-url/)
  assert.match(loop.stderr, /config\.upstream-loop/)
})

test('config show names each value and where it came from, and hides what is secret', async () => {
  const directory = temporaryDirectory()
  const file = join(directory, 'proofgate.yaml')
  writeFileSync(
    file,
    `version: 1
upstreams: { orders: { url: 'http://127.0.0.1:\${ORDERS_PORT}' } }
apis: { orders: { upstream: orders, routes: [{ method: GET, path: /orders }] } }
clients:
  - { id: portal, name: Portal, redirectUris: ['https://portal.example/cb'], secret: '\${PORTAL_SECRET}' }
  - { id: inline, name: Inline, redirectUris: ['https://inline.example/cb'], secret: inline-secret-in-the-file }
`,
  )
  const environment = { ORDERS_PORT: '8090', PORTAL_SECRET: 'portal-secret-from-environment' }
  const args = ['config', 'show', '--config', file, '--port', '9191']
  const [plain, json] = await Promise.all([
    proofgate(args, { environment }),
    proofgate([...args, '--json'], { environment }),
  ])
  assert.equal(plain.code, 0, plain.stderr)
  const { values } = JSON.parse(json.stdout)
  const valueOf = (path: string): any => values.find((one: any) => one.path === path)
  assert.equal(valueOf('listeners.public.port').value, '9191')
  assert.equal(valueOf('listeners.public.port').source, 'flag')
  assert.equal(valueOf('upstreams.orders.url').value, 'http://127.0.0.1:8090')
  assert.equal(valueOf('limits.drain').source, 'default')
  assert.match(plain.stdout, /^KEY +VALUE +FROM\n/)
  assert.match(plain.stdout, /clients.*secret/)
  for (const { stdout, stderr } of [plain, json]) {
    assert.doesNotMatch(stdout + stderr, /portal-secret|inline-secret/)
  }
})

test('check says what routes do besides forwarding', async () => {
  const file = configurationFile(`version: 1
upstreams:
  main: { url: 'http://127.0.0.1:9001' }
  other: { url: 'http://127.0.0.1:9002' }
apis:
  app:
    upstream: main
    routes:
      - { method: GET, path: /plain }
      - { method: GET, path: '/orders/{id}', rewrite: { path: '/internal/{id}/x' }, mirror: { upstream: other, percent: 5 } }
      - { method: GET, path: /api, rewrite: { stripPrefix: /api } }
      - { method: GET, path: '/api/{rest+}', rewrite: { stripPrefix: /api, addPrefix: /v2 }, query: { keep: [a] } }
      - { method: GET, path: '/old/{id}', redirect: { to: 'https://example.com/{id}?x', status: 301 } }
      - { method: GET, path: /hello, respond: { body: hello }, maintenance: {} }
      - { method: GET, path: /split, split: [{ upstream: main, weight: 95 }, { upstream: other, weight: 5 }], cors: { origins: ['https://a.example', 'https://*.b.example'] } }
`)
  const [json, text] = await Promise.all([
    proofgate(['check', '--json', file]),
    proofgate(['check', file]),
  ])
  assert.equal(json.code, 0, json.stderr)
  const does = JSON.parse(json.stdout).routes.map((one: { route: string; does: string }) => [
    one.route,
    one.does,
  ])
  assert.deepEqual(does, [
    ['GET /orders/{id}', 'forwards /internal/{id}/x; copies 5 % to other'],
    ['GET /api', 'forwards /'],
    ['GET /api/{rest+}', 'forwards /v2/{rest+}; changes the query'],
    ['GET /old/{id}', 'redirects 301 to https://example.com/{id}?x'],
    ['GET /hello', 'under maintenance; responds 200'],
    ['GET /split', 'answers pages of https://a.example and 1 more; 95 to main, 5 to other'],
  ])
  assert.match(text.stdout, /^app +GET \/orders\/\{id\} +forwards \/internal\/\{id\}\/x/m)
})

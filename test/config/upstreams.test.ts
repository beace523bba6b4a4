import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { effectiveValues } from '../../src/config/index.ts'
import type { ConfiguredUpstream } from '../../src/config/index.ts'
import { selfSigned } from '../upstream/certificate.ts'
import { configurationOf, filesOf, placed, problemsOf } from './given.ts'
import { upstream } from './texts.ts'

const one = selfSigned('one.example')
const other = selfSigned('other.example')
const files = {
  '/etc/pg/tls/ca.pem': one.cert,
  '/etc/pg/tls/one.pem': one.cert,
  '/etc/pg/tls/one.key': one.key,
  '/etc/pg/tls/other.key': other.key,
  '/etc/pg/tls/empty.pem': '',
  '/etc/pg/tls/prose.pem': 'trust everybody',
  '/etc/pg/tls/half.pem': one.cert.slice(0, 200),
}
const secure = (tls: string): string => upstream(`url: https://a.example, tls: { ${tls} }`)

function read(rest: string): ConfiguredUpstream {
  const [found] = configurationOf(upstream(rest)).upstreams
  assert.ok(found !== undefined)
  return found
}

test('one URL is one target, without checks and ejection', () => {
  const { targets, balance, host, health, ejection, timeouts } = read('url: http://localhost:3000')
  assert.deepEqual(targets, [
    {
      label: 'http://localhost:3000',
      origin: 'http://localhost:3000',
      scheme: 'http',
      hostname: 'localhost',
      port: 3000,
      socketPath: undefined,
      weight: 1,
      backup: false,
    },
  ])
  assert.deepEqual(
    [balance, host, health, ejection],
    ['round-robin', undefined, undefined, undefined],
  )
  assert.deepEqual(timeouts, {
    connect: 5000,
    headers: 30_000,
    idle: 60_000,
    queue: 5000,
    total: undefined,
  })
})

test('several targets are watched for failures unless that is turned off', () => {
  const two = 'targets: [{ url: https://a.example }, { url: https://b.example }]'
  assert.deepEqual(read(two).ejection, {
    failures: 5,
    errorAnswers: undefined,
    base: 10_000,
    maxEjected: 50,
  })
  assert.equal(read(`${two}, ejection: none`).ejection, undefined)
  assert.deepEqual(read(two).retries, { share: 0.2, perRequest: 1 })
  assert.equal(read(`${two}, retries: none`).retries, undefined)
  assert.equal(read('url: https://a.example, ejection: {}').ejection?.maxEjected, 50)
})

test('weights decide how targets are chosen when nothing else does', () => {
  const weighed = 'targets: [{ url: https://a.example, weight: 2 }, { url: https://b.example }]'
  assert.equal(read(weighed).balance, 'weighted')
  assert.equal(read(`${weighed}, balance: sticky`).balance, 'sticky')
})

test('a socket is on this machine, and needs no leave', () => {
  const { targets, allowPrivateAddresses } = read('url: unix:/run/app.sock')
  assert.equal(targets[0]?.socketPath, '/run/app.sock')
  assert.equal(targets[0]?.label, 'unix:/run/app.sock')
  assert.equal(allowPrivateAddresses, true)
})

test('private addresses may be connected to unasked only if every URL names loopback', () => {
  const allowed = (urls: string[]): boolean =>
    read(`targets: [${urls.map((url) => `{ url: '${url}' }`).join(', ')}]`).allowPrivateAddresses
  assert.equal(allowed(['http://127.0.0.1:1', 'http://localhost:2', 'unix:/a']), true)
  assert.equal(allowed(['https://a.example', 'https://b.example']), false)
})

test('the files of TLS are read, followed, and part of the version', () => {
  const text = secure('ca: tls/ca.pem, cert: tls/one.pem, key: tls/one.key')
  const configuration = configurationOf(text, { readFile: filesOf(files) })
  const tls = configuration.upstreams[0]?.tls
  assert.equal(tls?.ca, one.cert)
  assert.equal(tls?.identity?.key.reveal(), one.key)
  assert.deepEqual(configuration.files.toSorted(), [
    '/etc/pg/proofgate.yaml',
    '/etc/pg/tls/ca.pem',
    '/etc/pg/tls/one.key',
    '/etc/pg/tls/one.pem',
  ])
  const renewed = configurationOf(text, {
    readFile: filesOf({ ...files, '/etc/pg/tls/ca.pem': other.cert }),
  })
  assert.notEqual(renewed.version, configuration.version)
  assert.notEqual(renewed.upstreams[0]?.tls?.fingerprint, tls?.fingerprint)
})

test('a private key of TLS is shown by nothing', () => {
  const configuration = configurationOf(secure('cert: tls/one.pem, key: tls/one.key'), {
    readFile: filesOf(files),
  })
  const [, line = ''] = one.key.split('\n')
  assert.ok(line.length > 20)
  for (const shown of [
    inspect(configuration, { depth: 20 }),
    JSON.stringify(configuration),
    JSON.stringify(effectiveValues(configuration)),
  ]) {
    assert.ok(!shown.includes(line))
  }
})

test('files that cannot be used together, or are no certificates, are refused and stay followed', () => {
  for (const tls of [
    'ca: tls/empty.pem',
    'ca: tls/prose.pem',
    'ca: tls/half.pem',
    'ca: tls/one.key',
    'cert: tls/one.pem, key: tls/other.key',
    'cert: tls/one.pem, key: tls/one.pem',
    'cert: tls/prose.pem, key: tls/one.key',
    'cert: tls/one.pem, key: tls/empty.pem',
  ]) {
    const problems = problemsOf(secure(tls), { readFile: filesOf(files) })
    assert.deepEqual(placed(problems), ['3:37 config.upstream-tls'], tls)
    assert.ok(!JSON.stringify(problems).includes('BEGIN'))
  }
})

test('turning verification off is named where weak switches are', () => {
  const configuration = configurationOf(secure('dangerously_skip_verification: true'))
  assert.deepEqual(configuration.dangerousSwitches, [
    'upstreams.a.tls.dangerously_skip_verification',
  ])
  assert.deepEqual(configurationOf(secure('minVersion: "1.3"')).dangerousSwitches, [])
})

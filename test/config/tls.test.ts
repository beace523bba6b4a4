import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { readTextFile } from '../../src/config/index.ts'
import { TestAuthority, writePair } from '../kit/certificates.ts'
import { temporaryDirectory } from '../kit/gateway.ts'
import { configurationOf, filesOf, load, placed, problemsOf, small, warningsOf } from './given.ts'

const authority = new TestAuthority()
const day = 86_400_000
const good = authority.server('*.proofgate.localhost', 'proofgate.localhost')
const other = authority.server('localhost')
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
const files: Record<string, string> = {
  'a.pem': good.cert,
  'a.key': good.key,
  'b.pem': other.cert,
  'b.key': other.key,
  'ca.pem': authority.ca,
  'none.pem': 'nothing\n',
  'ended.pem': authority.issue({ names: ['*.proofgate.localhost'], until: -day }).cert,
}
for (const [name, wished] of Object.entries({
  ended: { until: -1000 },
  soon: { until: 10 * day },
  later: { from: day },
})) {
  const pair = authority.issue({ names: ['*.proofgate.localhost'], ...wished })
  files[`${name}.pem`] = pair.cert
  files[`${name}.key`] = pair.key
}
files['weak.key'] = weak.privateKey.export({ format: 'pem', type: 'pkcs8' })
const readFile = filesOf(
  Object.fromEntries(Object.entries(files).map(([name, text]) => [`/etc/pg/${name}`, text])),
)

const pair = '{ cert: a.pem, key: a.key }'
const withTls = (tls: string): string =>
  `${small}listeners:\n  public:\n    port: 8443\n    tls: { ${tls} }\n`

test('with TLS every address is https, on the port that is listened on', () => {
  const { identity, apis, listeners } = configurationOf(withTls(`certificates: [${pair}]`), {
    readFile,
  })
  assert.equal(identity.origin, 'https://auth.proofgate.localhost:8443')
  assert.equal(apis[0]?.origin, 'https://api.proofgate.localhost:8443')
  assert.equal(listeners.public.tls?.minVersion, '1.2')
  const usual = withTls(`certificates: [${pair}]`).replace('8443', '443')
  assert.equal(
    configurationOf(usual, { readFile }).apis[0]?.origin,
    'https://api.proofgate.localhost',
  )
  const elsewhere = `${withTls(`certificates: [${pair}]`)}domain: gate.example\n`
  assert.equal(
    configurationOf(elsewhere, { readFile }).identity.origin,
    'https://auth.gate.example:8443',
  )
})

test('certificate files are watched like the configuration, and no key is printed', () => {
  const result = load(withTls(`certificates: [${pair}], clientCertificates: { ca: ca.pem }`), {
    readFile,
  })
  assert.ok('configuration' in result)
  for (const name of ['a.pem', 'a.key', 'ca.pem']) {
    assert.ok(result.files.includes(`/etc/pg/${name}`), name)
  }
  const body = good.key.split('\n')[1] ?? ''
  assert.doesNotMatch(inspect(result, { depth: 20 }), new RegExp(body.slice(0, 20)))
  assert.doesNotMatch(JSON.stringify(result), /PRIVATE KEY/)
  assert.equal(result.configuration.listeners.public.tls?.clientCertificates?.mode, 'request')
})

const refused: readonly (readonly [what: string, tls: string, code: string])[] = [
  ['no certificate at all', 'certificates: []', 'config.value'],
  ['a file that is not there', 'certificates: [{ cert: x.pem, key: a.key }]', 'config.tls-file'],
  ['a key that is not there', 'certificates: [{ cert: a.pem, key: x.key }]', 'config.tls-file'],
  [
    'a file without certificate',
    'certificates: [{ cert: none.pem, key: a.key }]',
    'config.tls-certificate',
  ],
  [
    'a key in place of a certificate',
    'certificates: [{ cert: a.key, key: a.key }]',
    'config.tls-certificate',
  ],
  [
    'a certificate in place of a key',
    'certificates: [{ cert: a.pem, key: a.pem }]',
    'config.tls-key',
  ],
  [
    'the key of another certificate',
    'certificates: [{ cert: a.pem, key: b.key }]',
    'config.tls-pair',
  ],
  [
    'a weak key of another kind',
    'certificates: [{ cert: a.pem, key: weak.key }]',
    'config.tls-pair',
  ],
  ['TLS 1.1', `certificates: [${pair}], minVersion: 1.1`, 'config.value'],
  [
    'suites without forward secrecy',
    `certificates: [${pair}], ciphers: AES128-SHA`,
    'config.value',
  ],
  [
    'a change of the security level',
    `certificates: [${pair}], ciphers: 'ALL:@SECLEVEL=0'`,
    'config.value',
  ],
  [
    'a suite nobody knows',
    `certificates: [${pair}], ciphers: ECDHE-ECDSA-AES128-GCM-SHA384`,
    'config.tls-ciphers',
  ],
  [
    'authorities that are not there',
    `certificates: [${pair}], clientCertificates: { ca: x.pem }`,
    'config.tls-file',
  ],
  [
    'an empty list of authorities',
    `certificates: [${pair}], clientCertificates: { ca: none.pem }`,
    'config.tls-authority',
  ],
  [
    'a leaf among the authorities',
    `certificates: [${pair}], clientCertificates: { ca: b.pem }`,
    'config.tls-authority',
  ],
  [
    'another mode',
    `certificates: [${pair}], clientCertificates: { ca: ca.pem, mode: maybe }`,
    'config.value',
  ],
]

for (const [what, tls, code] of refused) {
  test(`${what} is refused`, () => {
    assert.deepEqual(
      problemsOf(withTls(tls), { readFile }).map((problem) => problem.code),
      [code],
    )
  })
}

test('an http origin at a listener with TLS is refused where it is written', () => {
  const text = `${withTls(`certificates: [${pair}]`)}identity: { origin: 'http://auth.proofgate.localhost:8443' }\n`
  const problems = problemsOf(text, { readFile })
  assert.deepEqual([...new Set(problems.map((problem) => problem.code))], ['config.tls-origin'])
  assert.equal(problems[0]?.path, 'identity.origin')
})

test('HTTP/2 without TLS is refused at a listener with TLS', () => {
  const text = withTls(`certificates: [${pair}]`).replace('port: 8443', 'port: 8443\n    h2c: true')
  const problems = problemsOf(text, { readFile })
  assert.deepEqual(
    problems.map((problem) => [problem.code, problem.path]),
    [['config.h2c-tls', 'listeners.public.h2c']],
  )
})

const doubted: readonly (readonly [what: string, tls: string, code: string])[] = [
  [
    'has expired',
    'certificates: [{ cert: ended.pem, key: ended.key }]',
    'config.warn-certificate-expiry',
  ],
  [
    'expires within two weeks',
    'certificates: [{ cert: soon.pem, key: soon.key }]',
    'config.warn-certificate-expiry',
  ],
  [
    'is not valid yet',
    'certificates: [{ cert: later.pem, key: later.key }]',
    'config.warn-certificate-expiry',
  ],
  [
    'is for other hosts',
    'certificates: [{ cert: b.pem, key: b.key }]',
    'config.warn-certificate-host',
  ],
]

for (const [what, tls, code] of doubted) {
  test(`a certificate that ${what} is warned of`, () => {
    const warnings = warningsOf(withTls(tls), { readFile })
    assert.deepEqual([...new Set(warnings.map((warning) => warning.code))], [code])
  })
}

test('a key that other accounts can read is warned of', () => {
  const directory = temporaryDirectory()
  writePair(directory, 'a', good)
  const text = withTls(`certificates: [${pair}]`)
  const at = { file: join(directory, 'proofgate.yaml'), readFile: readTextFile }
  assert.deepEqual(warningsOf(text, at), [])
  chmodSync(join(directory, 'a.key'), 0o640)
  assert.deepEqual(placed(warningsOf(text, at)), ['11:42 config.warn-key-exposed'])
})

test('the PROXY protocol needs to know from whom, and never takes it from everybody', () => {
  const listener = (from: string): string =>
    `${small}listeners: { public: { proxyProtocol: { from: ${from} } } }\n`
  assert.deepEqual(configurationOf(listener('[10.0.0.0/8]')).listeners.public.proxyProtocol, {
    __proto__: null,
    from: ['10.0.0.0/8'],
  })
  for (const from of ['[]', '[0.0.0.0/0]', '["::/0"]', '[proxy.example]', '[10.0.0.1]']) {
    assert.equal(problemsOf(listener(from)).length, 1, from)
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newRoot } from '../kit/attestation/authority.ts'
import { newKeyPair } from '../kit/soft-authenticator.ts'
import { configurationOf, filesOf, placed, problemsOf, small } from './given.ts'

const root = newRoot('Soft Root')
const pem = `-----BEGIN CERTIFICATE-----\n${root.certificate.toString('base64')}\n-----END CERTIFICATE-----\n`
const key = newKeyPair(-7).publicKey.export({ format: 'pem', type: 'spki' })
const old = newRoot('Old', { version: 0 }).certificate.toString('base64')
const readFile = filesOf({
  '/etc/pg/root.pem': pem,
  '/etc/pg/key.pem': key,
  '/etc/pg/both.pem': `${pem}${key}`,
  '/etc/pg/none.pem': 'nothing\n',
  '/etc/pg/damaged.pem': `${pem}${pem.replace('MII', 'MIX')}`,
  '/etc/pg/old.pem': `-----BEGIN CERTIFICATE-----\n${old}\n-----END CERTIFICATE-----\n`,
})
const model = '2FC0579F-8113-47ea-b116-bb5a8db9202a'
const full = `${small}authenticators:
  allow: hardware-only
  attestation: direct
  algorithms: [EdDSA, ES256]
  aaguids: { allow: [${model}], deny: [00000000-0000-0000-0000-000000000000] }
  trustAnchors:
    - { file: root.pem, aaguids: [${model}] }
    - { file: both.pem }
groups:
  admins: { authenticators: { allow: device-bound } }
  others: {}
`

test('nothing is asked of authenticators unless it is written', () => {
  const { authenticators } = configurationOf(small)
  assert.deepEqual(authenticators, {
    preset: undefined,
    attestation: 'none',
    clone: 'block',
    signIn: 'any',
    trustAnchors: [],
    metadata: undefined,
    registered: { reported: 'suspend', refused: 'warn' },
    allow: 'any',
    algorithms: ['ES256', 'EdDSA', 'RS256'],
    aaguids: { allow: undefined, deny: [] },
    makers: { allow: undefined, deny: [] },
    serials: undefined,
    certification: undefined,
  })
})

test('rules, anchors and those of groups are read, AAGUIDs in lower case', () => {
  const { authenticators, groups } = configurationOf(full, { readFile })
  assert.equal(authenticators.allow, 'hardware-only')
  assert.deepEqual(authenticators.algorithms, ['EdDSA', 'ES256'])
  assert.deepEqual(authenticators.aaguids.allow, [model.toLowerCase()])
  assert.deepEqual(authenticators.trustAnchors, [
    { file: '/etc/pg/root.pem', pem, aaguids: [model.toLowerCase()] },
    { file: '/etc/pg/both.pem', pem: `${pem}${key}`, aaguids: undefined },
  ])
  assert.equal(groups[0]?.authenticators?.allow, 'device-bound')
  assert.equal(groups[1]?.authenticators, undefined)
})

test('algorithms of ML-DSA are read where they are written, in their order', () => {
  const algorithms = ['ML-DSA-87', 'ML-DSA-65', 'ML-DSA-44', 'ES256']
  const text = `${small}authenticators: { algorithms: [${algorithms.join(', ')}] }\n`
  const { authenticators, groups } = configurationOf(
    `${text}groups:
  lattices: { authenticators: { algorithms: [ML-DSA-44] } }
  bound: { authenticators: { allow: device-bound } }
`,
  )
  assert.deepEqual(authenticators.algorithms, algorithms)
  assert.deepEqual(groups[0]?.authenticators?.algorithms, ['ML-DSA-44'])
  for (const one of algorithms) {
    assert.ok(groups[1]?.authenticators?.algorithms.some((left) => left === one))
  }
})

test('makers and serial numbers are read as they are written, of everybody and of groups', () => {
  const { authenticators, groups } = configurationOf(
    `${small}authenticators:
  attestation: enterprise
  trustAnchors: [{ file: root.pem }]
  makers: { allow: [Yubico, Acme Keys], deny: [Other] }
  serials: ['12345678', '0x00AB']
groups:
  admins: { authenticators: { makers: { deny: [Acme] }, serials: ['1'] } }
`,
    { readFile },
  )
  assert.deepEqual(authenticators.makers, { allow: ['Yubico', 'Acme Keys'], deny: ['Other'] })
  assert.deepEqual(authenticators.serials, ['12345678', '0x00AB'])
  assert.deepEqual(groups[0]?.authenticators?.makers, { allow: undefined, deny: ['Acme'] })
  assert.deepEqual(groups[0]?.authenticators?.serials, ['1'])
})

test('another certificate in the same file is another configuration', () => {
  const version = (text: string) =>
    configurationOf(full, {
      readFile: (path) => (path.endsWith('root.pem') ? text : readFile(path)),
    }).version
  assert.equal(version(pem), version(pem))
  assert.notEqual(version(pem), version(key))
})

const problems: readonly (readonly [name: string, text: string, ...codes: string[]])[] = [
  [
    'hardware-only without attestation',
    'authenticators: { allow: hardware-only, trustAnchors: [{ file: root.pem }] }',
    'config.authenticators',
  ],
  [
    'hardware-only without anchors',
    'authenticators: { allow: hardware-only, attestation: direct }',
    'config.authenticators',
  ],
  [
    'allowed models without anchors',
    `authenticators: { attestation: direct, aaguids: { allow: [${model}] } }`,
    'config.authenticators',
  ],
  [
    'a group that wants what nobody can prove',
    'groups: { admins: { authenticators: { allow: hardware-only } } }',
    'config.authenticators',
  ],
  [
    'allowed makers without anchors',
    'authenticators: { attestation: direct, makers: { allow: [Acme] } }',
    'config.authenticators',
  ],
  [
    'allowed makers of a group without attestation',
    'groups: { admins: { authenticators: { makers: { allow: [Acme] } } } }',
    'config.authenticators',
  ],
  [
    'serial numbers without enterprise attestation',
    "authenticators: { attestation: direct, trustAnchors: [{ file: root.pem }], serials: ['1'] }",
    'config.authenticators',
  ],
  [
    'serial numbers without anchors',
    "authenticators: { attestation: enterprise, serials: ['1'] }",
    'config.authenticators',
  ],
  [
    'serial numbers of a group without enterprise attestation',
    "groups: { admins: { authenticators: { serials: ['1'] } } }",
    'config.authenticators',
  ],
  [
    'sign-in by hardware only where other passkeys may be registered',
    'authenticators: { attestation: direct, trustAnchors: [{ file: root.pem }], signIn: hardware-only }',
    'config.authenticators',
  ],
  ['another answer to a clone', 'authenticators: { clone: ignore }', 'config.value'],
  ['no serial number', 'authenticators: { serials: [] }', 'config.value'],
  ['a serial number that is text', "authenticators: { serials: ['AB-1'] }", 'config.value'],
  ['a serial number that is a number of YAML', 'authenticators: { serials: [12] }', 'config.value'],
  ['a maker without letters', "authenticators: { makers: { deny: ['--'] } }", 'config.value'],
  [
    'a group of algorithms that nobody is allowed',
    'groups: { admins: { authenticators: { algorithms: [ML-DSA-44, ML-DSA-65] } } }',
    'config.authenticators',
  ],
  [
    'a missing file',
    'authenticators: { trustAnchors: [{ file: nowhere.pem }] }',
    'config.trust-anchor',
  ],
  [
    'a file without certificates',
    'authenticators: { trustAnchors: [{ file: none.pem }] }',
    'config.trust-anchor',
  ],
  [
    'a file with a damaged certificate',
    'authenticators: { trustAnchors: [{ file: damaged.pem }] }',
    'config.trust-anchor',
  ],
  [
    'a certificate of version 1',
    'authenticators: { trustAnchors: [{ file: old.pem }] }',
    'config.trust-anchor',
  ],
  [
    'an anchor for no model',
    'authenticators: { trustAnchors: [{ file: root.pem, aaguids: [] }] }',
    'config.value',
  ],
  ['an AAGUID that is none', 'authenticators: { aaguids: { deny: [yubikey] } }', 'config.value'],
  ['another kind', 'authenticators: { allow: hardware }', 'config.value'],
  ['another conveyance', 'authenticators: { attestation: indirect }', 'config.value'],
  ['no algorithm', 'authenticators: { algorithms: [] }', 'config.value'],
  ['another algorithm', 'authenticators: { algorithms: [RS1] }', 'config.value'],
  ['an unknown key', 'authenticators: { anchors: [] }', 'config.unknown-key'],
  [
    'anchors of a group',
    'groups: { admins: { authenticators: { trustAnchors: [] } } }',
    'config.unknown-key',
  ],
]

for (const [name, text, ...codes] of problems) {
  test(`refuses ${name}`, () => {
    const found = problemsOf(`${small}${text}\n`, { readFile })
    assert.deepEqual(
      placed(found).map((line) => line.split(' ')[1]),
      codes,
    )
  })
}

const withMetadata = (metadata: string, more = '') =>
  `${small}authenticators:\n  attestation: direct\n  metadata: ${metadata}\n${more}`

test('metadata is believed for certificates in files, by default of the signer everybody uses', () => {
  const text = withMetadata(
    '{ roots: [root.pem] }',
    '  certification: L1+\n  allow: hardware-only\n',
  )
  const { authenticators, version } = configurationOf(text, { readFile })
  const { metadata, certification } = authenticators
  assert.deepEqual(metadata?.roots, [{ file: '/etc/pg/root.pem', pem }])
  assert.equal(metadata?.signer, 'mds.fidoalliance.org')
  assert.equal(metadata?.refuseAfter, 90 * 86_400_000)
  assert.equal(certification, 'L1+')
  const other = newRoot('Other').certificate.toString('base64')
  const replaced = `-----BEGIN CERTIFICATE-----\n${other}\n-----END CERTIFICATE-----\n`
  const again = configurationOf(text, {
    readFile: (path) => (path.endsWith('root.pem') ? replaced : readFile(path)),
  })
  assert.notEqual(again.version, version)
})

test('metadata without sound roots and lists of revocations is refused', () => {
  const codes = (text: string) => problemsOf(text, { readFile }).map(({ code }) => code)
  for (const roots of [
    'missing.pem',
    'none.pem',
    'key.pem',
    'both.pem',
    'damaged.pem',
    'old.pem',
  ]) {
    assert.deepEqual(codes(withMetadata(`{ roots: [${roots}] }`)), ['config.trust-anchor'], roots)
  }
  assert.deepEqual(codes(withMetadata('{ roots: [] }')), ['config.value'])
  assert.deepEqual(codes(withMetadata('{}')), ['config.missing'])
  for (const list of ['missing.pem', 'root.pem']) {
    assert.deepEqual(codes(withMetadata(`{ roots: [root.pem], revocationLists: [${list}] }`)), [
      'config.revocation-list',
    ])
  }
  assert.deepEqual(codes(withMetadata('{ roots: [root.pem], signer: "*.example" }')), [
    'config.value',
  ])
  assert.deepEqual(codes(withMetadata('{ roots: [root.pem], address: x }')), ['config.unknown-key'])
})

test('a level of certification that nothing could prove is refused', () => {
  const codes = (text: string) => problemsOf(text, { readFile }).map(({ code }) => code)
  const asked = 'authenticators:\n  certification: L1\n'
  assert.deepEqual(codes(`${small}${asked}`), ['config.authenticators'])
  const anchored = '  attestation: direct\n  trustAnchors: [{ file: root.pem }]\n'
  assert.deepEqual(codes(`${small}${asked}${anchored}`), ['config.authenticators'])
  assert.deepEqual(codes(`${small}${asked}  metadata: { roots: [root.pem] }\n`), [
    'config.authenticators',
  ])
})

test('what becomes of registered passkeys is one of three words', () => {
  const said = (registered: string): string =>
    `${small}authenticators:\n  registered: ${registered}\n`
  const actsOf = (text: string) => configurationOf(text).authenticators.registered
  const both = { reported: 'warn', refused: 'suspend' }
  assert.deepEqual(actsOf(said('{ reported: warn, refused: suspend }')), both)
  const one = { reported: 'suspend', refused: 'keep' }
  assert.deepEqual(actsOf(said('{ refused: keep }')), one)
  assert.equal(problemsOf(said('{ refused: remove }')).length, 1)
  assert.equal(problemsOf(said('{ unknown: warn }')).length, 1)
})

test('lists of metadata are fetched over TLS, or from this machine', () => {
  const said = (url: string): string =>
    `${small}authenticators:\n  metadata: { roots: [root.pem], url: '${url}' }\n`
  const urlOf = (url: string) =>
    configurationOf(said(url), { readFile }).authenticators.metadata?.url
  for (const url of ['https://mds3.fidoalliance.org/', 'http://127.0.0.1:8000/blob']) {
    assert.equal(urlOf(url), url)
  }
  for (const url of ['http://mds.example/', 'https://a@mds.example/', 'file:///blob', 'x']) {
    assert.equal(problemsOf(said(url), { readFile }).length, 1, url)
  }
})

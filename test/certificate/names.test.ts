import assert from 'node:assert/strict'
import { createPublicKey, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { createPrivateKey } from 'node:crypto'
import {
  alternativeNames,
  certificateFacts,
  CoveredHosts,
  LocalAuthority,
  parseCertificates,
  parseKey,
} from '../../src/certificate/index.ts'
import { element, implicit, sequence } from '../../src/certificate/der.ts'
import { issueCertificate } from '../../src/certificate/issue.ts'

const { pair } = LocalAuthority.create(Date.now())

function withNames(...names: readonly Buffer[]): X509Certificate {
  const cert = issueCertificate(
    {
      issuer: 'Issuer, with "marks"',
      subject: 'one+two\nthree',
      publicKey: createPublicKey(pair.key),
      notBefore: Date.now() - 1000,
      notAfter: Date.now() + 1000,
      extensions:
        names.length === 0
          ? []
          : [{ type: '2.5.29.17', critical: false, value: sequence(...names) }],
    },
    createPrivateKey(pair.key),
  )
  return new X509Certificate(cert)
}

const dns = (text: string): Buffer => implicit(2, false, Buffer.from(text))
const uri = (text: string): Buffer => implicit(6, false, Buffer.from(text))
const email = (text: string): Buffer => implicit(1, false, Buffer.from(text))
const ip = (hex: string): Buffer => implicit(7, false, Buffer.from(hex, 'hex'))

test('alternative names are told apart, whatever stands in them', () => {
  const certificate = withNames(
    dns('a.example'),
    uri('spiffe://example/ns/a, DNS:evil.example'),
    email('a@example.com'),
    ip('7f000001'),
    ip('00000000000000000000000000000001'),
    uri('x"y\\z'),
  )
  assert.deepEqual(alternativeNames(certificate), [
    'DNS:a.example',
    'URI:spiffe://example/ns/a, DNS:evil.example',
    'email:a@example.com',
    'IP:127.0.0.1',
    'IP:::1',
    'URI:x"y\\z',
  ])
  assert.deepEqual(alternativeNames(withNames()), [])
})

test('names that cannot be told apart are none at all', () => {
  for (const subjectAltName of [
    'DNS:a.example, nonsense',
    'DNS:"a.example',
    'DNS:a.example,DNS:b',
    ', ',
  ]) {
    assert.equal(alternativeNames({ subjectAltName } as X509Certificate), undefined, subjectAltName)
    const covered = new CoveredHosts({ subjectAltName } as X509Certificate)
    assert.equal(covered.has('a.example'), false)
  }
})

test('a name of a kind that is not understood adds no host', () => {
  const directory = implicit(4, true, sequence(element(0x31)))
  const names = alternativeNames(withNames(dns('a.example'), directory))
  assert.ok(names === undefined || !names.some((name) => name.includes('evil')))
})

test('a certificate is for the hosts it names and for no other', () => {
  const hosts = new CoveredHosts(
    withNames(dns('api.example'), dns('*.wild.example'), dns('UPPER.example'), ip('7f000001')),
  )
  for (const host of ['api.example', 'a.wild.example', 'upper.example', '127.0.0.1']) {
    assert.equal(hosts.has(host), true, host)
  }
  const others = ['', 'example', 'wild.example', 'a.b.wild.example', '.wild.example', '*.example']
  others.push('api.example.', 'xapi.example', '127.0.0.2', '::1', 'IP:127.0.0.1', 'one+two')
  for (const host of others) assert.equal(hosts.has(host), false, host)
})

test('a wildcard of an address or of everything covers nothing', () => {
  const hosts = new CoveredHosts(withNames(dns('*'), dns('*.0.0.1'), dns('a*.example')))
  for (const host of ['localhost', '127.0.0.1', 'ab.example']) assert.equal(hosts.has(host), false)
})

test('facts name subject and issuer so that nobody can add a part to them', () => {
  const facts = certificateFacts(withNames(uri('urn:a')))
  assert.equal(facts?.subject, 'CN=one\\+two\\0Athree')
  assert.equal(facts?.issuer, 'CN=Issuer\\, with \\"marks\\"')
  assert.match(facts?.fingerprint ?? '', /^[0-9a-f]{64}$/)
  assert.equal(
    Buffer.from(facts?.thumbprint ?? '', 'base64url').toString('hex'),
    facts?.fingerprint,
  )
  assert.match(facts?.serial ?? '', /^[0-9a-f]+$/)
})

test('a text without a certificate, or with a broken one, has none', () => {
  const { cert, key } = pair
  assert.equal(parseCertificates(''), undefined)
  assert.equal(parseCertificates(key), undefined)
  const broken = cert.replace('MII', 'MIJ')
  assert.equal(parseCertificates(broken), undefined)
  assert.equal(parseCertificates(`${cert}${broken}`), undefined)
  assert.equal(parseCertificates(cert.repeat(513)), undefined)
  assert.equal(parseCertificates(`${cert}\nwords\n${cert}`)?.length, 2)
  assert.equal(parseKey(cert), undefined)
  assert.equal(parseKey(''), undefined)
})

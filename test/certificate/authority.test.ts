import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { connect, createServer } from 'node:tls'
import { isLocalHost, LocalAuthority, parseCertificates } from '../../src/certificate/index.ts'
import type { KeyPair } from '../../src/certificate/index.ts'
import { bitString, implicit, objectIdentifier, sequence } from '../../src/certificate/der.ts'
import { issueCertificate } from '../../src/certificate/issue.ts'

const now = Date.now()
const day = 86_400_000
const authority = LocalAuthority.create(now)

/** Connects to a server with the pair and answers why the client does not believe it. */
async function disbelief(pair: KeyPair, host: string): Promise<string | undefined> {
  const server = createServer(pair)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const socket = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    ...(host.includes(':') ? {} : { servername: host }),
    checkServerIdentity: () => undefined,
    ca: authority.pair.cert,
  })
  const reason = await new Promise<string | undefined>((resolve) => {
    socket.once('secureConnect', () => resolve(undefined))
    socket.once('error', (error) => resolve(error.message))
  })
  socket.destroy()
  server.close()
  return reason
}

/** A server certificate by the authority's key, for names it would not issue. */
function forgedFor(name: string): KeyPair {
  const leaf = authority.issueServer(['localhost'], now)
  const altName = sequence(implicit(2, false, Buffer.from(name)))
  const cert = issueCertificate(
    {
      issuer: certificateOf(authority.pair).subject.replace('CN=', ''),
      subject: 'forged',
      publicKey: createPublicKey(leaf.key),
      notBefore: now - day,
      notAfter: now + day,
      extensions: [{ type: '2.5.29.17', critical: false, value: altName }],
    },
    createPrivateKey(authority.pair.key),
  )
  return { cert, key: leaf.key }
}

function certificateOf({ cert }: { readonly cert: string }): X509Certificate {
  return new X509Certificate(cert)
}

test('a TLS client that trusts the authority believes its certificates', async () => {
  const pair = authority.issueServer(['*.proofgate.localhost', 'localhost', '127.0.0.1'], now)
  assert.equal(await disbelief(pair, 'localhost'), undefined)
  const certificate = certificateOf(pair)
  assert.ok(certificate.checkHost('api.proofgate.localhost'))
  assert.ok(certificate.checkIP('127.0.0.1'))
  assert.equal(certificate.checkHost('a.b.proofgate.localhost'), undefined)
  assert.equal(certificate.ca, false)
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1'])
})

test('what the key of the authority signs for another name is not believed', async () => {
  assert.equal(await disbelief(forgedFor('deep.below.localhost'), 'localhost'), undefined)
  for (const name of ['example.com', 'localhost.example.com', 'notlocalhost', 'com']) {
    assert.equal(await disbelief(forgedFor(name), 'localhost'), 'permitted subtree violation', name)
  }
})

test('no certificate lives longer than 397 days or longer than the authority', () => {
  const fresh = certificateOf(authority.issueServer(['localhost'], now))
  const lifetime = fresh.validToDate.getTime() - fresh.validFromDate.getTime()
  assert.ok(lifetime <= 397 * day && lifetime > 396 * day)
  const end = certificateOf(authority.pair).validToDate.getTime()
  const late = certificateOf(authority.issueServer(['localhost'], end - 10 * day))
  assert.equal(late.validToDate.getTime(), end)
})

test('names off this machine are refused', () => {
  const hosts = ['example.com', 'localhost.example.com', '10.0.0.1', '::2', '0.0.0.0', '']
  hosts.push(
    '*',
    '*.',
    'a_b.localhost',
    '-a.localhost',
    'a..localhost',
    'LOCALHOST',
    'b.*.localhost',
  )
  for (const host of hosts) {
    assert.equal(isLocalHost(host), false, host)
    assert.throws(() => authority.issueServer(['localhost', host], now), {
      code: 'certificate.host_not_local',
    })
  }
  assert.throws(() => authority.issueServer([], now), { code: 'certificate.host_not_local' })
})

test('a client certificate is for clients and has a name that is no host', () => {
  const pair = authority.issueClient('alice', now)
  const certificate = certificateOf(pair)
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2'])
  assert.equal(certificate.subject, 'CN=alice')
  assert.ok(certificate.checkIssued(certificateOf(authority.pair)))
  for (const name of ['', 'a.example', '../a', 'a b', 'a\nb', '-a', 'a'.repeat(65)]) {
    assert.throws(() => authority.issueClient(name, now), { code: 'certificate.client_name' })
  }
})

test('files of an authority that is damaged, expired or none are refused', () => {
  const { cert, key } = authority.pair
  const other = LocalAuthority.create(now).pair
  const leaf = authority.issueServer(['localhost'], now)
  const bad = [{ cert, key: other.key }, leaf, { cert: '', key }, { cert, key: '' }]
  for (const pair of [...bad, { cert: cert.replace('MII', 'MIJ'), key }]) {
    assert.throws(() => LocalAuthority.open(pair, now), { code: 'certificate.authority_unusable' })
  }
  assert.throws(() => LocalAuthority.open({ cert, key }, now + 6 * 365 * day), {
    code: 'certificate.authority_unusable',
  })
  assert.equal(LocalAuthority.open({ cert, key }, now).pair.cert, cert)
})

test('every certificate has a serial number and a key of its own', () => {
  const made = Array.from({ length: 20 }, () => authority.issueServer(['localhost'], now))
  assert.equal(new Set(made.map((pair) => certificateOf(pair).serialNumber)).size, 20)
  assert.equal(new Set(made.map((pair) => pair.key)).size, 20)
})

test('DER lengths and object identifiers of every size are read back by the runtime', () => {
  for (const size of [1, 127, 128, 255, 256, 65_535, 65_536]) {
    const encoded = bitString(Buffer.alloc(size - 1))
    const header = size < 128 ? 2 : size < 256 ? 3 : size < 65_536 ? 4 : 5
    assert.equal(encoded.length, size + header)
  }
  assert.equal(objectIdentifier('1.2.840.10045.4.3.2').toString('hex'), '06082a8648ce3d040302')
  assert.equal(parseCertificates(authority.pair.cert)?.length, 1)
})

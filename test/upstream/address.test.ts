import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { isMetadataAddress, isPrivateAddress, resolveChecked } from '../../src/upstream/index.ts'
import type { AddressVerdict } from '../../src/upstream/index.ts'

const internal = [
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.0',
  '10.255.255.255',
  '100.64.0.0',
  '100.127.255.255',
  '127.0.0.1',
  '127.255.255.255',
  '169.254.0.1',
  '169.254.169.254',
  '172.16.0.0',
  '172.31.255.255',
  '192.0.0.1',
  '192.0.2.9',
  '192.88.99.1',
  '192.168.0.0',
  '192.168.255.255',
  '198.18.0.0',
  '198.19.255.255',
  '198.51.100.1',
  '203.0.113.7',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::2',
  '0:0:0:0:0:0:0:1',
  '::127.0.0.1',
  '::8.8.8.8',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:10.1.2.3',
  '::ffff:169.254.169.254',
  '::FFFF:A00:1',
  '::ffff:0:127.0.0.1',
  '::ffff:0:8.8.8.8',
  '64:ff9b::10.0.0.1',
  '64:ff9b::7f00:1',
  '64:ff9b:1::8.8.8.8',
  '64:ff9b::a9fe:a9fe',
  '2002:7f00:1::',
  '2002:a00:1::5',
  '2002:c0a8:101::1',
  '2002:a9fe:a9fe::1',
  '2001::1',
  '2001:10::1',
  '2001:1ff::1',
  '2001:db8::1',
  '3fff::1',
  '3fff:fff::1',
  'fe80::1',
  'fe80::1%eth0',
  'febf::1',
  'fec0::1',
  'fc00::1',
  'fd00::1',
  'fd00:ec2::254',
  'ff02::1',
  'ff0e::1',
  '100::1',
  '2607:f8b0::5efe:10.0.0.1',
  '2607:f8b0::200:5efe:127.0.0.1',
  '5f00::1',
  '4000::1',
  '1fff::1',
  'e000::1',
  '',
  'localhost',
  '1.2.3',
  '256.1.1.1',
  '0x7f.1',
  '2130706433',
  '127.1',
  '[::1]',
  '::1 ',
  ' 8.8.8.8',
]

const open = [
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '169.253.255.255',
  '169.255.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '191.255.255.255',
  '192.0.1.0',
  '192.167.255.255',
  '192.169.0.0',
  '198.17.255.255',
  '198.20.0.0',
  '223.255.255.255',
  '2606:4700::1111',
  '2a00::1',
  '2001:4860::8888',
  '2001:200::1',
  '2000::1',
  '3ffe::1',
  '3fff:1000::1',
  '::ffff:8.8.8.8',
  '64:ff9b::8.8.8.8',
  '2002:808:808::1',
  '2607:f8b0::5efe:8.8.8.8',
]

test('every internal address, in every spelling, is private', () => {
  for (const ip of internal) assert.equal(isPrivateAddress(ip), true, ip)
})

test('ordinary public addresses, right up to the edges of the internal blocks, are not private', () => {
  for (const ip of open) assert.equal(isPrivateAddress(ip), false, ip)
})

test('an IPv4 address is judged the same however IPv6 carries it', () => {
  fc.assert(
    fc.property(fc.ipV4(), (ip) => {
      const octets = ip.split('.').map(Number)
      const hex = octets.map((octet) => octet.toString(16).padStart(2, '0'))
      const groups = `${hex[0]}${hex[1]}:${hex[2]}${hex[3]}`
      const expected = isPrivateAddress(ip)
      const forms = [`::ffff:${ip}`, `::ffff:${groups}`, `64:ff9b::${groups}`, `2002:${groups}::1`]
      for (const form of forms) assert.equal(isPrivateAddress(form), expected, form)
    }),
  )
})

test('whatever is not an address is private, and never throws', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!/^[\d.:a-f]+$/i.test(text))
      assert.equal(isPrivateAddress(text), true)
      assert.equal(isMetadataAddress(text), false)
    }),
  )
})

test('the cloud metadata services are known in every spelling', () => {
  const spellings = [
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::',
    '::169.254.169.254',
    '::ffff:0:169.254.169.254',
    'fd00:ec2::254',
    'fd00:0ec2:0:0:0:0:0:0254',
  ]
  for (const ip of spellings) assert.equal(isMetadataAddress(ip), true, ip)
  for (const ip of ['169.254.169.253', 'fd00:ec2::255', '8.8.8.8']) {
    assert.equal(isMetadataAddress(ip), false, ip)
  }
})

/** The verdict on a URL's host, with what the resolver was asked. */
function verdictOn(
  url: string,
  allowPrivateAddresses: boolean,
  answer: readonly string[] | Error = [],
): { verdict: AddressVerdict | undefined; asked: string[] } {
  const asked: string[] = []
  let verdict: AddressVerdict | undefined
  const resolve = (
    host: string,
    done: (error: Error | undefined, found: readonly string[]) => void,
  ) => {
    asked.push(host)
    if (answer instanceof Error) done(answer, [])
    else done(undefined, answer)
  }
  resolveChecked(new URL(url).hostname, { allowPrivateAddresses, resolve }, (found) => {
    verdict = found
  })
  return { verdict, asked }
}

test('literal addresses in a URL are judged in every spelling, without asking a resolver', () => {
  const hosts = [
    '127.0.0.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '0',
    '10.1',
    '[fe80::1]',
    '169.254.169.254',
    '[64:ff9b::7f00:1]',
    '[2002:7f00:1::]',
  ]
  for (const host of hosts) {
    const { verdict, asked } = verdictOn(`http://${host}/`, false)
    assert.equal(verdict?.kind, 'address_forbidden', host)
    assert.deepEqual(asked, [])
  }
})

test('a name with one forbidden address among its addresses is forbidden', () => {
  for (const bad of [
    '127.0.0.1',
    '::1',
    '169.254.169.254',
    'fd00::1',
    'fe80::1%eth0',
    'nonsense',
  ]) {
    const { verdict } = verdictOn('http://rebind.example/', false, ['8.8.8.8', bad])
    assert.equal(verdict?.kind, 'address_forbidden', bad)
  }
})

test('localhost names are answered with loopback, whatever a resolver would say', () => {
  for (const name of ['localhost', 'localhost.', 'LOCALHOST', 'app.proofgate.localhost']) {
    const allowed = verdictOn(`http://${name}/`, true, ['8.8.8.8'])
    assert.deepEqual(allowed.verdict, { kind: 'addresses', addresses: ['127.0.0.1', '::1'] })
    assert.deepEqual(allowed.asked, [])
    assert.equal(verdictOn(`http://${name}/`, false).verdict?.kind, 'address_forbidden')
  }
  assert.deepEqual(verdictOn('http://notlocalhost/', true, ['10.0.0.1']).asked, ['notlocalhost'])
})

test('a metadata service is refused even where private addresses are allowed, unless the URL is it', () => {
  for (const ip of ['169.254.169.254', 'fd00:ec2::254', '::ffff:169.254.169.254']) {
    const { verdict } = verdictOn('http://internal.example/', true, ['10.0.0.1', ip])
    assert.equal(verdict?.kind, 'address_forbidden', ip)
  }
  for (const host of ['169.254.169.254', '[fd00:ec2::254]']) {
    assert.equal(verdictOn(`http://${host}/`, true).verdict?.kind, 'addresses', host)
    assert.equal(verdictOn(`http://${host}/`, false).verdict?.kind, 'address_forbidden', host)
  }
  assert.equal(
    verdictOn('http://[::ffff:169.254.169.254]/', true).verdict?.kind,
    'address_forbidden',
  )
})

test('a name without addresses, or that cannot be looked up, is not found', () => {
  assert.equal(verdictOn('http://gone.example/', true, []).verdict?.kind, 'name_not_found')
  assert.equal(
    verdictOn('http://gone.example/', true, new Error('ENOTFOUND')).verdict?.kind,
    'name_not_found',
  )
})

import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { after, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import type { KeyPair } from '../../src/certificate/index.ts'
import { millis, Secret } from '../../src/core/index.ts'
import { Front } from '../../src/listener/arrive/front.ts'
import { Doors } from '../../src/listener/doors.ts'
import type { FrontSettings } from '../../src/listener/arrive/front.ts'
import type { TlsSettings } from '../../src/listener/arrive/tls-end.ts'
import { peerOf } from '../../src/listener/peer.ts'
import { TestAuthority } from '../kit/certificates.ts'
import { proxyV2 } from '../kit/proxy-protocol.ts'

const authority = new TestAuthority()
const strangers = new TestAuthority()
const day = 86_400_000
const openFronts: { front: Front; doors: Doors }[] = []

after(async () => {
  for (const { front, doors } of openFronts) {
    front.closeArriving()
    await doors.close()
  }
})

/** A front before a server that answers what it was told of the connection. */
async function startFront(
  settings: Partial<FrontSettings>,
  connections = 100,
): Promise<{ front: Front; port: number; arrivals: EventEmitter }> {
  const http = createServer((request, response) => {
    const { address, encrypted, certificate, covered } = peerOf(request.socket)
    const named = covered?.has('a.localhost') === true ? 'a' : covered === undefined ? '-' : 'other'
    response.setHeader('connection', 'close')
    const shown = (request.socket as Partial<TLSSocket>).getPeerX509Certificate?.() !== undefined
    const facts = { address, encrypted, certificate: certificate ?? null, named, shown }
    response.end(JSON.stringify(facts))
  })
  const front = new Front(
    {
      isProxy: () => false,
      tls: undefined,
      h2c: false,
      patience: millis(30_000),
      ...settings,
    },
    {
      http1: (socket) => http.emit('connection', socket),
      http2: (socket) => socket.destroy(),
    },
  )
  const arrivals = new EventEmitter()
  const accept = (socket: Socket): void => {
    front.accept(socket)
    arrivals.emit('connection')
  }
  const doors = new Doors(connections, { accept })
  openFronts.push({ front, doors })
  const port = await doors.open({ address: '127.0.0.1', port: 0, reusePort: false })
  return { front, port, arrivals }
}

function tlsOf(pairs: readonly KeyPair[], more: Partial<TlsSettings> = {}): TlsSettings {
  return {
    certificates: pairs.map(({ cert, key }) => ({ cert, key: new Secret(key) })),
    minVersion: '1.2',
    ciphers: undefined,
    clientCertificates: undefined,
    ...more,
  }
}

const head = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

function untilClosed(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    socket.on('error', () => undefined)
    socket.once('close', () => resolve(text))
  })
}

/** What came back for pieces sent one after the other. */
async function plain(port: number, ...pieces: readonly (string | Buffer)[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const answer = untilClosed(socket)
  for (const piece of pieces) {
    socket.write(piece)
    await delay(10)
  }
  return answer
}

interface Seen {
  readonly address: string
  readonly encrypted: boolean
  readonly certificate: Record<string, unknown> | null
  readonly named: string
  /** A client certificate came, whatever it is worth. */
  readonly shown: boolean
}

function seenIn(answer: string): Seen {
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as Seen
}

/** Asks over TLS; rejects when there is no handshake. */
async function secure(
  port: number,
  options: ConnectionOptions = {},
  before?: string | Buffer,
): Promise<{ seen: Seen; session: Buffer | undefined; reused: boolean; names: string }> {
  const under = connect(port, '127.0.0.1')
  if (before !== undefined) under.write(before)
  const socket = connectTls({
    socket: under,
    ca: authority.ca,
    servername: 'a.localhost',
    ...options,
  })
  const answer = untilClosed(socket)
  let session: Buffer | undefined
  socket.on('session', (given: Buffer) => (session = given))
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve)
    socket.once('error', reject)
    under.once('error', reject)
  })
  const reused = socket.isSessionReused()
  const names = socket.getPeerCertificate().subjectaltname ?? ''
  socket.write(head)
  const text = await answer
  if (text === '') throw new Error('closed without an answer')
  return { seen: seenIn(text), session, reused, names }
}

test('with a PROXY header the caller is the one it names, in any pieces', async () => {
  const { port } = await startFront({ isProxy: () => true })
  const v1 = 'PROXY TCP4 192.0.2.1 198.51.100.1 5 443\r\n'
  assert.equal(seenIn(await plain(port, v1, head)).address, '192.0.2.1')
  assert.equal(seenIn(await plain(port, v1 + head)).address, '192.0.2.1')
  assert.equal(
    seenIn(await plain(port, 'PRO', `${v1.slice(3)}GE`, head.slice(2))).address,
    '192.0.2.1',
  )
  const v2 = proxyV2({ source: '2001:db8::1' })
  assert.equal(seenIn(await plain(port, v2, head)).address, '2001:db8::1')
  assert.equal(
    seenIn(await plain(port, Buffer.concat([v2, Buffer.from(head)]))).address,
    '2001:db8::1',
  )
  const bytes = [...v2].map((byte) => Buffer.from([byte]))
  assert.equal(seenIn(await plain(port, ...bytes, head)).address, '2001:db8::1')
  assert.equal(seenIn(await plain(port, proxyV2({ command: 0x20 }), head)).address, '127.0.0.1')
  assert.equal(seenIn(await plain(port, 'PROXY UNKNOWN\r\n', head)).address, '127.0.0.1')
})

test('a proxy that sends no header, a wrong one or half of one is closed at once', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const { front, port } = await startFront({ isProxy: () => true })
  const second = `PROXY UNKNOWN ${'x'.repeat(200)}\r\n`
  for (const bytes of [head, second, proxyV2({ family: 0x12, addresses: Buffer.alloc(12) })]) {
    assert.equal(await plain(port, bytes), '')
  }
  assert.equal(front.refused.proxy, 3)
  const half = connect(port, '127.0.0.1')
  const answer = untilClosed(half)
  half.end('PROXY TCP4 192.0')
  assert.equal(await answer, '')
  assert.equal(front.refused.proxy, 4)
})

test('a proxy that does not say whom it speaks for within five seconds is closed', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const { front, port, arrivals } = await startFront({ isProxy: () => true })
  const socket = connect(port, '127.0.0.1')
  const answer = untilClosed(socket)
  const arrived = once(arrivals, 'connection')
  socket.write('PROXY TCP4 ')
  await arrived
  context.mock.timers.tick(4999)
  assert.equal(socket.destroyed, false)
  context.mock.timers.tick(1)
  assert.equal(await answer, '')
  assert.equal(front.refused.proxy, 1)
})

test('who is no proxy cannot say to be somebody else', async () => {
  const { port } = await startFront({ isProxy: () => false })
  assert.match(
    await plain(port, 'PROXY TCP4 192.0.2.1 198.51.100.1 5 443\r\n', head),
    /^HTTP\/1\.1 400/,
  )
  assert.equal(seenIn(await plain(port, head)).address, '127.0.0.1')
  const { port: secured } = await startFront({ tls: tlsOf([authority.server('a.localhost')]) })
  await assert.rejects(secure(secured, {}, 'PROXY TCP4 192.0.2.1 198.51.100.1 5 443\r\n'))
})

test('TLS begins behind the PROXY header, and a second header is not one', async () => {
  const tls = tlsOf([authority.server('a.localhost')])
  const { port } = await startFront({ isProxy: () => true, tls })
  const { seen } = await secure(port, {}, proxyV2({ source: '192.0.2.9' }))
  assert.deepEqual([seen.address, seen.encrypted], ['192.0.2.9', true])
  const v1 = 'PROXY TCP4 192.0.2.1 198.51.100.1 5 443\r\n'
  await assert.rejects(secure(port, {}, v1 + v1))
})

test('the host that is asked for chooses the certificate, the first is for the rest', async () => {
  const pairs = [authority.server('b.localhost'), authority.server('a.localhost', '*.a.localhost')]
  const { port } = await startFront({ tls: tlsOf(pairs) })
  const lax = { checkServerIdentity: () => undefined }
  for (const [servername, named] of [
    ['a.localhost', 'a'],
    ['A.LOCALHOST', 'a'],
    ['x.a.localhost', 'a'],
    ['y.x.a.localhost', 'other'],
    ['b.localhost', 'other'],
    ['unknown.example', 'other'],
    ['', 'other'],
  ] as const) {
    const { seen, names } = await secure(port, { ...lax, servername })
    assert.equal(seen.named, named, servername)
    assert.equal(names.includes('DNS:a.localhost'), named === 'a', servername)
  }
})

test('old versions, other suites and protocols that are not offered get no handshake', async () => {
  const pair = authority.server('a.localhost')
  const { front, port } = await startFront({ tls: tlsOf([pair]) })
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const
  await assert.rejects(secure(port, old))
  await assert.rejects(secure(port, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' }))
  await assert.rejects(secure(port, { ALPNProtocols: ['smtp'] }))
  await assert.rejects(secure(port, { ALPNProtocols: ['spdy/3', 'h3'] }))
  for (let turns = 0; front.refused.tls < 4 && turns < 1000; turns++) await delay(10)
  assert.equal(front.refused.tls, 4)
  await secure(port, { maxVersion: 'TLSv1.2' })
  await secure(port, { ALPNProtocols: ['h3', 'http/1.1'] })
  const { port: strict } = await startFront({ tls: tlsOf([pair], { minVersion: '1.3' }) })
  await assert.rejects(secure(strict, { maxVersion: 'TLSv1.2' }))
  assert.equal((await secure(strict)).seen.encrypted, true)
})

test('plain HTTP at a TLS port is closed, and a stop closes a handshake that does not go on', async () => {
  const { front, port, arrivals } = await startFront({
    tls: tlsOf([authority.server('a.localhost')]),
  })
  assert.doesNotMatch(await plain(port, head), /HTTP/)
  const arrived = once(arrivals, 'connection')
  const idle = connect(port, '127.0.0.1')
  const answer = untilClosed(idle)
  await arrived
  front.closeArriving()
  assert.equal(await answer, '')
})

test('with mode request a certificate that holds becomes facts, and any other is none', async () => {
  const tls = tlsOf([authority.server('a.localhost')], {
    clientCertificates: { ca: authority.ca, mode: 'request' },
  })
  const { port } = await startFront({ tls })
  assert.equal((await secure(port)).seen.certificate, null)
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { seen } = await secure(port, { ...authority.client('alice'), maxVersion })
    assert.equal(seen.certificate?.['subject'], 'CN=alice')
    assert.deepEqual(seen.certificate['alternativeNames'], ['URI:urn:proofgate:client:alice'])
    for (const pair of [
      strangers.client('alice'),
      authority.issue({ use: 'client', until: -day / 2 }),
      authority.issue({ use: 'client', from: day }),
      authority.issue({ use: 'server', names: ['a.localhost'] }),
    ]) {
      assert.equal((await secure(port, { ...pair, maxVersion })).seen.certificate, null)
    }
  }
})

test('with mode require nobody comes in without a certificate that holds', async () => {
  const tls = tlsOf([authority.server('a.localhost')], {
    clientCertificates: { ca: authority.ca, mode: 'require' },
  })
  const { port } = await startFront({ tls })
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    await assert.rejects(secure(port, { maxVersion }))
    await assert.rejects(secure(port, { ...strangers.client('alice'), maxVersion }))
    const expired = authority.issue({ use: 'client', until: -1000 })
    await assert.rejects(secure(port, { ...expired, maxVersion }))
    const { seen } = await secure(port, { ...authority.client('alice'), maxVersion })
    assert.equal(seen.certificate?.['subject'], 'CN=alice')
  }
})

test('without configured authorities a certificate is not even asked for', async () => {
  const { port } = await startFront({ tls: tlsOf([authority.server('a.localhost')]) })
  const { seen } = await secure(port, authority.client('alice'))
  assert.deepEqual([seen.certificate, seen.shown], [null, false])
})

test('a continued session keeps the facts of its certificate, until the authorities change', async () => {
  const pair = authority.server('a.localhost')
  const settings = (ca: string): TlsSettings =>
    tlsOf([pair], { clientCertificates: { ca, mode: 'request' } })
  const client = authority.client('alice')
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { front, port } = await startFront({ tls: settings(authority.ca) })
    const { session } = await secure(port, { ...client, maxVersion })
    assert.ok(session !== undefined)
    const again = await secure(port, { maxVersion, session })
    assert.equal(again.reused, true)
    assert.equal(again.seen.certificate?.['subject'], 'CN=alice')
    front.renew(settings(strangers.ca))
    const later = await secure(port, { maxVersion, session })
    assert.equal(later.reused, false)
    assert.equal(later.seen.certificate, null)
  }
})

test('a continued session is worth no more than its certificate, which may have ended since', async (context) => {
  const tls = tlsOf([authority.server('a.localhost')], {
    clientCertificates: { ca: authority.ca, mode: 'request' },
  })
  const { port } = await startFront({ tls })
  const client = authority.issue({ use: 'client', subject: 'alice', until: 60_000 })
  const maxVersion = 'TLSv1.2' as const
  const { seen, session } = await secure(port, { ...client, maxVersion })
  assert.equal(seen.certificate?.['subject'], 'CN=alice')
  assert.ok(session !== undefined)
  context.mock.timers.enable({ apis: ['Date'], now: Date.now() + 61_000 })
  const later = await secure(port, { maxVersion, session })
  assert.deepEqual([later.reused, later.seen.certificate], [true, null])
})

test('a handshake is not begun again on a connection', async () => {
  const { port } = await startFront({ tls: tlsOf([authority.server('a.localhost')]) })
  const socket = connectTls({
    port,
    host: '127.0.0.1',
    ca: authority.ca,
    servername: 'a.localhost',
    maxVersion: 'TLSv1.2',
  })
  const failed = await new Promise<Error | null | undefined>((resolve) => {
    socket.once('error', resolve)
    socket.once('secureConnect', () => socket.renegotiate({}, resolve))
  })
  assert.match(String(failed), /renegotiation/)
  socket.destroy()
})

test('other certificates are for connections from then on, and nobody else notices', async () => {
  const [before, now] = [authority.server('a.localhost'), authority.server('a.localhost')]
  const { front, port } = await startFront({ tls: tlsOf([before]) })
  const open = connectTls({ port, host: '127.0.0.1', ca: authority.ca, servername: 'a.localhost' })
  const answer = untilClosed(open)
  await new Promise<void>((resolve) => {
    open.once('secureConnect', resolve)
  })
  const serial = open.getPeerCertificate().serialNumber
  front.renew(tlsOf([now]))
  const fresh = connectTls({ port, host: '127.0.0.1', ca: authority.ca, servername: 'a.localhost' })
  await new Promise<void>((resolve) => {
    fresh.once('secureConnect', resolve)
  })
  assert.notEqual(fresh.getPeerCertificate().serialNumber, serial)
  fresh.destroy()
  open.write(head)
  assert.equal(seenIn(await answer).encrypted, true)
})

test('connections beyond the limit are not taken, handshake or not', async () => {
  const tls = tlsOf([authority.server('a.localhost')])
  const { port } = await startFront({ tls }, 2)
  const idle = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
  await Promise.all(idle.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
  await assert.rejects(secure(port))
  for (const socket of idle) socket.destroy()
})

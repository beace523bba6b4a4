import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { millis, Secret } from '../../src/core/index.ts'
import { Front } from '../../src/listener/arrive/front.ts'
import { peerOf } from '../../src/listener/peer.ts'
import { canShare, WaitingRoom } from '../../src/listener/index.ts'
import { TestAuthority } from '../kit/certificates.ts'
import { proxyV2 } from '../kit/proxy-protocol.ts'

function closed(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    socket.on('error', () => undefined)
    socket.once('close', () => resolve(text))
  })
}

const portOf = (room: WaitingRoom): number => (room.server.address() as AddressInfo).port

test(
  'who waits is served with PROXY header and TLS as if nothing had been',
  { skip: !canShare },
  async () => {
    const authority = new TestAuthority()
    const { cert, key } = authority.server('a.localhost')
    const http = createServer((request, response) => {
      response.setHeader('connection', 'close')
      response.end(peerOf(request.socket).address)
    })
    const front = new Front(
      {
        isProxy: () => true,
        h2c: false,
        patience: millis(30_000),
        tls: {
          certificates: [{ cert, key: new Secret(key) }],
          minVersion: '1.2',
          ciphers: undefined,
          clientCertificates: undefined,
        },
      },
      { http1: (socket) => http.emit('connection', socket), http2: (socket) => socket.destroy() },
    )
    const room = await WaitingRoom.open('127.0.0.1', 0, 10)
    const under = connect(portOf(room), '127.0.0.1')
    under.write(proxyV2({ source: '192.0.2.5' }))
    const socket = connectTls({ socket: under, ca: authority.ca, servername: 'a.localhost' })
    const answer = closed(socket)
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await new Promise((resolve) => room.server.once('connection', resolve))
    room.admit((one) => front.accept(one))
    assert.match(await answer, /192\.0\.2\.5$/)
    room.close()
  },
)

test(
  'the limit of connections counts those who were admitted too',
  { skip: !canShare },
  async () => {
    const room = await WaitingRoom.open('127.0.0.1', 0, 2)
    const admitted: Socket[] = []
    room.admit((socket) => admitted.push(socket))
    const sockets = [1, 2].map(() => connect(portOf(room), '127.0.0.1'))
    await Promise.all(
      sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))),
    )
    assert.equal(await closed(connect(portOf(room), '127.0.0.1')), '')
    assert.equal(admitted.length, 2)
    for (const socket of [...sockets, ...admitted]) socket.destroy()
    room.close()
  },
)

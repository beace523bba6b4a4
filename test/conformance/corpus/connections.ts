import { declined, each, get, host, lines, one, post, refused, served, smuggled } from '../case.ts'
import type { Case } from '../case.ts'

const webSocket = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]
const h2c = [
  'Connection: Upgrade, HTTP2-Settings',
  'Upgrade: h2c',
  'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
]
const frames = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'

/** Methods, upgrades, expectations, and several requests on one connection. */
export const connections: readonly Case[] = [
  ...each(
    'A25',
    {
      connect: 'CONNECT evil.example:443',
      'connect-path': 'CONNECT /public/x',
      'connect-ours': 'CONNECT gw.proofgate.localhost:80',
    },
    (start) => ({
      note: start,
      bytes: lines(`${start} HTTP/1.1`, host),
      expect: refused(405),
    }),
  ),
  ...each(
    'A25',
    {
      trace: 'TRACE',
      propfind: 'PROPFIND',
      purge: 'PURGE',
      query: 'QUERY',
      link: 'LINK',
      'm-search': 'M-SEARCH',
      source: 'SOURCE',
      'lower-case': 'get',
      'mixed-case': 'Get',
      unknown: 'FOO',
      'get-and-more': 'GETX',
      'very-long': 'G'.repeat(5000),
      number: '123',
      'odd-token': 'G!T',
    },
    (method) => ({
      note: `${method.slice(0, 20)} is a method and not served`,
      bytes: lines(`${method} /public/x HTTP/1.1`, host),
      expect: declined(405),
    }),
  ),
  ...each(
    'A25',
    {
      'no-token': 'G(T',
      quoted: '"GET"',
      colon: 'GET:',
      nul: 'GE\0T',
      'high-byte': 'G\xc9T',
    },
    (method) => ({
      note: `the method ${method.slice(0, 20)}`,
      bytes: lines(`${method} /public/x HTTP/1.1`, host),
      expect: refused(),
    }),
  ),
  ...each('A25', { head: 'HEAD', options: 'OPTIONS', delete: 'DELETE', put: 'PUT' }, (method) => ({
    note: `${method} without a body`,
    bytes: lines(`${method} /public/x HTTP/1.1`, host),
    expect: served(`${method} /public/x`),
  })),
  ...each(
    'A27',
    {
      h2c,
      'h2c-lower-case': h2c.map((line) => line.toLowerCase()),
      'h2c-among-others': ['Connection: Upgrade', 'Upgrade: foo, h2c'],
      'h2c-without-connection': h2c.slice(1),
      'unknown-protocol': ['Connection: Upgrade', 'Upgrade: foo/1'],
      tls: ['Connection: Upgrade', 'Upgrade: TLS/1.2'],
      'websocket-without-key': ['Connection: Upgrade', 'Upgrade: websocket'],
      'websocket-among-others': [
        'Connection: Upgrade',
        'Upgrade: websocket, h2c',
        ...webSocket.slice(2),
      ],
      'websocket-without-connection': webSocket.slice(1),
    },
    (parts) => ({
      note: `${parts.slice(0, 2).join(', ')}: an ordinary request, the last of its connection`,
      bytes: get('/public/x', ...parts),
      expect: {
        statuses: [200],
        kept: false,
        seen: ['GET /public/x'],
        lacks: ['upgrade', 'connection', 'http2-settings'],
      },
    }),
  ),
  one({
    id: 'A27.h2c-with-frames-behind',
    note: 'frames of HTTP/2 behind an upgrade to h2c are no tunnel',
    bytes: get('/public/x', ...h2c) + frames,
    expect: { statuses: [200], kept: false, seen: ['GET /public/x'] },
  }),
  one({
    id: 'A27.h2c-with-request-behind',
    note: 'a request behind an upgrade to h2c is not read',
    bytes: get('/public/x', ...h2c) + smuggled,
    expect: { statuses: [200], kept: false, seen: ['GET /public/x'] },
  }),
  one({
    id: 'A27.h2c-protected',
    note: 'an upgrade to h2c on a protected path',
    bytes: get('/app/x', ...h2c),
    expect: { statuses: [401], kept: false, seen: [] },
  }),
  one({
    id: 'A28.websocket-where-none-is',
    note: 'a WebSocket on a route that takes none, and a request behind it',
    bytes: get('/public/x', ...webSocket) + smuggled,
    expect: refused(),
  }),
  one({
    id: 'A28.websocket-unauthenticated',
    note: 'a WebSocket without a token',
    bytes: get('/ws/x', ...webSocket),
    expect: { statuses: [401], kept: false, seen: [] },
  }),
  one({
    id: 'A28.websocket-unauthenticated-with-request-behind',
    note: 'bytes behind a handshake that is not answered yet (RFC 6455 4.1)',
    bytes: get('/ws/x', ...webSocket) + get('/public/x'),
    expect: refused(),
  }),
  one({
    id: 'A28.post-upgrade',
    note: 'POST that asks for a WebSocket is a POST',
    bytes: `${post(...webSocket, 'Content-Length: 5')}hello`,
    expect: { ...served('POST /public/x|hello'), kept: false, lacks: ['upgrade'] },
  }),
  one({
    id: 'A28.get-with-body-and-upgrade',
    note: 'a handshake has no body: one with a length is a request with a body',
    bytes: get('/public/x', ...webSocket, `Content-Length: ${smuggled.length}`) + smuggled,
    expect: { ...served(`GET /public/x|${smuggled}`), kept: false, lacks: ['upgrade'] },
  }),
  one({
    id: 'A28.http-1.0-upgrade',
    note: 'HTTP/1.0 cannot change protocols (RFC 9110 7.8)',
    bytes: lines('GET /public/x HTTP/1.0', host, ...webSocket),
    expect: { statuses: [200], kept: false, seen: ['GET /public/x'] },
  }),
  one({
    id: 'A29.continue',
    note: '100 Continue before a body that is wanted',
    bytes: [post('Expect: 100-continue', 'Content-Length: 5'), 'hello'],
    expect: {
      statuses: [100, 200],
      kept: true,
      seen: ['POST /public/x|hello'],
      records: 1,
      lacks: ['expect'],
    },
  }),
  one({
    id: 'A29.continue-capitals',
    note: 'expectations are compared without case (RFC 9110 10.1.1)',
    bytes: [post('Expect: 100-CONTINUE', 'Content-Length: 5'), 'hello'],
    expect: { statuses: [100, 200], kept: true, seen: ['POST /public/x|hello'], records: 1 },
  }),
  one({
    id: 'A29.continue-at-once',
    note: 'a body that comes without waiting',
    bytes: `${post('Expect: 100-continue', 'Content-Length: 5')}hello`,
    expect: { statuses: [100, 200], kept: true, seen: ['POST /public/x|hello'], records: 1 },
  }),
  one({
    id: 'A29.continue-refused',
    note: 'no 100 for a body that will be refused, and a request in its place',
    bytes:
      lines(
        'POST /app/x HTTP/1.1',
        host,
        'Expect: 100-continue',
        `Content-Length: ${smuggled.length}`,
      ) + smuggled,
    expect: { statuses: [401], kept: false, seen: [] },
  }),
  one({
    id: 'A29.continue-without-body',
    note: 'an expectation without a body',
    bytes: get('/public/x', 'Expect: 100-continue'),
    expect: {
      statuses: [100, 200],
      kept: true,
      seen: ['GET /public/x'],
      records: 1,
      lacks: ['expect'],
    },
  }),
  ...each(
    'A29',
    {
      'unknown-expectation': 'a-pony',
      'continue-and-more': '100-continue, a-pony',
      'empty-expectation': '',
      'number-only': '100',
    },
    (value) => ({
      note: `Expect: ${value}`,
      bytes: `${post(`Expect: ${value}`, 'Content-Length: 5')}hello`,
      expect: refused(417),
    }),
  ),
  one({
    id: 'A34.three-in-order',
    note: 'three requests at once, each decided on its own, answered in order',
    bytes: get('/public/1') + get('/admin/2') + get('/public/3'),
    expect: { statuses: [200, 401, 200], kept: true, seen: ['GET /public/1', 'GET /public/3'] },
  }),
  one({
    id: 'A34.with-bodies',
    note: 'bodies between them',
    bytes: `${post('Content-Length: 5')}hello${post('Transfer-Encoding: chunked')}3\r\nbye\r\n0\r\n\r\n${get('/public/3')}`,
    expect: served('POST /public/x|hello', 'POST /public/x|bye', 'GET /public/3'),
  }),
  one({
    id: 'A34.cut-in-two',
    note: 'the second request begins in one piece and ends in the next',
    bytes: [get('/public/1') + get('/public/2').slice(0, 20), get('/public/2').slice(20)],
    expect: served('GET /public/1', 'GET /public/2'),
  }),
  one({
    id: 'A34.close-in-the-middle',
    note: 'nothing behind Connection: close is read as a request',
    bytes: get('/public/1', 'Connection: close') + get('/public/2'),
    expect: { statuses: [200], kept: false, seen: ['GET /public/1'] },
  }),
  one({
    id: 'A34.malformed-second',
    note: 'what is not HTTP comes after the answer that is owed',
    bytes: `${get('/public/1')}\0\0\r\n\r\n`,
    expect: { statuses: [200, 400], kept: false, seen: ['GET /public/1'] },
  }),
  one({
    id: 'A34.refused-first',
    note: 'behind a request that ends its connection nothing is served',
    bytes: get('/public/../x') + get('/public/2'),
    expect: refused(),
  }),
  one({
    id: 'A34.unclear-framing-first',
    note: 'what follows a body nobody can delimit is no request',
    bytes:
      lines('POST /public/x HTTP/1.1', host, 'Transfer-Encoding: cow, chunked') +
      `0\r\n\r\n${get('/public/2')}`,
    expect: refused(),
  }),
  one({
    id: 'A34.unknown-host-first',
    note: 'a request to another host says nothing about the next',
    bytes: lines('GET /public/x HTTP/1.1', 'Host: evil.example') + get('/public/2'),
    expect: { statuses: [421, 200], kept: true, seen: ['GET /public/2'] },
  }),
  one({
    id: 'A34.head-then-get',
    note: 'HEAD has no body in its answer, so the next answer is where it should be',
    bytes: lines('HEAD /public/1 HTTP/1.1', host) + get('/public/2'),
    expect: served('HEAD /public/1', 'GET /public/2'),
  }),
  one({
    id: 'A34.twenty',
    note: 'twenty at once',
    bytes: Array.from({ length: 20 }, (_, n) => get(`/public/${n}`)).join(''),
    expect: served(...Array.from({ length: 20 }, (_, n) => `GET /public/${n}`)),
  }),
]

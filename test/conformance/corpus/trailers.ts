import { brokenOff, each, get, one, post, served } from '../case.ts'
import type { Case } from '../case.ts'

function withTrailer(...trailers: readonly string[]): string {
  const section = trailers.map((line) => `${line}\r\n`).join('')
  return `${post('Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n${section}\r\n`
}

/** Fields behind a body (RFC 9112 7.1.2, RFC 9110 6.5): what may not stand there does not go on. */
export const trailers: readonly Case[] = [
  ...each(
    'D15',
    {
      user: 'X-Proofgate-User',
      assertion: 'X-Proofgate-Assertion',
      'user-underscores': 'X_Proofgate_User',
      'user-dots': 'x.proofgate.user',
      'forwarded-for': 'X-Forwarded-For',
      'forwarded-for-underscores': 'X_Forwarded_For',
      'original-url': 'X-Original-URL',
      'remote-user': 'Remote-User',
      'request-id': 'X-Request-Id',
      authorization: 'Authorization',
      dpop: 'DPoP',
      cookie: 'Cookie',
      host: 'Host',
      connection: 'Connection',
      te: 'TE',
      trailer: 'Trailer',
      upgrade: 'Upgrade',
      expect: 'Expect',
      'content-type': 'Content-Type',
      'content-encoding': 'Content-Encoding',
      'content-range': 'Content-Range',
      'set-cookie': 'Set-Cookie',
    },
    (name) => ({
      note: `${name} behind the body`,
      bytes: withTrailer(`${name}: 5`),
      expect: served('POST /public/x|hello'),
    }),
  ),
  one({
    id: 'D15.plain',
    note: 'a trailer of the caller is passed on',
    bytes: withTrailer('X-Checksum: abc'),
    expect: { ...served('POST /public/x|hello'), has: ['trailer x-checksum: abc'] },
  }),
  one({
    id: 'D15.next-request-behind',
    note: 'trailers end where they end',
    bytes: withTrailer('X-A: b') + get('/app/x'),
    expect: { statuses: [200, 401], kept: true, seen: ['POST /public/x|hello'] },
  }),
  ...each(
    'D15',
    {
      length: 'Content-Length: 5',
      coding: 'Transfer-Encoding: chunked',
      'blank-before-colon': 'X-A : b',
      'no-colon': 'X-A',
      folded: 'X-A: b\r\n c',
      'line-feed': 'X-A: b\nX-B: c',
      nul: 'X-A: b\0',
      'no-name': ': b',
      'request-line': 'GET /admin/x HTTP/1.1',
    },
    (line) => ({
      note: `a malformed trailer: ${JSON.stringify(line)}`,
      bytes: withTrailer(line),
      expect: brokenOff(),
    }),
  ),
  one({
    id: 'D15.too-large',
    note: 'trailers of 100 kB',
    bytes: withTrailer(`X-A: ${'a'.repeat(100_000)}`),
    expect: brokenOff(431),
  }),
  one({
    id: 'D15.too-many',
    note: '10,000 trailers',
    bytes: withTrailer(...Array.from({ length: 10_000 }, (_, n) => `X-${n}: 1`)),
    expect: brokenOff(431),
  }),
]

import {
  authority,
  declined,
  each,
  get,
  host,
  lines,
  one,
  refused,
  served,
  tokenOfAlice,
  tokenOfBob,
} from '../case.ts'
import type { Case } from '../case.ts'

const alice = `Authorization: Bearer ${tokenOfAlice}`
const bob = `Authorization: Bearer ${tokenOfBob}`

/** Names under which services believe who is calling, from where, or what was asked for. */
const believed = [
  'X-Proofgate-User',
  'X-Proofgate-Groups',
  'X-Proofgate-Assertion',
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Forwarded-User',
  'X-Forwarded-Uri',
  'X-Forwarded-Prefix',
  'X-Forwarded-Method',
  'Forwarded',
  'X-Real-IP',
  'CF-Connecting-IP',
  'True-Client-IP',
  'X-Client-IP',
  'X-Cluster-Client-IP',
  'Fastly-Client-IP',
  'X-Original-URL',
  'X-Original-Method',
  'X-Rewrite-URL',
  'X-Envoy-Original-Path',
  'X-Envoy-External-Address',
  'X-HTTP-Method-Override',
  'X-HTTP-Method',
  'X-Method-Override',
  'X-Remote-User',
  'Remote-User',
  'X-Auth-Request-Email',
  'X-Authenticated-User',
  'X-WebAuth-User',
  'X-Pomerium-Claim-Email',
  'X-Goog-Authenticated-User-Email',
  'X-Amzn-Oidc-Identity',
  'X-MS-Client-Principal',
  'X-Consumer-Username',
  'Impersonate-User',
  'Client-Cert',
  'X-SSL-Client-Verify',
  'SSL-Client-Cert',
  'X-Request-Id',
] as const

/** Spellings that services fold into one name: CGI and its heirs write `_` for everything else. */
const spellings: Readonly<Record<string, (name: string) => string>> = {
  plain: (name) => name,
  capitals: (name) => name.toUpperCase(),
  underscores: (name) => name.replaceAll('-', '_'),
  dots: (name) => name.replaceAll('-', '.'),
  mixed: (name) => name.toLowerCase().replace('-', '_'),
  'other-characters': (name) => name.replaceAll('-', '~'),
}

const oneOfEach = believed.map((name) => [name.toLowerCase(), name] as const)

/** Lines about identity, and lines that only concern one hop (RFC 9110 7.6). */
export const headers: readonly Case[] = [
  ...each('D01', Object.fromEntries(oneOfEach), (name) => ({
    note: `${name} of a caller, in six spellings`,
    bytes: get('/public/x', ...Object.values(spellings).map((spell) => `${spell(name)}: spoofed`)),
    expect: served('GET /public/x'),
  })),
  ...each('D02', spellings, (spell) => ({
    note: `all of them as ${spell('X-Proofgate-User')}, with a token`,
    bytes: get('/app/x', alice, ...believed.map((name) => `${spell(name)}: spoofed`)),
    expect: { ...served('GET /app/x'), lacks: ['authorization'] },
  })),
  one({
    id: 'D02.blank-behind-name',
    note: 'X-Proofgate-User with a blank behind',
    bytes: get('/public/x', 'X-Proofgate-User : spoofed'),
    expect: refused(),
  }),
  ...each(
    'C14',
    {
      'x-original-url': 'X-Original-URL: /public/x',
      'x-rewrite-url': 'X-Rewrite-URL: /public/x',
      'x-forwarded-uri': 'X-Forwarded-Uri: /public/x',
      'x-envoy-original-path': 'X-Envoy-Original-Path: /public/x',
      'x-forwarded-prefix': 'X-Forwarded-Prefix: /public',
      'method-override': 'X-HTTP-Method-Override: OPTIONS',
    },
    (line) => ({
      note: `${line} on a protected path: the target decides`,
      bytes: get('/admin/x', line),
      expect: declined(401),
    }),
  ),
  ...each(
    'D03',
    {
      'names-ours': 'Connection: close, X-Proofgate-User, X-Proofgate-Assertion, X-Forwarded-For',
      'lower-case': 'connection: close, x-proofgate-assertion, x-forwarded-for, x-request-id',
      'names-host': 'Connection: close, Host, X-Forwarded-Host',
      'names-length': 'Connection: close, Content-Length, Transfer-Encoding',
      'names-authorization': 'Connection: close, Authorization',
      'names-cookie': 'Connection: close, Cookie',
      'odd-list': 'Connection: ,, close ,,X-Forwarded-Proto,',
    },
    (line) => ({
      note: `${line}: what is ours arrives all the same`,
      bytes: get('/app/x', alice, line),
      expect: {
        statuses: [200],
        kept: false,
        seen: ['GET /app/x'],
        has: [
          'x-forwarded-for: 127.0.0.1',
          'x-forwarded-proto: http',
          `x-forwarded-host: ${authority}`,
        ],
        lacks: ['authorization', 'connection'],
      },
    }),
  ),
  one({
    id: 'D03.two-lines',
    note: 'two Connection lines that name ours',
    bytes: get(
      '/app/x',
      alice,
      'Connection: X-Forwarded-For',
      'Connection: X-Proofgate-Assertion, close',
    ),
    expect: {
      statuses: [200],
      kept: false,
      seen: ['GET /app/x'],
      has: ['x-forwarded-for: 127.0.0.1'],
    },
  }),
  one({
    id: 'D03.names-the-body',
    note: 'Connection names Content-Length: the body stays one',
    bytes: `${lines('POST /public/x HTTP/1.1', host, 'Connection: Content-Length', 'Content-Length: 5')}hello`,
    expect: served('POST /public/x|hello'),
  }),
  one({
    id: 'D03.named-lines-end-here',
    note: 'lines that Connection names end here',
    bytes: get('/public/x', 'Connection: X-Hop, x-other', 'X-Hop: 1', 'X-OTHER: 2', 'X-Stays: 3'),
    expect: { ...served('GET /public/x'), has: ['x-stays: 3'], lacks: ['x-hop', 'x-other'] },
  }),
  ...each(
    'D03',
    {
      'keep-alive': 'Keep-Alive: timeout=5',
      'proxy-connection': 'Proxy-Connection: keep-alive',
      'proxy-authorization': 'Proxy-Authorization: Basic YTpi',
      'proxy-authenticate': 'Proxy-Authenticate: Basic',
      te: 'TE: trailers, deflate',
      trailer: 'Trailer: X-A',
      'http2-settings': 'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
    },
    (line) => ({
      note: `${line} concerns one hop`,
      bytes: get('/public/x', line),
      expect: {
        ...served('GET /public/x'),
        lacks: [line.slice(0, line.indexOf(':')).toLowerCase()],
      },
    }),
  ),
  ...each(
    'D09',
    {
      'two-lines': [alice, bob],
      'two-lines-the-same': [alice, alice],
      'two-lines-of-two-cases': [alice, bob.replace('Authorization', 'AUTHORIZATION')],
      'two-schemes': [alice.replace('Bearer', 'DPoP'), bob],
      'two-proofs': [alice, 'DPoP: a', 'DPoP: b'],
    },
    (parts, name) => ({
      note: `two credentials: ${name}`,
      bytes: get('/app/x', ...parts),
      expect: refused(),
    }),
  ),
  ...each(
    'D09',
    {
      list: `${alice}, Bearer ${tokenOfBob}`,
      'list-of-tokens': `${alice}, ${tokenOfBob}`,
      'two-words': `${alice} ${tokenOfBob}`,
      parameter: `${alice};x=y`,
      'no-scheme': `Authorization: ${tokenOfAlice}`,
      'only-scheme': 'Authorization: Bearer',
      basic: 'Authorization: Basic YWxpY2U6cHc=',
      empty: 'Authorization:',
      underscore: alice.replace('Authorization', 'Authorization_'),
      'proxy-authorization': alice.replace('Authorization', 'Proxy-Authorization'),
      'x-authorization': alice.replace('Authorization', 'X-Authorization'),
      'garbage-behind': `${alice}\t${tokenOfBob}`,
      'non-ascii': `${alice}\xe4`,
    },
    (line, name) => ({
      note: `${name}: not one sound credential`,
      bytes: get('/app/x', line),
      expect: declined(401),
    }),
  ),
  one({
    id: 'D09.lower-case-scheme',
    note: 'schemes are compared without case (RFC 9110 11.1)',
    bytes: get('/app/x', alice.replace('Bearer', 'bEaReR')),
    expect: { ...served('GET /app/x'), lacks: ['authorization'] },
  }),
  one({
    id: 'D09.may-not',
    note: 'a token that may call /app only',
    bytes: get('/admin/x', bob),
    expect: declined(403),
  }),
  one({
    id: 'D09.open-route',
    note: "an open route passes the caller's own credential, but no alias of it",
    bytes: get('/public/x', 'Authorization: Basic YTpi', 'Authorization_: x', 'AUTHORIZATION.: y'),
    expect: { ...served('GET /public/x'), has: ['authorization: Basic YTpi'] },
  }),
  ...each(
    'D09',
    {
      'content-type': ['Content-Type: application/json', 'Content-Type: text/plain'],
      cookie: ['Cookie: a=b', 'Cookie: a=c'],
      expect: ['Expect: 100-continue', 'Expect: 100-continue'],
    },
    (parts) => ({
      note: `two lines of a kind that must be one: ${parts.join(', ')}`,
      bytes: get('/public/x', ...parts),
      expect: refused(),
    }),
  ),
  one({
    id: 'D09.lists-may-be-two-lines',
    note: 'lists in two lines stay two lines, in order',
    bytes: get('/public/x', 'Accept: text/html', 'X-A: 1', 'Accept: text/plain', 'X-A: 2'),
    expect: { ...served('GET /public/x'), has: ['accept: text/html', 'accept: text/plain'] },
  }),
  ...each(
    'D14',
    { 'lines-98': 98, 'lines-99': 99, 'lines-100': 100, 'lines-2000': 2000 },
    (count) => ({
      note: `${count} lines beside the host`,
      bytes: get('/public/x', ...Array.from({ length: count }, (_, n) => `X-${n}: 1`)),
      expect: count < 100 ? served('GET /public/x') : refused(431),
    }),
  ),
  ...each(
    'D14',
    {
      'bytes-16000': ['X-A', 15_900],
      'bytes-17000': ['X-A', 17_000],
      'bytes-1000000': ['X-A', 1_000_000],
    },
    ([name, size]) => ({
      note: `a value of ${size} bytes`,
      bytes: get('/public/x', `${name}: ${'a'.repeat(Number(size))}`),
      expect: Number(size) < 16_000 ? served('GET /public/x') : refused(431),
    }),
  ),
  one({
    id: 'D14.long-name',
    note: 'a name of 17,000 bytes',
    bytes: get('/public/x', `${'X'.repeat(17_000)}: 1`),
    expect: refused(431),
  }),
]

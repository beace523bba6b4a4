import { route } from './texts.ts'
import type { Bad } from './texts.ts'

/** A route's keys beside method and path, with `¦` where the fault is shown. */
function feature(name: string, keys: string, code: string, path = '/api/{id}/{all+}'): Bad {
  const text = route(`method: ANY, path: '${path}', ${keys}`)
  const line = text.slice(0, text.indexOf('¦')).split('\n')
  return [name, text.replace('¦', ''), `${line.length}:${(line.at(-1)?.length ?? 0) + 1} ${code}`]
}

const ownRequestHeaders = [
  'Host',
  'Connection',
  'Transfer-Encoding',
  'Content-Length',
  'TE',
  'Upgrade',
  'X-Forwarded-For',
  'x_forwarded_host',
  'Forwarded',
  'X-Request-Id',
  'X-Proofgate-Assertion',
  'x.proofgate',
  'DPoP',
  'Proxy-Authorization',
  'Sec-WebSocket-Key',
  'Cookie',
  'Authorization',
]
const ownResponseHeaders = [
  'Content-Length',
  'Set-Cookie',
  'X-Proofgate',
  'Trailer',
  'x-request-id',
]

/** What is wrong with what a route can do besides forwarding. */
export const badFeatures: readonly Bad[] = [
  ...ownRequestHeaders.map((name) =>
    feature(
      `setting ${name} on requests`,
      `headers: { request: { set: { ¦'${name}': a } } }`,
      'config.header-name',
    ),
  ),
  ...ownResponseHeaders.map((name) =>
    feature(
      `adding ${name} to answers`,
      `headers: { response: { add: { ¦'${name}': a } } }`,
      'config.header-name',
    ),
  ),
  feature(
    'removing the length of requests',
    'headers: { request: { remove: [¦content-length] } }',
    'config.header-name',
  ),
  feature(
    'a header name with a line break',
    'headers: { request: { set: { ¦"a\\r\\nb": c } } }',
    'config.header-name',
  ),
  feature(
    'a header value with a line break',
    'headers: { request: { set: { a: ¦"b\\r\\nc: d" } } }',
    'config.value',
  ),
  feature(
    'a header value beyond ASCII',
    'headers: { response: { set: { a: ¦"é" } } }',
    'config.value',
  ),
  feature(
    'a value with an unknown parameter',
    "headers: { request: { set: { a: ¦'{no}' } } }",
    'config.template',
  ),
  feature(
    'a value with an unknown fact',
    "headers: { request: { set: { a: ¦'{context:principal.password}' } } }",
    'config.template',
  ),
  feature('a value with a lone brace', "query: { set: { a: ¦'x}' } }", 'config.template'),
  feature('a template beside a prefix', 'rewrite: { path: ¦/a, addPrefix: /b }', 'config.rewrite'),
  feature('a template without slash', 'rewrite: { path: ¦a }', 'config.template'),
  feature('a template with two slashes', 'rewrite: { path: ¦//evil.example/x }', 'config.template'),
  feature('a template with dots', 'rewrite: { path: ¦/a/../b }', 'config.template'),
  feature('a template with an escaped slash', 'rewrite: { path: ¦/a%2Fb }', 'config.template'),
  feature('a template with a query', "rewrite: { path: ¦'/a?b=1' }", 'config.template'),
  feature(
    'a template with a parameter inside a segment',
    "rewrite: { path: ¦'/a-{id}' }",
    'config.template',
  ),
  feature(
    'a template with a fact',
    "rewrite: { path: ¦'/{context:principal.username}' }",
    'config.template',
  ),
  feature('a prefix that is not there', 'rewrite: { stripPrefix: ¦/ap }', 'config.rewrite'),
  feature('a prefix over a parameter', 'rewrite: { stripPrefix: ¦/api/x }', 'config.rewrite'),
  feature('a prefix with a parameter', "rewrite: { addPrefix: ¦'/{id}' }", 'config.rewrite'),
  feature('a prefix with a slash behind it', 'rewrite: { addPrefix: ¦/v2/ }', 'config.rewrite'),
  feature('two names that become one', 'query: { rename: { a: ¦c, b: d, c: e } }', 'config.query'),
  ...[
    'null',
    'https://Example.com',
    'https://example.com/',
    'https://example.com:443',
    'example.com',
    'https://*.com',
    'https://*',
    'https://a.*.example.com',
    'https://*example.com',
    '*.example.com',
    'ftp://example.com',
    'https://user@example.com',
  ].map((origin) =>
    feature(`the origin ${origin}`, `cors: { origins: [¦'${origin}'] }`, 'config.cors'),
  ),
  feature('no origin', 'cors: { origins: ¦[] }', 'config.value'),
  feature(
    'credentials for everybody',
    "cors: { origins: [¦'*'], credentials: true }",
    'config.cors',
  ),
  feature(
    'credentials with every header',
    "cors: { origins: ['https://a.example'], headers: [¦'*'], credentials: true }",
    'config.cors',
  ),
  feature('an informational answer', 'respond: { status: ¦100 }', 'config.value'),
  feature('a body where there is none', 'respond: { status: ¦204, body: a }', 'config.answer'),
  feature('two bodies', 'respond: { body: a, json: ¦{ a: 1 } }', 'config.answer'),
  feature(
    'an answer with a length of its own',
    'respond: { headers: { ¦Content-Length: "5" } }',
    'config.header-name',
  ),
  feature('a redirect that is none', 'redirect: { to: /a, status: ¦304 }', 'config.answer'),
  feature('a redirect to another scheme', "redirect: { to: ¦'javascript:a' }", 'config.answer'),
  feature('a redirect without scheme', 'redirect: { to: ¦//evil.example }', 'config.template'),
  feature(
    'a redirect to a host that a caller names',
    "redirect: { to: ¦'https://{id}.example' }",
    'config.answer',
  ),
  feature('a redirect with a user', "redirect: { to: ¦'https://a@b.example' }", 'config.answer'),
  feature(
    'a redirect with a parameter in its query',
    "redirect: { to: ¦'/a?b={id}' }",
    'config.answer',
  ),
  feature('two answers', 'respond: { body: a }, ¦redirect: { to: /a }', 'config.answer'),
  feature(
    'an answer and a rewrite',
    'respond: { body: a }, ¦rewrite: { path: /a }',
    'config.answer',
  ),
  feature(
    'an answer and a mirror',
    'redirect: { to: /a }, ¦mirror: { upstream: a }',
    'config.answer',
  ),
  feature('an answer to WebSockets', 'respond: { body: a }, ¦websocket: true', 'config.answer'),
  feature(
    'maintenance but for an unknown group',
    'maintenance: { allowGroups: [¦nobody] }',
    'config.unknown-group',
  ),
  feature(
    'a share of an unknown upstream',
    'split: [{ upstream: ¦b, weight: 1 }]',
    'config.unknown-upstream',
  ),
  feature('shares of nothing', 'split: ¦[{ upstream: a, weight: 0 }]', 'config.split'),
  feature(
    'two shares of one upstream',
    'split: [{ upstream: a, weight: 1 }, { upstream: ¦a, weight: 1 }]',
    'config.split',
  ),
  feature('a proof of nothing', 'proof: ¦{}', 'config.proof'),
  feature('a proof by nobody', 'authorizer: open, proof: ¦{ maxAge: 5m }', 'config.proof'),
  feature('a proof of a class that is not ours', 'proof: { acr: ¦urn:mfa }', 'config.proof'),
  feature('a class in two words', "proof: { acr: ¦'phr phrh' }", 'config.value'),
  feature('a proof that is stale at once', 'proof: { maxAge: ¦0s }', 'config.duration'),
  feature('a proof for ever', 'proof: { maxAge: ¦2d }', 'config.duration'),
  feature(
    'a proof of something else',
    'proof: { maxAge: 5m, ¦freshness: 5m }',
    'config.unknown-key',
  ),
  feature(
    'a proof of requests on an open route',
    'authorizer: open, proof: ¦{ request: {} }',
    'config.proof',
  ),
  feature(
    'a proof of requests beside WebSockets',
    'websocket: true, proof: { request: ¦{} }',
    'config.proof',
    '/api/{id}',
  ),
  feature(
    'approvers who are nobody',
    'proof: { request: { approvers: ¦{ self: false } } }',
    'config.proof',
  ),
  feature('others of no group', 'proof: { request: { approvers: ¦{ count: 2 } } }', 'config.proof'),
  feature(
    'approvers of an unknown group',
    'proof: { request: { approvers: { groups: [¦nobody] } } }',
    'config.unknown-group',
  ),
  feature('no other people', 'proof: { request: { approvers: { count: ¦0 } } }', 'config.value'),
  feature(
    'a sentence about another path',
    "proof: { request: { sentence: ¦'Delete {name}' } }",
    'config.proof',
  ),
  feature(
    'a sentence with a brace too many',
    "proof: { request: { sentence: ¦'Delete {id' } }",
    'config.proof',
  ),
  feature('a sentence without words', "proof: { request: { sentence: ¦'' } }", 'config.value'),
  feature('a proof of long bodies', 'proof: { request: { maxBody: ¦2MiB } }', 'config.size'),
  feature('a proof for hours', 'proof: { request: { validFor: ¦1h } }', 'config.duration'),
  feature('a proof for a moment', 'proof: { request: { validFor: ¦9s } }', 'config.duration'),
  feature(
    'a bound header with a space',
    "proof: { request: { headers: [¦'a b'] } }",
    'config.header-name',
  ),
  feature('a mirror to nowhere', 'mirror: { upstream: ¦b }', 'config.unknown-upstream'),
  feature('more than all', 'mirror: { upstream: a, percent: ¦101 }', 'config.value'),
  [
    'WebSockets over a split of which one side speaks HTTP/2 only',
    `version: 1
upstreams: { a: { url: https://a.example }, b: { url: https://b.example, protocol: h2 } }
apis:
  a:
    upstream: a
    routes:
      - { method: GET, path: /a, websocket: true, split: [{ upstream: a, weight: 1 }, { upstream: b, weight: 1 }] }
`,
    '7:45 config.upstream-protocol',
  ],
]

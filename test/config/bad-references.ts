import { small } from './given.ts'
import { apis, client, issuer, route, routes, secret, upstream } from './texts.ts'
import type { Bad } from './texts.ts'

/** What is wrong beside something else, or by a rule of its section. */
export const badReferences: readonly Bad[] = [
  [
    'an unknown upstream',
    apis('a: { upstream: v, routes: [{ method: GET, path: /x }] }'),
    '4:18 config.unknown-upstream',
  ],
  [
    'an unknown authorizer',
    apis(`a: { ${routes}, authorizer: okta }`),
    '4:70 config.unknown-authorizer',
  ],
  [
    'an unknown authorizer of a route',
    route('method: GET, path: /x, authorizer: toString'),
    '9:46 config.unknown-authorizer',
  ],
  [
    'an unknown group',
    'version: 1\npeople: [{ username: a, groups: [x] }]\n',
    '2:34 config.unknown-group',
  ],
  [
    'a group named like a property of objects',
    'version: 1\npeople: [{ username: a, groups: [constructor] }]\n',
    '2:34 config.unknown-group',
  ],
  [
    'an unknown policy of a group',
    'version: 1\ngroups: { g: { policies: [x] } }\n',
    '2:27 config.unknown-policy',
  ],
  [
    'an unknown policy of a person',
    'version: 1\npeople: [{ username: a }]\nattachments: { a: [x] }\n',
    '3:20 config.unknown-policy',
  ],
  [
    'policies on an unknown person',
    'version: 1\nattachments: { a: [] }\n',
    '2:16 config.unknown-person',
  ],
  ['an upstream with a path', upstream('url: http://127.0.0.1:1/x'), '3:13 config.upstream-url'],
  ['an upstream with a query', upstream("url: 'http://127.0.0.1:1?'"), '3:13 config.upstream-url'],
  ['an upstream with a user', upstream('url: http://u:p@127.0.0.1:1'), '3:13 config.upstream-url'],
  ['an upstream of another scheme', upstream('url: ftp://127.0.0.1'), '3:13 config.upstream-url'],
  ['an upstream on our port', upstream('url: http://127.0.0.1:8080'), '3:13 config.upstream-loop'],
  [
    'an upstream on our port under another name',
    upstream('url: http://localhost:8080'),
    '3:13 config.upstream-loop',
  ],
  [
    'an upstream on our port under another loopback address',
    upstream("url: 'http://[::1]:8080'"),
    '3:13 config.upstream-loop',
  ],
  [
    'an upstream on our admin port',
    upstream('url: http://127.0.0.1:8081'),
    '3:13 config.upstream-loop',
  ],
  [
    'an upstream that is our sign-in',
    upstream('url: http://auth.proofgate.localhost:8080'),
    '3:13 config.upstream-loop',
  ],
  [
    'an upstream on the port of a listener on all addresses',
    `${upstream('url: http://127.0.0.1:9000')}listeners: { public: { address: 0.0.0.0, port: 9000 } }\n`,
    '3:13 config.upstream-loop',
  ],
  [
    'an upstream that is our own address',
    `${upstream('url: http://192.0.2.9:8080')}listeners: { public: { address: 192.0.2.9 } }\n`,
    '3:13 config.upstream-loop',
  ],
  [
    'an upstream that is our API behind TLS',
    `${apis(`a: { ${routes}, host: u.example }`)}domain: d.example\n`,
    '2:24 config.upstream-loop',
  ],
  ['cloud metadata', upstream('url: http://169.254.169.254'), '3:13 config.upstream-metadata'],
  [
    'cloud metadata with leave for private addresses',
    upstream('url: http://169.254.169.254, allowPrivateAddresses: true'),
    '3:13 config.upstream-metadata',
  ],
  [
    'cloud metadata as one number',
    upstream('url: http://2852039166'),
    '3:13 config.upstream-metadata',
  ],
  [
    'cloud metadata mapped into IPv6',
    upstream("url: 'http://[::ffff:169.254.169.254]'"),
    '3:13 config.upstream-metadata',
  ],
  [
    'cloud metadata by name',
    upstream('url: http://metadata.google.internal'),
    '3:13 config.upstream-metadata',
  ],
  [
    'HTTP/2 by the service’s choice without TLS',
    upstream('url: http://127.0.0.1:9, protocol: auto'),
    '3:43 config.upstream-protocol',
  ],
  [
    'an upstream protocol nobody speaks',
    upstream('url: https://a.example, protocol: h3'),
    '3:42 config.upstream-protocol',
  ],
  [
    'a WebSocket towards HTTP/2',
    `version: 1\nupstreams:\n  a: { url: https://a.example, protocol: h2 }\napis:\n  a:\n    upstream: a\n    routes:\n      - { method: GET, path: /ok }\n      - { method: GET, path: /ws, websocket: true }\n`,
    '9:46 config.upstream-protocol',
  ],
  [
    'a private address without leave',
    upstream('url: https://10.0.0.1'),
    '3:13 config.upstream-private',
  ],
  [
    'loopback with leave withdrawn',
    upstream('url: http://127.0.0.1:1, allowPrivateAddresses: false'),
    '3:13 config.upstream-private',
  ],
  ['a path without slash', route('method: GET, path: x'), '9:30 config.route-path'],
  ['a path with a slash at its end', route('method: GET, path: /x/'), '9:30 config.route-path'],
  ['a path with a doubled slash', route('method: GET, path: //x'), '9:30 config.route-path'],
  ['a path with a dot segment', route('method: GET, path: /x/../y'), '9:30 config.route-path'],
  [
    'a path with a dot segment and a parameter',
    route('method: GET, path: /x/..;/y'),
    '9:30 config.route-path',
  ],
  ['a path with an escaped letter', route('method: GET, path: /%61'), '9:30 config.route-path'],
  [
    'a path with a lower-case escape',
    route('method: GET, path: /%c3%a4'),
    '9:30 config.route-path',
  ],
  ['a path with an escaped slash', route('method: GET, path: /a%2Fb'), '9:30 config.route-path'],
  [
    'a path with an escaped backslash',
    route('method: GET, path: /a%5Cb'),
    '9:30 config.route-path',
  ],
  ['a path with an escaped NUL', route('method: GET, path: /a%00'), '9:30 config.route-path'],
  ['a path with a query', route("method: GET, path: '/a?b'"), '9:30 config.route-path'],
  ['a path with a space', route("method: GET, path: '/a b'"), '9:30 config.route-path'],
  [
    'a parameter that is half a segment',
    route("method: GET, path: '/a{b}'"),
    '9:30 config.route-path',
  ],
  ['a rest that is not last', route("method: GET, path: '/{a+}/b'"), '9:30 config.route-path'],
  ['a parameter twice', route("method: GET, path: '/{a}/{a}'"), '9:30 config.route-path'],
  ['a route twice', route('method: GET, path: /ok'), '9:30 config.route-duplicate'],
  [
    'a route under another parameter name',
    route("method: ANY, path: '/{a}/x' }\n      - { method: ANY, path: '/{b}/x'"),
    '10:30 config.route-duplicate',
  ],
  [
    'a rest under another name',
    route("method: ANY, path: '/{a+}' }\n      - { method: ANY, path: '/{b+}'"),
    '10:30 config.route-duplicate',
  ],
  [
    'a route over the identity pages',
    `${route('method: GET, path: /.proofgate/x')}origin: http://localhost:8080\n`,
    '9:30 config.route-reserved',
  ],
  [
    'WebSocket on POST',
    route('method: POST, path: /x, websocket: true'),
    '9:46 config.route-websocket',
  ],
  [
    'WebSocket limits on POST',
    route('method: POST, path: /x, websocket: { idle: 5m }'),
    '9:46 config.route-websocket',
  ],
  [
    'an issuer named open',
    'version: 1\nissuers:\n  open: { issuer: https://x.example, audiences: [a] }\n',
    '3:3 config.issuer-name',
  ],
  [
    'an issuer with a query',
    issuer("issuer: 'https://x.example/?a', audiences: [a]"),
    '3:19 config.issuer-url',
  ],
  [
    'an issuer that is no URL',
    issuer('issuer: x.example, audiences: [a]'),
    '3:19 config.issuer-url',
  ],
  [
    'an issuer over http',
    issuer('issuer: http://x.example, audiences: [a]'),
    '3:19 config.issuer-http',
  ],
  [
    'an issuer without audiences',
    issuer('issuer: https://x.example'),
    '3:3 config.issuer-audiences',
  ],
  [
    'an issuer with an empty list of audiences',
    issuer('issuer: https://x.example, audiences: []'),
    '3:38 config.issuer-audiences',
  ],
  [
    'an issuer with an empty audience',
    issuer("issuer: https://x.example, audiences: ['']"),
    '3:50 config.value',
  ],
  [
    'a reserved client id',
    `${small}clients: [{ id: proofgate-x, public: true }]\n`,
    '8:17 config.client-id',
  ],
  [
    'a client id twice',
    `${small}clients: [{ id: a, public: true }, { id: a, public: true }]\n`,
    '8:42 config.client-id',
  ],
  [
    'a client id with a space',
    `${small}clients: [{ id: 'a b', public: true }]\n`,
    '8:17 config.client-id',
  ],
  [
    'a redirect with a wildcard',
    client(`${secret}, redirectUris: ['https://*.example/cb']`),
    '8:66 config.client-redirect',
  ],
  [
    'a redirect with a fragment',
    client(`${secret}, redirectUris: ['https://a.example/cb#']`),
    '8:66 config.client-redirect',
  ],
  [
    'a redirect over http',
    client(`${secret}, redirectUris: [http://a.example/cb]`),
    '8:66 config.client-redirect',
  ],
  [
    'a redirect to a scheme of its own',
    client(`${secret}, redirectUris: ['javascript:alert(1)']`),
    '8:66 config.client-redirect',
  ],
  [
    'a redirect with a user',
    client(`${secret}, redirectUris: ['https://u@a.example/']`),
    '8:66 config.client-redirect',
  ],
  [
    'a redirect with dot segments',
    client(`${secret}, redirectUris: [https://a.example/x/../cb]`),
    '8:66 config.client-redirect',
  ],
  [
    'a redirect that is no URL',
    client(`${secret}, redirectUris: [/cb]`),
    '8:66 config.client-redirect',
  ],
  [
    'a logout redirect over http',
    client(`${secret}, postLogoutRedirectUris: [http://a.example/]`),
    '8:76 config.client-redirect',
  ],
  ['an empty secret', client("secret: ''"), '8:33 config.secret-empty'],
  ['a short secret', client('secret: 0123456789abcde'), '8:33 config.secret-short'],
  ['no secret', client('scopes: [openid]'), '8:11 config.secret-missing'],
  ['a public client with a secret', client(`${secret}, public: true`), '8:25 config.secret-unused'],
  [
    'a user name in capitals',
    'version: 1\npeople: [{ username: Alice }]\n',
    '2:22 config.username',
  ],
  [
    'a user name beginning with a dot',
    'version: 1\npeople: [{ username: .alice }]\n',
    '2:22 config.username',
  ],
  [
    'a user name of 65 characters',
    `version: 1\npeople: [{ username: ${'a'.repeat(65)} }]\n`,
    '2:22 config.username',
  ],
  [
    'a user name with a letter that looks like another',
    'version: 1\npeople: [{ username: \u0430lice }]\n',
    '2:22 config.username',
  ],
  [
    'a user name twice',
    'version: 1\npeople: [{ username: a }, { username: a }]\n',
    '2:39 config.username-duplicate',
  ],
  [
    'an environment reference that leads nowhere',
    'version: 1\nregion: a${NOPE}\n',
    '2:10 config.environment-unset',
  ],
  [
    'an environment reference to a property of objects',
    'version: 1\nregion: ${constructor}\n',
    '2:9 config.environment-unset',
  ],
  [
    'a malformed environment reference',
    'version: 1\nregion: "a${no pe}"\n',
    '2:11 config.environment-syntax',
  ],
  [
    'an environment reference without end',
    'version: 1\nregion: a${NOPE\n',
    '2:10 config.environment-syntax',
  ],
  [
    'a policy with a wrong effect',
    'version: 1\npolicies:\n  p:\n    Version: "2012-10-17"\n    Statement:\n      - { Effect: allow, Action: "execute-api:Invoke", Resource: "*" }\n',
    '6:19 policy.bad_value',
  ],
  ['a policy that is a text', 'version: 1\npolicies: { p: x }\n', '2:16 config.value'],
  [
    'a policy file that is not there',
    'version: 1\npolicies: { p: { file: nope.json } }\n',
    '2:24 config.policy-file',
  ],
  [
    'a policy file and a document in one',
    'version: 1\npolicies: { p: { file: nope.json, Version: x } }\n',
    '2:24 config.policy-file',
    '2:35 config.unknown-key',
  ],
  [
    'a policy file that is a number',
    'version: 1\npolicies: { p: { file: 1 } }\n',
    '2:24 config.value',
  ],
]

/** What is let through with a warning. */
export const warned: readonly (readonly [name: string, text: string, expected: string])[] = [
  [
    'an API of which every route is open',
    apis(`a: { ${routes}, authorizer: open }`),
    '4:3 config.warn-open-api',
  ],
  ['a group no one is in', 'version: 1\ngroups:\n  g: {}\n', '3:3 config.warn-empty-group'],
  [
    'a policy no one has',
    'version: 1\npolicies:\n  p: { Version: "2012-10-17", Statement: [{ Effect: Deny, Action: "*", Resource: "*" }] }\n',
    '3:3 config.warn-unused-policy',
  ],
  [
    'an upstream elsewhere over http',
    upstream('url: http://a.example'),
    '3:13 config.warn-upstream-http',
  ],
]

import { upstream } from './texts.ts'
import type { Bad } from './texts.ts'

const two = 'targets: [{ url: https://a.example }, { url: https://b.example }]'
const one = 'url: https://a.example'
const tls = (rest: string): string => upstream(`${one}, tls: { ${rest} }`)

/** What is wrong about upstreams with several targets, health, sockets and TLS. */
export const badUpstreams: readonly Bad[] = [
  ['an upstream without a place', upstream('maxConnections: 3'), '3:3 config.upstream-targets'],
  ['an upstream with a URL and targets', upstream(`${one}, ${two}`), '3:3 config.upstream-targets'],
  ['no target', upstream('targets: []'), '3:17 config.upstream-targets'],
  [
    'backups of nothing',
    upstream('targets: [{ url: https://a.example, backup: true }]'),
    '3:17 config.upstream-targets',
  ],
  [
    'a target twice',
    upstream('targets: [{ url: https://a.example }, { url: https://a.example:443/ }]'),
    '3:53 config.upstream-targets',
  ],
  [
    'more than 64 targets',
    upstream(
      `targets: [${Array.from({ length: 65 }, (_, n) => `{ url: https://a${n}.example }`).join(', ')}]`,
    ),
    '3:17 config.value',
  ],
  [
    'metadata among the targets',
    upstream('targets: [{ url: https://a.example }, { url: http://169.254.169.254 }]'),
    '3:53 config.upstream-metadata',
  ],
  [
    'ourselves among the targets',
    upstream('targets: [{ url: http://127.0.0.1:9 }, { url: http://127.0.0.1:8080 }]'),
    '3:54 config.upstream-loop',
  ],
  [
    'a private address beside a public one',
    upstream('targets: [{ url: https://a.example }, { url: https://10.0.0.1 }]'),
    '3:53 config.upstream-private',
  ],
  [
    'loopback beside a public address',
    upstream('targets: [{ url: http://127.0.0.1:9 }, { url: https://a.example }]'),
    '3:25 config.upstream-private',
  ],
  [
    'a weight of nothing',
    upstream('targets: [{ url: https://a.example, weight: 0 }]'),
    '3:52 config.value',
  ],
  [
    'weights that nobody heeds',
    upstream(
      'balance: round-robin, targets: [{ url: https://a.example, weight: 2 }, { url: https://b.example }]',
    ),
    '3:17 config.upstream-balance',
  ],
  ['an unknown balance', upstream(`${two}, balance: random`), '3:84 config.value'],
  ['a relative socket', upstream('url: unix:a.sock'), '3:13 config.upstream-url'],
  ['a socket with dot segments', upstream('url: unix:/run/../a.sock'), '3:13 config.upstream-url'],
  ['a socket with a host', upstream('url: unix://host/a.sock'), '3:13 config.upstream-url'],
  [
    'a socket with a long name',
    upstream(`url: unix:/${'a'.repeat(103)}`),
    '3:13 config.upstream-url',
  ],
  ['a socket with a line break', upstream('url: "unix:/a\\nb"'), '3:13 config.upstream-url'],
  ['a directory as a socket', upstream('url: unix:/run/'), '3:13 config.upstream-url'],
  ['a host with a path', upstream(`${one}, host: a.example/x`), '3:38 config.upstream-host'],
  ['a host with a user', upstream(`${one}, host: u@a.example`), '3:38 config.upstream-host'],
  ['a host in capitals', upstream(`${one}, host: A.example`), '3:38 config.upstream-host'],
  [
    'a host with another line',
    upstream(`${one}, host: "a\\r\\nx: y"`),
    '3:38 config.upstream-host',
  ],
  ['health without a path', upstream(`${one}, health: { interval: 5s }`), '3:32 config.missing'],
  ['health with a full URL', upstream(`${one}, health: { path: http://x/ }`), '3:48 config.value'],
  ['health at another host', upstream(`${one}, health: { path: //x/ }`), '3:48 config.value'],
  ['health with a blank', upstream(`${one}, health: { path: "/a b" }`), '3:48 config.value'],
  [
    'health that expects nothing',
    upstream(`${one}, health: { path: /, expect: 299-200 }`),
    '3:59 config.value',
  ],
  [
    'health that expects an interim answer',
    upstream(`${one}, health: { path: /, expect: 100-199 }`),
    '3:59 config.value',
  ],
  ['ejection by another word', upstream(`${two}, ejection: off`), '3:85 config.value'],
  [
    'ejection with an unknown key',
    upstream(`${two}, ejection: { after: 3 }`),
    '3:87 config.unknown-key',
  ],
  [
    'more than all targets ejected',
    upstream(`${two}, ejection: { maxEjected: 101% }`),
    '3:99 config.value',
  ],
  ['retries without a budget', upstream(`${two}, retries: { budget: 5 }`), '3:84 config.value'],
  [
    'a name looked up all the time',
    upstream(`${one}, dns: { refresh: 10ms }`),
    '3:48 config.duration',
  ],
  [
    'TLS for a service without',
    upstream('url: http://127.0.0.1:1, tls: {}'),
    '3:38 config.upstream-tls',
  ],
  ['a certificate without its key', tls('cert: a.pem'), '3:37 config.upstream-tls'],
  ['a key without its certificate', tls('key: a.pem'), '3:37 config.upstream-tls'],
  ['an authority that is not there', tls('ca: gone.pem'), '3:43 config.upstream-tls'],
  ['an old version of TLS', tls("minVersion: '1.1'"), '3:51 config.value'],
  ['a server name with a blank', tls('serverName: "a b"'), '3:51 config.value'],
  [
    'verification turned off in production',
    `${tls('dangerously_skip_verification: true')}production: true\n`,
    '3:39 config.production',
  ],
]

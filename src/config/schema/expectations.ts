import type { ProblemCode } from '../problems.ts'

/** What a value of one kind has to be; a schema's error text is the key in here. */
export interface Expectation {
  readonly code: ProblemCode
  /** Ends the sentence "found ..., expected ...". */
  readonly expected: string
  readonly hint: string
}

export function expectation(code: ProblemCode, expected: string, hint: string): Expectation {
  return { code, expected, hint }
}

export const expectations: Readonly<Record<string, Expectation>> = Object.freeze({
  mapping: expectation(
    'config.value',
    'a mapping (keys and values)',
    'Indent `key: value` lines below it.',
  ),
  list: expectation('config.value', 'a list', 'Write `[one, two]` or lines that begin with `- `.'),
  text: expectation('config.value', 'a text', 'Quote it if it looks like a number or a date.'),
  flag: expectation('config.value', 'true or false', 'YAML 1.2 knows no yes, no, on or off.'),
  version: expectation(
    'config.value',
    '1',
    'This is the version of the file format: `version: 1`.',
  ),
  port: expectation(
    'config.port',
    'a port number, 0 to 65535',
    '0 lets the system choose a free port.',
  ),
  address: expectation(
    'config.value',
    'an IP address',
    'Use 127.0.0.1 for this machine only, 0.0.0.0 or "::" for all.',
  ),
  count: expectation(
    'config.value',
    'a whole number in its range',
    'See the reference for the range.',
  ),
  size: expectation(
    'config.size',
    'a size such as 16KiB or 1MiB in its range',
    'Or a number of bytes.',
  ),
  duration: expectation(
    'config.duration',
    'a duration such as 250ms, 10s, 5m, 12h or 7d in its range',
    'See the reference for the range.',
  ),
  accessLifetime: expectation(
    'config.access-lifetime',
    'a lifetime from 10s to 10m',
    'Short lifetimes are what makes revocation quick; refresh tokens keep people signed in.',
  ),
  upstreamProtocol: expectation(
    'config.upstream-protocol',
    'http1, h2 or auto',
    'http1 is what nearly every service speaks; gRPC services speak h2.',
  ),
  algorithm: expectation('config.algorithm', 'ES256 or RS256', 'Other algorithms are not offered.'),
  rate: expectation(
    'config.throttle',
    'a number of requests per second above 0, at most 1000000',
    'To refuse all requests write a policy that denies.',
  ),
  burst: expectation(
    'config.throttle',
    'a whole number from 1 to 1000000',
    'It is the number of requests at once.',
  ),
  throttle: expectation(
    'config.throttle',
    '{ rate, burst }',
    'For example { rate: 50, burst: 100 }.',
  ),
  percent: expectation('config.value', 'a percentage, 0% to 100%', 'For example 20%.'),
  balance: expectation(
    'config.value',
    'round-robin, least-pending, weighted or sticky',
    'See the documentation of upstreams.',
  ),
  healthPath: expectation(
    'config.value',
    'a path with or without a query, such as /healthz',
    'It begins with a slash; characters a URL cannot hold are escaped.',
  ),
  statusRange: expectation(
    'config.value',
    'a status from 200 to 599, or two with a dash between',
    'For example 200-299.',
  ),
  ejection: expectation(
    'config.value',
    'none, or { failures, errorAnswers, base, maxEjected }',
    'For example { failures: 5, base: 10s, maxEjected: 50% }.',
  ),
  retries: expectation(
    'config.value',
    'none, or { budget, perRequest }',
    'For example { budget: 20%, perRequest: 1 }.',
  ),
  aaguid: expectation(
    'config.value',
    'an AAGUID, at least one where they are the only ones',
    'For example 2fc0579f-8113-47ea-b116-bb5a8db9202a; makers publish those of their models.',
  ),
  authenticators: expectation(
    'config.value',
    'any, device-bound or hardware-only',
    'The usual one is any.',
  ),
  credentialAlgorithm: expectation(
    'config.value',
    'at least one of ES256, EdDSA, RS256, ML-DSA-44, ML-DSA-65 and ML-DSA-87',
    'Every security key knows ES256.',
  ),
  namespace: expectation(
    'config.value',
    'lower-case letters, digits and dashes, at most 32',
    'Such as the name of the issuer.',
  ),
  preset: expectation('config.value', 'aal2 or aal3', 'Leave it out for neither.'),
  clone: expectation('config.value', 'block or warn', 'The default is block.'),
  signIn: expectation('config.value', 'any or hardware-only', 'The default is any.'),
  maker: expectation(
    'config.value',
    'a name of 1 to 64 characters',
    'Such as Yubico; whole words are compared, in either case of letters.',
  ),
  serial: expectation(
    'config.value',
    'at least one serial number: decimal digits, or 0x and hex digits',
    'Quote it: "12345678" is the number that is printed on a key.',
  ),
  certification: expectation(
    'config.value',
    'L1, L1+, L2, L2+, L3 or L3+',
    'Quote those with a plus sign.',
  ),
  findingAct: expectation(
    'config.value',
    'keep, warn or suspend',
    'keep says it in reports only, warn records it, suspend lets the passkey open nothing.',
  ),
  metadataUrl: expectation(
    'config.value',
    'an address that begins with https://, without credentials and fragment',
    'http:// is for this machine only, such as http://127.0.0.1:8000/blob.jwt.',
  ),
  metadataRoots: expectation(
    'config.value',
    'at least one file of certificates',
    'See docs/authenticators.md for where they come from.',
  ),
  attestation: expectation('config.value', 'none, direct or enterprise', 'The usual one is none.'),
  oldPasskeys: expectation('config.value', 'suspend or remove', 'The usual one is suspend.'),
  credentialId: expectation(
    'config.value',
    'the id of a passkey in base64url',
    '`proofgate credentials list` shows them.',
  ),
  moment: expectation(
    'config.value',
    'a day or a moment in UTC',
    "For example 2026-12-31, which is its first moment, or '2026-12-31T18:00:00Z'.",
  ),
  serverName: expectation('config.value', 'a DNS name', 'As in the certificate of the service.'),
  tlsVersion: expectation('config.value', "'1.2' or '1.3'", 'Quote it.'),
  cidr: expectation(
    'config.trusted-proxy',
    'a CIDR block such as 10.0.0.0/8 that is not everything',
    'A trusted proxy may say who the client is: name only your own.',
  ),
  domain: expectation(
    'config.value',
    'a lower-case domain name',
    'For example proofgate.localhost.',
  ),
  account: expectation('config.value', 'a text of 12 digits', "Quote it: '000000000000'."),
  region: expectation(
    'config.value',
    'a region such as local or eu-west-1',
    'Lower-case letters, digits and `-`, at most 32.',
  ),
  logLevel: expectation('config.value', 'debug, info, warn or error', 'The usual one is info.'),
  percentage: expectation('config.value', 'a percentage from 1% to 100%', 'Write it as 80%.'),
  priority: expectation('config.value', 'high, normal or low', 'The usual one is normal.'),
  websocket: expectation(
    'config.value',
    'true, false, or { maxAge, idle, maxMessage, outlivesToken }',
    'For example { maxAge: 12h, idle: 5m }.',
  ),
  ciphers: expectation(
    'config.value',
    'cipher suites such as TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256',
    'Only suites with forward secrecy and authenticated encryption are offered; name those of TLS 1.3 too.',
  ),
  clientCertificateMode: expectation(
    'config.value',
    'request or require',
    'With request a policy can ask for a certificate where it matters.',
  ),
  workers: expectation(
    'config.value',
    'auto or a number from 1 to 64',
    'auto is one thread per processor; 1 does everything in one.',
  ),
  forwardedHeader: expectation(
    'config.value',
    'x-forwarded-for or forwarded',
    'Exactly the one your proxies write; the other is ignored.',
  ),
  method: expectation(
    'config.value',
    'GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS or ANY',
    'Methods are upper-case; ANY is all of them.',
  ),
  name: expectation(
    'config.name',
    'a name of 1 to 64 letters, digits, `_` and `-`',
    'Rename it, here and where it is used.',
  ),
  username: expectation(
    'config.username',
    'a user name: lower-case letters, digits, `.`, `_`, `@`, `-`, at most 64, beginning with a letter or digit',
    'User names have one spelling, so that two people never look alike.',
  ),
  clientId: expectation(
    'config.client-id',
    'an id of 1 to 64 letters, digits, `.`, `_` and `-`',
    'Ids that begin with proofgate- belong to Proofgate.',
  ),
  scope: expectation(
    'config.value',
    'a scope: 1 to 64 printable characters without space, `"` and `\\`',
    'List scopes one by one.',
  ),
  display: expectation(
    'config.value',
    'a text of 1 to 200 characters on one line',
    'It is shown to people.',
  ),
  tagName: expectation(
    'config.name',
    'the name of a tag: at most 128 letters, digits, spaces inside, and `_.+=@/:-`',
    'It becomes a part of a condition key.',
  ),
  tags: expectation(
    'config.value',
    'at most 50 tags, whose names differ in more than case',
    'Condition keys are not case-sensitive.',
  ),
  declared: expectation(
    'config.value',
    'at most 20 names, which differ in more than case',
    'Condition keys are not case-sensitive.',
  ),
  claim: expectation(
    'config.value',
    'the name of a claim: at most 128 letters, digits and `_.+=@/:-`',
    'It becomes a part of a condition key.',
  ),
  parameterName: expectation(
    'config.value',
    'the name of a query parameter: at most 64 letters, digits and `_.-`',
    'It becomes a part of a condition key.',
  ),
  contextClass: expectation(
    'config.value',
    'a context class: 1 to 100 printable characters without space, `"` and `\\`',
    'phr and phrh are what sign-in here proves.',
  ),
  sentence: expectation(
    'config.value',
    'a sentence of 1 to 300 characters',
    'For example "Delete order {id} of {body.customer}".',
  ),
  approverCount: expectation(
    'config.value',
    'a number of people from 1 to 10',
    'How many people beside the caller have to touch a key.',
  ),
  headerName: expectation(
    'config.header-name',
    'a header name of at most 64 characters',
    'Letters, digits and `-`.',
  ),
  headerValue: expectation(
    'config.value',
    'a text of 1 to 1024 visible ASCII characters',
    'Header values hold no line breaks and no accents.',
  ),
  status: expectation('config.value', 'a status code', 'See the reference for the range.'),
  share: expectation('config.value', 'a number from 0 to 100', 'It may have a fraction.'),
  body: expectation('config.value', 'a text', 'Use `json` for other values.'),
  webhookEvent: expectation(
    'config.value',
    'an event, such as credential.registered',
    'The reference lists them; without `events` it is all of them.',
  ),
  sharedSignal: expectation(
    'config.value',
    'an event type of CAEP or RISC, such as session-revoked',
    'The reference lists them; without `events` it is all of them.',
  ),
  delivery: expectation('config.value', 'push or poll', 'push: we send; poll: it fetches.'),
  policyTests: expectation('config.value', 'at most 20 files', 'A file may hold 1000 tests.'),
  path: expectation(
    'config.value',
    'a file path',
    'Relative paths begin at the configuration file.',
  ),
})

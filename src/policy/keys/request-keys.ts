import type { ContextKey } from './key.ts'

const every = {
  several: 'never',
  presence: 'always',
  without: '',
  callers: 'everybody',
} as const

/** Facts of the request and its connection. */
export const requestKeys: readonly ContextKey[] = [
  {
    ...every,
    name: 'aws:SourceIp',
    type: 'address',
    source: 'the connection, or what `trustedProxies` say of it',
    about: 'address of the client, after trusted proxies were taken off',
    example: { IpAddress: { 'aws:SourceIp': ['203.0.113.0/24', '2001:db8::/32'] } },
  },
  {
    ...every,
    name: 'aws:CurrentTime',
    type: 'date',
    source: 'the clock, when the request arrived',
    about: 'now, ISO 8601 in UTC',
    example: { DateLessThan: { 'aws:CurrentTime': '2027-01-01T00:00:00Z' } },
  },
  {
    ...every,
    name: 'aws:EpochTime',
    type: 'date',
    alsoType: 'number',
    source: 'the clock, when the request arrived',
    about: 'now, in whole seconds since 1970-01-01T00:00:00Z',
    example: { NumericLessThan: { 'aws:EpochTime': '1798761600' } },
  },
  {
    ...every,
    name: 'aws:SecureTransport',
    type: 'boolean',
    source: "the API's origin",
    about: 'whether the client reached the gateway over TLS',
    example: { Bool: { 'aws:SecureTransport': 'true' } },
  },
  {
    ...every,
    name: 'aws:RequestedRegion',
    type: 'string',
    source: '`region` of the configuration',
    about: 'the region in the ARN of what is called',
    example: { StringEquals: { 'aws:RequestedRegion': 'local' } },
  },
  {
    ...every,
    presence: 'sometimes',
    name: 'aws:UserAgent',
    type: 'string',
    without: 'when none was sent',
    source: 'the `User-Agent` header',
    about: 'what the client calls itself; not a proof',
    example: { StringLike: { 'aws:UserAgent': 'orders-app/*' } },
  },
  {
    ...every,
    presence: 'sometimes',
    name: 'aws:Referer',
    type: 'string',
    without: 'when none was sent',
    source: 'the `Referer` header',
    about: 'the page the request came from; not a proof',
    example: { StringLike: { 'aws:Referer': 'https://portal.example.com/*' } },
  },
]

const certificate = {
  type: 'string',
  several: 'never',
  presence: 'sometimes',
  callers: 'everybody',
  without: 'without a verified client certificate',
  source: 'the client certificate of the connection, once it was verified',
} as const

/** Facts of a client certificate, in mutual TLS. */
export const certificateKeys: readonly ContextKey[] = [
  {
    ...certificate,
    presence: 'always',
    name: 'proofgate:ClientCertificateVerified',
    type: 'boolean',
    without: '`false` without one',
    about: 'whether the connection showed a client certificate that holds',
    example: { Bool: { 'proofgate:ClientCertificateVerified': 'true' } },
  },
  {
    ...certificate,
    name: 'proofgate:ClientCertificateSubject',
    about: 'its subject (RFC 4514): `CN=alice,O=Example`',
    example: { StringEquals: { 'proofgate:ClientCertificateSubject': 'CN=alice,O=Example' } },
  },
  {
    ...certificate,
    several: 'always',
    name: 'proofgate:ClientCertificateSan',
    about: 'its alternative names with their kind: `DNS:…`, `URI:…`, `email:…`, `IP:…`',
    example: {
      'ForAnyValue:StringEquals': {
        'proofgate:ClientCertificateSan': 'URI:spiffe://example.com/orders',
      },
    },
  },
  {
    ...certificate,
    name: 'proofgate:ClientCertificateIssuer',
    about: 'its issuer, written like the subject',
    example: { StringEquals: { 'proofgate:ClientCertificateIssuer': 'CN=Example CA,O=Example' } },
  },
  {
    ...certificate,
    name: 'proofgate:ClientCertificateFingerprint',
    about: 'its SHA-256, 64 hex digits in lower case',
    example: { StringEquals: { 'proofgate:ClientCertificateFingerprint': 'ab'.repeat(32) } },
  },
  {
    ...certificate,
    name: 'proofgate:ClientCertificateSerial',
    about: 'its serial number, hex in lower case',
    example: { StringEquals: { 'proofgate:ClientCertificateSerial': '0a1b2c' } },
  },
]

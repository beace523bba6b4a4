import { amount, duration, flag, text, word } from '../scalars.ts'
import { mapping, nothing } from './parts.ts'

export const upstream = mapping('a service behind the gateway', {
  url: text('text', 'http:// or https:// with host and port, nothing else'),
  protocol: word(
    'upstreamProtocol',
    'how the service is spoken to: http1; h2 (gRPC; prior knowledge over http, ALPN over https); auto (https only: the service chooses by ALPN)',
    ['http1', 'h2', 'auto'],
  ).prefault('http1'),
  allowPrivateAddresses: flag(
    'whether addresses of private networks may be connected to; default: only if the URL itself names loopback',
  ).optional(),
  timeouts: mapping('time limits towards the upstream', {
    connect: duration('until connected', '10ms', '5m').prefault('5s'),
    headers: duration('until the response headers', '10ms', '1h').prefault('30s'),
    idle: duration('between two parts of a body', '10ms', '1d').prefault('60s'),
  }).prefault(nothing),
  maxConnections: amount('count', 'connections at once', {
    min: 1,
    max: 65_535,
    whole: true,
  }).prefault(256),
})

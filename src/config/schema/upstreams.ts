import { z } from 'zod'
import { amount, duration, flag, text, word } from '../scalars.ts'
import { filePath, list, mapping, nothing } from './parts.ts'

const count = (description: string, min: number, max: number) =>
  amount('count', `${description} (${min} to ${max})`, { min, max, whole: true })

const percent = (description: string) => text('percent', description, /^(?:100|[1-9]?\d)%$/)

/** A mapping, or the word that turns it off. */
function unlessNone<Shape extends z.ZodRawShape>(kind: string, description: string, shape: Shape) {
  return z
    .union([z.strictObject(shape), z.literal('none')], { error: kind })
    .meta({ description: `${description}; or \`none\`` })
}

/** `200-399`, or one status, which YAML reads as a number. */
const statusRange = (description: string) =>
  z
    .union([z.string(), z.number().meta({ type: 'integer' })], { error: 'statusRange' })
    .refine((value) => /^[2-5]\d\d(?:-[2-5]\d\d)?$/.test(String(value)), { error: 'statusRange' })
    .meta({ description })

const url = (description: string) => text('text', description)

const target = mapping('one place of the service', {
  url: url('http://, https:// or unix:/path, as `url`'),
  weight: count('its part of the requests, beside the others', 1, 1000).prefault(1),
  backup: flag('used only while no other target can be').prefault(false),
})

const health = mapping('asks each target how it is; absent: no checks', {
  path: text(
    'healthPath',
    'what is asked for with GET',
    /^\/(?!\/)(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-F]{2}){0,1023}$/,
  ),
  interval: duration('between two checks of a target', '100ms', '1h').prefault('10s'),
  timeout: duration('for the whole answer', '10ms', '1m').prefault('2s'),
  healthyAfter: count('good checks in a row that bring a target back', 1, 100).prefault(2),
  unhealthyAfter: count('failed checks in a row that take a target out', 1, 100).prefault(3),
  expect: statusRange('a status, or the first and last one, that is good').prefault('200-399'),
})

const ejection = unlessNone('ejection', 'leaves out targets that fail requests', {
  failures: count('failures in a row until a target is left out', 1, 1000).prefault(5),
  errorAnswers: count(
    'answers of 500 and above in a row that do the same; absent: they do not count',
    1,
    1000,
  ).optional(),
  base: duration('how long at first; doubles each time', '10ms', '5m').prefault('10s'),
  maxEjected: percent(
    'most targets out at once; below 100% the last one never is, at 100% all can be',
  ).prefault('50%'),
})

const retries = unlessNone('retries', 'sends to another target what reached none', {
  budget: percent('retries per request, over time').prefault('20%'),
  perRequest: count('retries of one request', 1, 10).prefault(1),
})

const timeouts = mapping('time limits towards the upstream', {
  connect: duration('until connected', '10ms', '5m').prefault('5s'),
  headers: duration('until the response headers', '10ms', '1h').prefault('30s'),
  idle: duration('between two parts of a body', '10ms', '1d').prefault('60s'),
  queue: duration('for a free connection; default: as `connect`', '10ms', '5m').optional(),
  total: duration('for the whole exchange; default: none', '10ms', '1d').optional(),
})

const tls = mapping('TLS towards the upstream', {
  ca: filePath('PEM file of the authorities to trust, instead of the usual ones').optional(),
  cert: filePath('PEM file of our own certificate, for mutual TLS').optional(),
  key: filePath('PEM file of its key').optional(),
  serverName: text(
    'serverName',
    'the name to ask for and to check; default: the host of the URL',
    /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*$/,
  ).optional(),
  minVersion: word('tlsVersion', 'least version of TLS', ['1.2', '1.3']).prefault('1.2'),
  dangerously_skip_verification: flag('takes any certificate').prefault(false),
})

export const upstream = mapping('a service behind the gateway', {
  url: url(
    'http:// or https:// with host and port, nothing else; or unix:/path of a socket',
  ).optional(),
  targets: list('instead of `url`: several places of the same service', target)
    .max(64, { error: 'list' })
    .optional(),
  protocol: word(
    'upstreamProtocol',
    'how the service is spoken to: http1; h2 (gRPC; prior knowledge over http, ALPN over https); auto (https only: the service chooses by ALPN)',
    ['http1', 'h2', 'auto'],
  ).prefault('http1'),
  balance: word('balance', 'how a target is chosen; default: round-robin, with weights weighted', [
    'round-robin',
    'least-pending',
    'weighted',
    'sticky',
  ]).optional(),
  host: text('text', 'the Host header; default: the host of the URL').optional(),
  allowPrivateAddresses: flag(
    'whether addresses of private networks may be connected to; default: only if every URL itself names loopback',
  ).optional(),
  forwarded: flag('tells it about callers by Forwarded (RFC 7239) beside X-Forwarded-*').prefault(
    false,
  ),
  timeouts: timeouts.prefault(nothing),
  maxConnections: count('connections at once, to each target', 1, 65_535).prefault(256),
  maxPending: count('requests that may wait for a connection, at each target', 0, 100_000).prefault(
    1024,
  ),
  health: health.optional(),
  ejection: ejection.prefault(nothing),
  retries: retries.prefault(nothing),
  dns: mapping('names of targets', {
    refresh: duration('how often they are looked up again', '1s', '1d').prefault('30s'),
  }).prefault(nothing),
  tls: tls.optional(),
})

export type UpstreamShape = z.output<typeof upstream>

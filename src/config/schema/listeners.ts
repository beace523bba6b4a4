import { z } from 'zod'
import { addressFamily } from '../../core/index.ts'
import { amount, flag, isNarrowCidr, text, word } from '../scalars.ts'
import { filePath, list, mapping, nothing } from './parts.ts'

const listener = (port: number) => ({
  address: text(
    'address',
    'IP address to listen on',
    undefined,
    (value) => addressFamily(value) !== 0,
  ).prefault('127.0.0.1'),
  port: amount('port', 'port to listen on; 0 is any free one', {
    min: 0,
    max: 65_535,
    whole: true,
  }).prefault(port),
})

const suite = /(?:TLS_[A-Z0-9_]{1,40}|ECDHE-[A-Z0-9-]{1,40}(?:-GCM-SHA(?:256|384)|-POLY1305))/
  .source

const certificate = mapping('a certificate for some hosts', {
  cert: filePath('PEM file: the certificate, then those between it and its authority'),
  key: filePath('PEM file: its private key, without passphrase'),
})

const tls = mapping('TLS by Proofgate itself; without it, something in front has to end TLS', {
  certificates: list(
    'certificates, chosen by the host that is asked for; the first is for everything else',
    certificate,
  )
    .min(1, { error: 'list' })
    .max(100, { error: 'list' }),
  minVersion: z
    .union([z.enum(['1.2', '1.3']), z.literal([1.2, 1.3])], { error: 'tlsVersion' })
    .meta({ description: 'least version of TLS: 1.2 or 1.3' })
    .prefault('1.2'),
  ciphers: text(
    'ciphers',
    'cipher suites in order, divided by `:`; default: those of TLS 1.3, and ECDHE with AES-GCM or ChaCha20',
    new RegExp(`^${suite}(?::${suite}){0,31}$`),
  ).optional(),
  clientCertificates: mapping('certificates of callers', {
    ca: filePath('PEM file: the authorities whose certificates count'),
    mode: word('clientCertificateMode', 'request: a caller may go without; require: none may', [
      'request',
      'require',
    ]).prefault('request'),
  }).optional(),
})

const proxyProtocol = mapping('PROXY protocol, version 1 or 2, in front of everything else', {
  from: list(
    'who speaks it, and then has to; others connect directly',
    text('cidr', 'a CIDR block', undefined, isNarrowCidr),
  ).min(1, { error: 'list' }),
})

/** Where connections arrive, as it is written. */
export const listeners = mapping('where to listen', {
  public: mapping('callers and people', {
    ...listener(8080),
    tls: tls.optional(),
    proxyProtocol: proxyProtocol.optional(),
    h2c: flag(
      'also speaks HTTP/2 without TLS, with callers that begin with it (prior knowledge)',
    ).prefault(false),
    halfClose: flag(
      'answers callers that have ended their side of a connection; otherwise they count as gone',
    ).prefault(false),
  }).prefault(nothing),
  admin: mapping('health, metrics and administration', listener(8081)).prefault(nothing),
}).prefault(nothing)

import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import type { KeyObject, X509Certificate } from 'node:crypto'
import { isIP, isIPv6 } from 'node:net'
import { ProofgateError } from '../core/index.ts'
import type { Instant } from '../core/index.ts'
import {
  bitString,
  implicit,
  integer,
  isTrue,
  objectIdentifier,
  octetString,
  sequence,
} from './der.ts'
import { parseCertificates, parseKey } from './files.ts'
import { issueCertificate, keyIdentifier } from './issue.ts'
import type { Extension } from './issue.ts'

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  readonly cert: string
  readonly key: string
}

const day = 86_400_000
const hour = 3_600_000
const authorityLifetime = 5 * 365 * day
/** Browsers refuse certificates of servers that live longer than 398 days. */
const longestLeaf = 397 * day

const extensionType = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const

const usage = {
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
} as const

/**
 * A certificate authority for this machine alone: whoever steals its key can speak for `localhost`, names
 * below it and loopback addresses, and for nothing else (RFC 5280 4.2.1.10).
 */
export class LocalAuthority {
  readonly pair: KeyPair
  readonly #name: string
  readonly #key: KeyObject
  readonly #expiresAt: Instant

  private constructor(pair: KeyPair, certificate: X509Certificate, key: KeyObject) {
    this.pair = pair
    this.#name = certificate.subject.replace(/^CN=/, '')
    this.#key = key
    this.#expiresAt = certificate.validToDate.getTime()
  }

  static create(now: Instant): LocalAuthority {
    const { privateKey, publicKey } = newKey()
    const subject = `Proofgate local CA ${keyIdentifier(publicKey).toString('hex', 0, 4)}`
    const cert = issueCertificate(
      {
        issuer: subject,
        subject,
        publicKey,
        notBefore: now - hour,
        notAfter: now + authorityLifetime,
        extensions: [
          {
            type: extensionType.basicConstraints,
            critical: true,
            value: sequence(isTrue(), integer(Buffer.from([0]))),
          },
          // keyCertSign and cRLSign
          {
            type: extensionType.keyUsage,
            critical: true,
            value: bitString(Buffer.from([0x06]), 1),
          },
          { type: extensionType.nameConstraints, critical: true, value: localNamesOnly() },
          subjectKeyIdentifier(publicKey),
        ],
      },
      privateKey,
    )
    return LocalAuthority.open({ cert, key: exportKey(privateKey) }, now)
  }

  /** Throws `certificate.authority_unusable` for what is damaged, expired, or not a pair. */
  static open(pair: KeyPair, now: Instant): LocalAuthority {
    const [certificate] = parseCertificates(pair.cert) ?? []
    const key = parseKey(pair.key)
    if (certificate?.ca !== true || key === undefined || !certificate.checkPrivateKey(key)) {
      throw unusable('are not those of one CA')
    }
    if (certificate.validToDate.getTime() <= now) throw unusable('are of a CA that has expired')
    return new LocalAuthority(pair, certificate, key)
  }

  /** For names and addresses of this machine; throws `certificate.host_not_local` for any other. */
  issueServer(hosts: readonly string[], now: Instant): KeyPair {
    const foreign = hosts.find((host) => !isLocalHost(host))
    if (foreign !== undefined || hosts.length === 0) {
      throw new ProofgateError(
        'certificate.host_not_local',
        `${foreign ?? 'no host'} is not a name or address of this machine`,
        {
          hint: 'The local CA is for localhost, names below it and loopback addresses; other names need a certificate of a real authority.',
        },
      )
    }
    const names = hosts.map((host) => (isIP(host) === 0 ? dnsName(host) : ipAddress(host)))
    return this.#issue('Proofgate local server', usage.server, names, now)
  }

  /** Throws `certificate.client_name` for a name that could be taken for a host. */
  issueClient(name: string, now: Instant): KeyPair {
    if (!/^[A-Za-z0-9][A-Za-z0-9_@-]{0,63}$/.test(name)) {
      throw new ProofgateError(
        'certificate.client_name',
        `${JSON.stringify(name)} cannot be the name of a client certificate`,
        { hint: 'Use 1 to 64 letters, digits, `_`, `@` and `-`; no dots, which belong to hosts.' },
      )
    }
    const uri = implicit(6, false, Buffer.from(`urn:proofgate:client:${name}`))
    return this.#issue(name, usage.client, [uri], now)
  }

  #issue(subject: string, purpose: string, names: readonly Buffer[], now: Instant): KeyPair {
    const { privateKey, publicKey } = newKey()
    const cert = issueCertificate(
      {
        issuer: this.#name,
        subject,
        publicKey,
        notBefore: now - hour,
        notAfter: Math.min(now - hour + longestLeaf, this.#expiresAt),
        extensions: [
          { type: extensionType.basicConstraints, critical: true, value: sequence() },
          // digitalSignature
          {
            type: extensionType.keyUsage,
            critical: true,
            value: bitString(Buffer.from([0x80]), 7),
          },
          {
            type: extensionType.extendedKeyUsage,
            critical: false,
            value: sequence(objectIdentifier(purpose)),
          },
          { type: extensionType.subjectAltName, critical: false, value: sequence(...names) },
          subjectKeyIdentifier(publicKey),
          {
            type: extensionType.authorityKeyIdentifier,
            critical: false,
            value: sequence(implicit(0, false, keyIdentifier(createPublicKey(this.#key)))),
          },
        ],
      },
      this.#key,
    )
    return { cert, key: exportKey(privateKey) }
  }
}

/** Whether the authority may speak for a host. */
export function isLocalHost(host: string): boolean {
  if (host === '::1') return true
  if (isIP(host) === 4) return host.startsWith('127.')
  const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
  const labels = host.split('.')
  const [first, ...rest] = labels
  const plain = first === '*' && rest.length > 0 ? rest : labels
  return (
    host.length <= 253 && labels.at(-1) === 'localhost' && plain.every((one) => label.test(one))
  )
}

function localNamesOnly(): Buffer {
  const permitted = [
    implicit(2, false, Buffer.from('localhost')),
    implicit(7, false, Buffer.from([127, 0, 0, 0, 255, 0, 0, 0])),
    implicit(7, false, Buffer.concat([loopbackV6, Buffer.alloc(16, 0xff)])),
  ]
  return sequence(implicit(0, true, ...permitted.map((base) => sequence(base))))
}

const loopbackV6 = Buffer.from('00000000000000000000000000000001', 'hex')

function dnsName(host: string): Buffer {
  return implicit(2, false, Buffer.from(host))
}

function ipAddress(address: string): Buffer {
  const bytes = isIPv6(address) ? loopbackV6 : Buffer.from(address.split('.').map(Number))
  return implicit(7, false, bytes)
}

function subjectKeyIdentifier(publicKey: KeyObject): Extension {
  return {
    type: extensionType.subjectKeyIdentifier,
    critical: false,
    value: octetString(keyIdentifier(publicKey)),
  }
}

function newKey(): { privateKey: KeyObject; publicKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

function exportKey(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' })
}

function unusable(what: string): ProofgateError {
  return new ProofgateError('certificate.authority_unusable', `the files ${what}`, {
    hint: 'Move them away and run `proofgate dev-ca` again; the new CA has to be trusted anew.',
  })
}

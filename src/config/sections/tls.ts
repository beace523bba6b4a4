import { statSync } from 'node:fs'
import { isAbsolute, relative, resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { X509Certificate } from 'node:crypto'
import { CoveredHosts, parseCertificates, parseKey } from '../../certificate/index.ts'
import { Secret } from '../../core/index.ts'
import type { Draft } from '../draft.ts'
import type { ConfiguredCertificate, ConfiguredTls } from '../model.ts'
import { quote } from '../problems.ts'
import type { Path } from '../problems.ts'
import type { Origin } from './origins.ts'
import type { PolicyFiles } from './access/documents.ts'

const here = ['listeners', 'public', 'tls']
/** Certificates are renewed a month before their end; two weeks left mean that it did not happen. */
const warnBefore = 14 * 86_400_000

type Shape = NonNullable<Draft['shape']['listeners']['public']['tls']>

/** Reads the files and checks that they belong together. `undefined` without TLS, and when there are problems. */
export function resolveTls(draft: Draft, files: PolicyFiles): ConfiguredTls | undefined {
  const { tls } = draft.shape.listeners.public
  if (tls === undefined) return undefined
  const reading = { draft, files }
  const certificates = tls.certificates.flatMap(
    (pair, index) => readPair(reading, [...here, 'certificates', index], pair) ?? [],
  )
  const { clientCertificates } = tls
  const ca = clientCertificates === undefined ? '' : readAuthorities(reading, clientCertificates.ca)
  const areCiphersKnown = checkCiphers(draft, tls.ciphers)
  if (certificates.length < tls.certificates.length || ca === undefined) return undefined
  if (!areCiphersKnown) return undefined
  return {
    certificates,
    minVersion: String(tls.minVersion) === '1.3' ? '1.3' : '1.2',
    ciphers: tls.ciphers,
    clientCertificates:
      clientCertificates === undefined ? undefined : { ca, mode: clientCertificates.mode },
  }
}

/** Whether the TLS library knows all of them: it would otherwise refuse the listener, and not the file. */
function checkCiphers(draft: Draft, ciphers: string | undefined): boolean {
  if (ciphers === undefined) return true
  const unknown = ciphers.split(':').find((suite) => !isCipher(suite))
  if (unknown === undefined) return true
  draft.report([...here, 'ciphers'], {
    code: 'config.tls-ciphers',
    message: `found ${quote(unknown)}, which TLS does not know here, expected another suite`,
    hint: 'Names are those of OpenSSL: `openssl ciphers -v` lists them.',
  })
  return false
}

function isCipher(suite: string): boolean {
  try {
    createSecureContext({ ciphers: suite })
    return true
  } catch {
    return false
  }
}

/** With TLS here every address is https, and some certificate should be for it. */
export function checkTlsOrigins(
  draft: Draft,
  tls: ConfiguredTls | undefined,
  served: readonly { readonly origin: Origin; readonly path: Path }[],
): void {
  if (tls === undefined) return
  const covered = tls.certificates.flatMap(({ cert }) =>
    (parseCertificates(cert) ?? []).slice(0, 1).map((leaf) => new CoveredHosts(leaf)),
  )
  for (const { origin, path } of served) {
    if (origin.scheme === 'http') {
      // An API has the scheme of sign-in, which is where it is put right.
      if (path[0] === 'apis') continue
      draft.report(path, {
        code: 'config.tls-origin',
        message: `found ${quote(origin.origin)} at a listener with TLS, expected https`,
        hint: 'Write https, or remove `listeners.public.tls` if something in front ends TLS.',
      })
    } else if (!covered.some((hosts) => hosts.has(origin.hostname))) {
      draft.warn([...here, 'certificates'], {
        code: 'config.warn-certificate-host',
        message: `found no certificate for ${quote(origin.hostname)}, expected one`,
        hint: 'Callers will not believe the one they get. Names are compared with its subject alternative names.',
      })
    }
  }
}

interface Reading {
  readonly draft: Draft
  readonly files: PolicyFiles
}

function readPair(
  reading: Reading,
  path: Path,
  written: Shape['certificates'][number],
): ConfiguredCertificate | undefined {
  const { draft } = reading
  const cert = readFile(reading, [...path, 'cert'], written.cert)
  const key = readFile(reading, [...path, 'key'], written.key)
  if (cert === undefined || key === undefined) return undefined
  const [leaf] = parseCertificates(cert.text) ?? []
  const secret = parseKey(key.text)
  if (leaf === undefined) {
    draft.report([...path, 'cert'], {
      code: 'config.tls-certificate',
      message: `found no certificate in ${quote(cert.shown)}, expected PEM`,
      hint: 'It begins with -----BEGIN CERTIFICATE-----; the certificate of the host comes first.',
    })
  }
  if (secret === undefined) {
    draft.report([...path, 'key'], {
      code: 'config.tls-key',
      message: `found no private key in ${quote(key.shown)}, expected PEM without passphrase`,
      hint: 'It begins with -----BEGIN PRIVATE KEY-----.',
    })
  }
  if (leaf === undefined || secret === undefined) return undefined
  if (!leaf.checkPrivateKey(secret)) {
    draft.report([...path, 'key'], {
      code: 'config.tls-pair',
      message: `found another key in ${quote(key.shown)}, expected that of ${quote(cert.shown)}`,
      hint: 'Replace both files; the pair in use stays until they fit.',
    })
    return undefined
  }
  warnOfKey(draft, [...path, 'key'], key)
  warnOfTime(draft, [...path, 'cert'], cert.shown, leaf)
  const pair = { file: cert.shown, cert: cert.text, key: new Secret(key.text) }
  return isUsable(reading, [...path, 'cert'], pair) ? pair : undefined
}

/** The TLS library has rules of its own, such as the least size of an RSA key. */
function isUsable({ draft }: Reading, path: Path, pair: ConfiguredCertificate): boolean {
  try {
    createSecureContext({ cert: pair.cert, key: pair.key.reveal() })
    return true
  } catch (error) {
    const why = error instanceof Error ? error.message : 'it was refused'
    draft.report(path, {
      code: 'config.tls-certificate',
      message: `found ${quote(pair.file)}, which TLS cannot use (${quote(why)}), expected another`,
      hint: 'Check the whole chain in the file and the size of the key.',
    })
    return false
  }
}

/**
 * Invariant: an empty list of authorities is refused, because the TLS library would take every public one
 * in its place.
 */
function readAuthorities(reading: Reading, written: string): string | undefined {
  const path = [...here, 'clientCertificates', 'ca']
  const file = readFile(reading, path, written)
  if (file === undefined) return undefined
  const certificates = parseCertificates(file.text) ?? []
  if (certificates.length > 0 && certificates.every((one) => one.ca)) return file.text
  reading.draft.report(path, {
    code: 'config.tls-authority',
    message: `found ${certificates.length === 0 ? 'no certificate' : 'a certificate that is no authority'} in ${quote(file.shown)}, expected authorities as PEM`,
    hint: 'Name the authority that issues the certificates of callers, not those certificates.',
  })
  return undefined
}

interface ReadFile {
  readonly path: string
  readonly shown: string
  readonly text: string
}

/** The text is not kept as a source to show problems in: it may be a key. */
function readFile({ draft, files }: Reading, path: Path, written: string): ReadFile | undefined {
  const absolute = resolve(files.base, written)
  const shown = isAbsolute(written)
    ? written
    : `${files.shownBase}${relative(files.base, absolute)}`
  files.onFile(absolute, undefined)
  try {
    return { path: absolute, shown, text: files.readFile(absolute) }
  } catch {
    draft.report(path, {
      code: 'config.tls-file',
      message: `found no readable file ${quote(shown)}, expected PEM`,
      hint: 'Relative paths begin at the configuration file; `proofgate dev-ca` makes files for this machine.',
    })
    return undefined
  }
}

function warnOfKey(draft: Draft, path: Path, key: ReadFile): void {
  const mode = statSync(key.path, { throwIfNoEntry: false })?.mode ?? 0
  if (process.platform === 'win32' || (mode & 0o077) === 0) return
  draft.warn(path, {
    code: 'config.warn-key-exposed',
    message: `found mode 0${(mode & 0o777).toString(8)} on ${quote(key.shown)}, expected 0600`,
    hint: 'Other accounts can read the key: chmod 600, and replace it if they may have.',
  })
}

function warnOfTime(draft: Draft, path: Path, shown: string, leaf: X509Certificate): void {
  const now = Date.now()
  const [from, to] = [leaf.validFromDate, leaf.validToDate]
  if (now >= from.getTime() && now < to.getTime() - warnBefore) return
  const found =
    now < from.getTime()
      ? `is not valid before ${from.toISOString()}`
      : `${now < to.getTime() ? 'expires' : 'has expired'} at ${to.toISOString()}`
  draft.warn(path, {
    code: 'config.warn-certificate-expiry',
    message: `found ${quote(shown)}, which ${found}, expected one that is valid for longer`,
    hint: 'Replace the files; they are taken up without a restart.',
  })
}

import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { Secret } from '../../core/index.ts'
import type { Draft } from '../draft.ts'
import type { ConfiguredUpstreamTls } from '../model.ts'
import { quote } from '../problems.ts'
import { readFlag } from '../scalars.ts'
import type { UpstreamShape } from '../schema/upstreams.ts'
import type { PolicyFiles } from './access/documents.ts'

type FileKey = 'ca' | 'cert' | 'key'

/** Reads the files that `tls` of an upstream names, and makes sure that they can be used together. */
export function resolveUpstreamTls(
  draft: Draft,
  { name, shape, secure }: { name: string; shape: UpstreamShape; secure: boolean },
  files: PolicyFiles,
): ConfiguredUpstreamTls | undefined {
  const { tls } = shape
  const at = ['upstreams', name, 'tls']
  if (tls === undefined) return undefined
  if (!secure) {
    report(draft, at, 'found tls for a target without TLS, expected https:// URLs only')
    return undefined
  }
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    report(draft, at, 'found one of cert and key, expected both or neither')
    return undefined
  }
  const read = (key: FileKey): string | undefined =>
    readPem(draft, { path: [...at, key], written: tls[key] }, files)
  const [ca, cert, key] = [read('ca'), read('cert'), read('key')]
  if (!areUsable({ ca, cert, key })) {
    report(draft, at, 'found files that are no certificates and key of one another, expected such')
    return undefined
  }
  const fingerprint = fingerprintOf([ca, cert, key])
  // A new certificate under the same name is another configuration.
  if (fingerprint !== undefined) draft.derive([...at, 'fingerprint'], fingerprint)
  return {
    ca,
    identity: cert === undefined || key === undefined ? undefined : { cert, key: new Secret(key) },
    serverName: tls.serverName,
    minVersion: tls.minVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
    skipVerification: readFlag(tls.dangerously_skip_verification),
    fingerprint,
  }
}

function readPem(
  draft: Draft,
  { path, written }: { path: string[]; written: string | undefined },
  files: PolicyFiles,
): string | undefined {
  if (written === undefined) return undefined
  const absolute = resolve(files.base, written)
  files.onFile(absolute, undefined)
  try {
    return files.readFile(absolute)
  } catch {
    report(draft, path, `found no readable file ${quote(written)}, expected a PEM file`)
    return undefined
  }
}

type Pems = Readonly<Record<FileKey, string | undefined>>

/** Invariant: what cannot be read as certificates never stands for "trust the usual authorities". */
function areUsable({ ca, cert, key }: Pems): boolean {
  try {
    if (ca !== undefined) new X509Certificate(ca).toString()
    const identity = cert === undefined || key === undefined ? {} : { cert, key }
    createSecureContext({ ...identity, ...(ca === undefined ? {} : { ca }) })
    // A context is made of an empty key as well.
    return (
      cert === undefined ||
      key === undefined ||
      new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
    )
  } catch {
    return false
  }
}

function fingerprintOf(texts: readonly (string | undefined)[]): string | undefined {
  if (texts.every((text) => text === undefined)) return undefined
  return createHash('sha256').update(JSON.stringify(texts)).digest('hex').slice(0, 16)
}

function report(draft: Draft, path: string[], message: string): void {
  draft.report(path, {
    code: 'config.upstream-tls',
    message,
    hint: 'PEM files; relative paths begin at the configuration file.',
  })
}

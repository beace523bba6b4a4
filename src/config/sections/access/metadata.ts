import { createHash } from 'node:crypto'
import { isAbsolute, relative, resolve } from 'node:path'
import { parseRevocationLists } from '../../../metadata/configured/index.ts'
import { parseAnchors } from '../../../webauthn/configured/index.ts'
import type { Draft } from '../../draft.ts'
import type { ConfiguredMetadata } from '../../model/authenticators.ts'
import { quote } from '../../problems.ts'
import { readDuration } from '../../scalars.ts'
import type { PolicyFiles } from './documents.ts'

interface PemFile {
  readonly file: string
  readonly pem: string
}

const here = ['authenticators', 'metadata']

/** What lists of metadata are believed for; every file is read and has to be sound. */
export function resolveMetadata(draft: Draft, files: PolicyFiles): ConfiguredMetadata | undefined {
  const shape = draft.shape.authenticators.metadata
  if (shape === undefined) return undefined
  const roots = shape.roots.flatMap((name, index) => readRoots(draft, files, { name, index }) ?? [])
  const revocationLists = shape.revocationLists.flatMap(
    (name, index) => readLists(draft, files, { name, index }) ?? [],
  )
  // Another content under the same names is another configuration.
  const fingerprint = createHash('sha256')
  for (const { pem } of [...roots, ...revocationLists]) {
    fingerprint.update(createHash('sha256').update(pem).digest())
  }
  draft.derive([...here, 'fingerprint'], fingerprint.digest('hex'))
  const { signer, url } = shape
  const [warnAfter, refuseAfter] = [readDuration(shape.warnAfter), readDuration(shape.refuseAfter)]
  return { roots, revocationLists, url, signer, warnAfter, refuseAfter }
}

/** Roots are certificates: the key of one alone would be believed for ever. */
function readRoots(
  draft: Draft,
  files: PolicyFiles,
  { name, index }: { name: string; index: number },
): PemFile | undefined {
  const file = shownName(files, name)
  const pem = readText(files, resolve(files.base, name))
  const anchors = pem === undefined ? undefined : parseAnchors(file, pem)
  const sound = anchors?.every(({ material }) => material.kind === 'certificate') ?? false
  if (pem !== undefined && sound) return { file, pem }
  draft.report([...here, 'roots', index], {
    code: 'config.trust-anchor',
    message: `found ${pem === undefined ? 'no readable file' : 'something else than certificates in'} ${quote(file)}, expected PEM with certificates and nothing damaged`,
    hint: 'It begins with -----BEGIN CERTIFICATE-----.',
  })
  return undefined
}

function readLists(
  draft: Draft,
  files: PolicyFiles,
  { name, index }: { name: string; index: number },
): PemFile | undefined {
  const file = shownName(files, name)
  const pem = readText(files, resolve(files.base, name))
  if (pem !== undefined && parseRevocationLists(pem) !== undefined) return { file, pem }
  draft.report([...here, 'revocationLists', index], {
    code: 'config.revocation-list',
    message: `found ${pem === undefined ? 'no readable file' : 'no list that can be understood for certain in'} ${quote(file)}, expected PEM with complete lists that say when the next one comes`,
    hint: '`openssl crl -inform DER -in FILE.crl` makes PEM of the usual form.',
  })
  return undefined
}

/** As it is written, or relative to where the configuration was named. */
export function shownName(files: PolicyFiles, name: string): string {
  if (isAbsolute(name)) return name
  return `${files.shownBase}${relative(files.base, resolve(files.base, name))}`
}

/** Nothing for a file that cannot be read; it is watched in any case. */
export function readText(files: PolicyFiles, absolute: string): string | undefined {
  files.onFile(absolute, undefined)
  try {
    return files.readFile(absolute)
  } catch {
    return undefined
  }
}

import { isAbsolute, relative, resolve } from 'node:path'
import { statSync } from 'node:fs'
import type { Draft } from '../../draft.ts'
import type { ConfiguredDestination } from '../../model/signals.ts'
import { quote } from '../../problems.ts'
import type { Path } from '../../problems.ts'
import { readDuration, readFlag } from '../../scalars.ts'
import type { PolicyFiles } from '../access/documents.ts'
import { readText } from '../access/metadata.ts'
import {
  isLocalhostName,
  isLoopback,
  isMetadata,
  isPrivate,
  withoutBrackets,
} from '../addresses.ts'

/** What the entries of both lists have. */
interface DestinationShape {
  readonly allowPrivateAddresses?: boolean | string | undefined
  readonly timeout: string
  readonly giveUpAfter: string
}

/** Reads where to, and reports a place that nobody must be told at. */
export function resolveDestination(
  draft: Draft,
  at: { readonly path: Path; readonly key: string; readonly url: string },
  shape: DestinationShape,
): ConfiguredDestination {
  const { path, key, url } = at
  const host = withoutBrackets(URL.parse(url)?.hostname ?? '')
  const isHere = isLoopback(host) || isLocalhostName(host)
  const { allowPrivateAddresses: written } = shape
  if (written === undefined) draft.derive([...path, 'allowPrivateAddresses'], isHere)
  const allowPrivateAddresses = written === undefined ? isHere : readFlag(written)
  const fault = faultOf(url, { host, isHere, allowPrivateAddresses })
  if (fault !== undefined) {
    draft.report([...path, key], {
      code: 'config.signal-url',
      message: `found ${quote(url)}, expected ${fault}`,
      hint: 'https to anywhere public; `allowPrivateAddresses: true` for https within a network; http on loopback.',
    })
  }
  return {
    url: URL.parse(url)?.href ?? url,
    allowPrivateAddresses,
    timeout: readDuration(shape.timeout),
    giveUpAfter: readDuration(shape.giveUpAfter),
  }
}

function faultOf(url: string, { host, isHere, allowPrivateAddresses }: Facts): string | undefined {
  const parsed = URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return 'an https URL'
  if (parsed.username !== '' || parsed.password !== '' || url.includes('#')) {
    return 'a URL without user and fragment'
  }
  if (isMetadata(host)) return 'no link-local or cloud metadata address'
  if (parsed.protocol === 'http:' && !isHere) return 'https for what leaves this machine'
  if (isPrivate(host) && !allowPrivateAddresses) return 'leave to connect to a private address'
  return undefined
}

interface Facts {
  readonly host: string
  readonly isHere: boolean
  readonly allowPrivateAddresses: boolean
}

/** The text of a file with a secret, without the newline at its end; reports one that cannot be read. */
export function readSecretFile(
  draft: Draft,
  path: Path,
  { files, written }: { readonly files: PolicyFiles; readonly written: string },
): string | undefined {
  const absolute = resolve(files.base, written)
  const shown = isAbsolute(written)
    ? written
    : `${files.shownBase}${relative(files.base, absolute)}`
  const text = readText(files, absolute)
  if (text === undefined) {
    draft.report(path, {
      code: 'config.secret-file',
      message: `found no readable file ${quote(shown)}, expected a secret`,
      hint: 'Relative paths begin at the configuration file.',
    })
    return undefined
  }
  const mode = statSync(absolute, { throwIfNoEntry: false })?.mode ?? 0
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    draft.warn(path, {
      code: 'config.warn-key-exposed',
      message: `found mode 0${(mode & 0o777).toString(8)} on ${quote(shown)}, expected 0600`,
      hint: 'Other accounts can read the secret: chmod 600, and replace it if they may have.',
    })
  }
  return text.trim()
}

/** Names are in commands, and places are kept by them. */
export function checkNames(draft: Draft, path: Path, names: readonly string[]): void {
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) === index) continue
    draft.report([...path, index, 'name'], {
      code: 'config.signal-name',
      message: `found ${quote(name)} a second time, expected each name once`,
      hint: 'Choose another name.',
    })
  }
}

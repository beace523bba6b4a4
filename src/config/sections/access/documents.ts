import { relative, resolve } from 'node:path'
import { parsePolicyDocument } from '../../../policy/index.ts'
import type { PolicyKind, Reading } from '../../../policy/index.ts'
import { placeProblem } from '../../draft.ts'
import type { Draft, Remark } from '../../draft.ts'
import { readLocated } from '../../located.ts'
import type { PlacedDocument } from '../../located.ts'
import type { ConfiguredPolicy } from '../../model.ts'
import { pathKey, printPath, quote } from '../../problems.ts'
import type {
  ConfigurationProblem,
  ConfigurationSource,
  Path,
  ProblemList,
} from '../../problems.ts'

/** How policy files are reached. */
export interface PolicyFiles {
  /** The directory relative paths begin at. */
  readonly base: string
  /** The directory messages name files from; as the configuration file was named. */
  readonly shownBase: string
  readonly readFile: (path: string) => string
  /** Called with each file, read or not: its absolute path, and its text if it could be read. */
  readonly onFile: (path: string, source: ConfigurationSource | undefined) => void
}

/** Finds the document that stands at the path, in the configuration or in the file it names there. */
export function placeDocument(
  draft: Draft,
  at: Path,
  files: PolicyFiles,
): PlacedDocument | undefined {
  const value = valueAt(draft.located.value, at)
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'file')) {
    return { located: draft.located, at, value }
  }
  const { file } = value as { file: unknown }
  for (const key of Object.keys(value).filter((key) => key !== 'file')) {
    draft.report(
      [...at, key],
      {
        code: 'config.unknown-key',
        message: `found the key ${quote(key)} beside \`file\`, expected nothing else`,
        hint: 'A policy is either { file: path } or a document.',
      },
      'key',
    )
  }
  if (typeof file === 'string' && file !== '') return readPolicyFile(draft, at, file, files)
  draft.report([...at, 'file'], {
    code: 'config.value',
    message: `found ${typeof file === 'string' ? 'an empty text' : 'no text'}, expected a file path`,
    hint: 'Relative paths begin at the configuration file.',
  })
  return undefined
}

function readPolicyFile(
  draft: Draft,
  at: Path,
  file: string,
  files: PolicyFiles,
): PlacedDocument | undefined {
  const path = resolve(files.base, file)
  const shown = `${files.shownBase}${relative(files.base, path)}`
  const text = tryRead(files, path)
  files.onFile(path, text === undefined ? undefined : { file: shown, text })
  if (text === undefined) {
    draft.report([...at, 'file'], {
      code: 'config.policy-file',
      message: `found no readable file ${quote(shown)}, expected a JSON policy`,
      hint: 'Relative paths begin at the configuration file.',
    })
    return undefined
  }
  const located = readLocated({ file: shown, text }, { language: 'json' }, draft.problems)
  return located === undefined ? undefined : { located, at: [], value: located.value }
}

function tryRead(files: PolicyFiles, path: string): string | undefined {
  try {
    return files.readFile(path)
  } catch {
    return undefined
  }
}

/** Reads a document as one of the kind; its problems are reported where they stand. */
export function readDocument(
  draft: Draft,
  name: string,
  placed: PlacedDocument,
  reading: Reading & { readonly kind: PolicyKind },
): ConfiguredPolicy | undefined {
  const policy = parseDocument({ name, placed }, reading, draft.problems)
  if (policy !== undefined) draft.documents.push({ policy, placed })
  return policy
}

/** The same for a document that no configuration names. */
export function parseDocument(
  { name, placed }: { readonly name: string; readonly placed: PlacedDocument },
  { kind, ...reading }: Reading & { readonly kind: PolicyKind },
  problems: ProblemList,
): ConfiguredPolicy | undefined {
  const parsed = parsePolicyDocument(placed.value, kind, reading)
  if ('problems' in parsed) {
    for (const problem of parsed.problems) problems.add(locate(placed, problem, 'value'))
    return undefined
  }
  const { located, at } = placed
  const places = parsed.document.statements.map((_, index) => {
    const place =
      located.places.get(pathKey([...at, 'Statement', index])) ??
      located.places.get(pathKey([...at, 'Statement']))
    return `${located.file}:${place?.value.line ?? 1}`
  })
  return { name, document: parsed.document, places }
}

/** The document at a path that holds one kind of document and nothing else, such as a trust policy. */
export function resolveDocument(
  draft: Draft,
  at: Path,
  reading: Reading & { readonly kind: PolicyKind },
  files: PolicyFiles,
): ConfiguredPolicy | undefined {
  const placed = placeDocument(draft, at, files)
  if (placed === undefined) return undefined
  draft.derive(at, placed.value)
  return readDocument(draft, printPath(at), placed, reading)
}

/** Gives what was found in a document its place in the text. */
export function locate(
  { located, at, value }: PlacedDocument,
  found: Remark & { readonly pointer: string },
  spot: 'key' | 'value',
): ConfigurationProblem {
  const path = [...at, ...pointerPath(found.pointer, value)]
  return { ...placeProblem(located, new Map(), path, found, spot), path: printPath(path) }
}

/** RFC 6901; an index where the document has a list. */
function pointerPath(pointer: string, document: unknown): Path {
  const path: (string | number)[] = []
  let value = document
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    path.push(Array.isArray(value) ? Number(key) : key)
    value = memberOf(value, key)
  }
  return path
}

function valueAt(document: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, part) => memberOf(value, String(part)), document)
}

function memberOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  return (value as Record<string, unknown>)[key]
}

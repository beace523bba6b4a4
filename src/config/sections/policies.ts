import { relative, resolve } from 'node:path'
import { parsePolicyDocument } from '../../policy/index.ts'
import type { PolicyDocument, PolicyProblem } from '../../policy/index.ts'
import { placeProblem } from '../draft.ts'
import type { Draft } from '../draft.ts'
import { readLocated } from '../located.ts'
import type { Located } from '../located.ts'
import type { ConfiguredPolicy } from '../model.ts'
import { pathKey, printPath, quote } from '../problems.ts'
import type { ConfigurationSource, Path } from '../problems.ts'

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

/** A document in a text: the whole of a policy file, or a part of the configuration. */
interface Placed {
  readonly located: Located
  readonly at: Path
  readonly value: unknown
}

export function resolvePolicies(draft: Draft, files: PolicyFiles): ConfiguredPolicy[] {
  warnOfUnused(draft)
  return Object.keys(draft.shape.policies).flatMap((name) => {
    const placed = placePolicy(draft, name, files)
    if (placed === undefined) return []
    draft.derive(['policies', name], placed.value)
    const parsed = parsePolicyDocument(placed.value, 'identity')
    if ('document' in parsed) return [finishPolicy(name, parsed.document, placed)]
    for (const problem of parsed.problems) reportPolicy(draft, placed, problem)
    return []
  })
}

function finishPolicy(name: string, document: PolicyDocument, placed: Placed): ConfiguredPolicy {
  const { located, at } = placed
  const places = document.statements.map((_, index) => {
    const place =
      located.places.get(pathKey([...at, 'Statement', index])) ??
      located.places.get(pathKey([...at, 'Statement']))
    return `${located.file}:${place?.value.line ?? 1}`
  })
  return { name, document, places }
}

function placePolicy(draft: Draft, name: string, files: PolicyFiles): Placed | undefined {
  const at = ['policies', name]
  const value = (draft.located.value as { policies: Record<string, unknown> }).policies[name]
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
  if (typeof file === 'string' && file !== '') return readPolicyFile(draft, name, file, files)
  draft.report([...at, 'file'], {
    code: 'config.value',
    message: `found ${typeof file === 'string' ? 'an empty text' : 'no text'}, expected a file path`,
    hint: 'Relative paths begin at the configuration file.',
  })
  return undefined
}

function readPolicyFile(
  draft: Draft,
  name: string,
  file: string,
  files: PolicyFiles,
): Placed | undefined {
  const path = resolve(files.base, file)
  const shown = `${files.shownBase}${relative(files.base, path)}`
  const text = tryRead(files, path)
  files.onFile(path, text === undefined ? undefined : { file: shown, text })
  if (text === undefined) {
    draft.report(['policies', name, 'file'], {
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

function reportPolicy(draft: Draft, placed: Placed, problem: PolicyProblem): void {
  const { located, at, value } = placed
  const path = [...at, ...pointerPath(problem.pointer, value)]
  const placedProblem = placeProblem(located, new Map(), path, problem, 'value')
  draft.problems.add({ ...placedProblem, path: printPath(path) })
}

/** RFC 6901; an index where the document has a list. */
function pointerPath(pointer: string, document: unknown): Path {
  const path: (string | number)[] = []
  let value = document
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    path.push(Array.isArray(value) ? Number(key) : key)
    value =
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Record<string, unknown>)[key]
        : undefined
  }
  return path
}

function warnOfUnused(draft: Draft): void {
  const { groups, attachments, policies } = draft.shape
  const used = new Set([
    ...Object.values(groups).flatMap((group) => group.policies),
    ...Object.values(attachments).flat(),
  ])
  for (const name of Object.keys(policies)) {
    if (used.has(name)) continue
    draft.warn(['policies', name], {
      code: 'config.warn-unused-policy',
      message: `found no group and no person with the policy ${quote(name)}, expected one`,
      hint: 'It takes no part in any decision.',
    })
  }
}

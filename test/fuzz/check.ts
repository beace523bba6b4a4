import { makeCase } from './responses.ts'
import type { FuzzCase } from './responses.ts'
import { Random } from './random.ts'
import { readOurs } from './ours.ts'
import type { Reading } from './ours.ts'
import { readTheirs } from './theirs.ts'

/** What the cases were, to see that the generator reaches all of them. */
export interface Tally {
  readonly results: Record<Reading['result'], number>
  /** Both parsers took it and were compared. */
  compared: number
}

export function newTally(): Tally {
  return {
    results: {
      open: 0,
      end: 0,
      'end reusable': 0,
      upgraded: 0,
      malformed: 0,
      too_large: 0,
      reset: 0,
    },
    compared: 0,
  }
}

/** Checks one case; throws with what is wrong about it. */
export function checkCase(seed: number, index: number, tally: Tally): void {
  const random = new Random(seed, index)
  const fuzz = makeCase(random)
  try {
    const whole = readOurs(fuzz, [])
    tally.results[whole.result] += 1
    checkSplits(fuzz, random, whole)
    checkBounds(fuzz, whole)
    if (compare(fuzz, whole)) tally.compared += 1
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`seed ${seed} case ${index}: ${reason}\n${describe(fuzz)}`, { cause: error })
  }
}

function checkSplits(fuzz: FuzzCase, random: Random, whole: Reading): void {
  const { length } = fuzz.bytes
  const cuts = [randomCuts(random, length), randomCuts(random, length)]
  if (random.chance(5)) cuts.push(Array.from({ length }, (_, at) => at))
  const expected = JSON.stringify(whole)
  for (const some of cuts) {
    const found = JSON.stringify(readOurs(fuzz, some))
    if (found !== expected) throw new Error(`cut at ${some.join()}: ${found}, whole: ${expected}`)
  }
}

function randomCuts(random: Random, length: number): number[] {
  const cuts: number[] = []
  const stride = random.pick([2, 10, 60, 300])
  for (let at = random.below(stride); at < length; at += 1 + random.below(stride)) cuts.push(at)
  return cuts
}

/** Nothing is made up, and nothing over the bound is handed on. */
function checkBounds(fuzz: FuzzCase, whole: Reading): void {
  const head = whole.headers.reduce((sum, part) => sum + part.length, whole.statusText.length)
  const trailers = whole.trailers.reduce((sum, part) => sum + part.length, 0)
  if (head > fuzz.maxHeaderBytes) throw new Error('a head over the bound')
  if (trailers > fuzz.maxHeaderBytes) throw new Error('trailers over the bound')
  if (whole.informational.length > 8) throw new Error('too many interim answers')
  if (whole.body.length > fuzz.bytes.length) throw new Error('more body than bytes')
}

const ofConnection = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
])
const notInTrailers =
  /^(?:authorization|connection|content-(?:encoding|length|range|type)|host|keep-alive|proxy-(?:authenticate|connection)|set-cookie|te|trailer|transfer-encoding|upgrade|www-authenticate)$/i

/** @returns whether both took the response; throws when they then read it differently. */
function compare(fuzz: FuzzCase, ours: Reading): boolean {
  if (!ours.result.startsWith('end')) return false
  const theirs = readTheirs(fuzz.bytes, fuzz)
  if (!theirs.complete) return false
  const same = (what: string, left: unknown, right: unknown): void => {
    const [mine, other] = [JSON.stringify(left), JSON.stringify(right)]
    if (mine !== other) throw new Error(`${what}: ours ${mine}, llhttp ${other}`)
  }
  same('status', ours.status, theirs.status)
  same('status text', ours.statusText, theirs.statusText)
  same('body', ours.body, theirs.body)
  same('headers', ours.headers, endToEnd(theirs.headers))
  same(
    'trailers',
    ours.trailers,
    theirs.trailers.length === 0 ? [] : allowedTrailers(theirs.trailers),
  )
  if (ours.result === 'end reusable' && !theirs.keepAlive && !isOddlyClosed(fuzz, theirs.headers)) {
    throw new Error('kept, against llhttp')
  }
  return true
}

/**
 * Where llhttp closes a connection that is as good as any: behind a HEAD whose answer names no length (it
 * has no body, RFC 9112 6.3), and for `Proxy-Connection`, which no specification knows.
 */
function isOddlyClosed(fuzz: FuzzCase, headers: readonly string[]): boolean {
  return fuzz.headRequest || headers.some((name) => name.toLowerCase() === 'proxy-connection')
}

function endToEnd(flat: readonly string[]): string[] {
  const named = new Set<string>()
  for (const [name, value] of pairsOf(flat)) {
    if (name.toLowerCase() !== 'connection') continue
    for (const option of value.split(',')) named.add(option.trim().toLowerCase())
  }
  for (const option of ['', 'close', 'keep-alive', 'upgrade']) named.delete(option)
  return pairsOf(flat)
    .filter(([name]) => !ofConnection.has(name.toLowerCase()) && !named.has(name.toLowerCase()))
    .flat()
}

function allowedTrailers(flat: readonly string[]): string[] {
  return pairsOf(flat)
    .filter(([name]) => !notInTrailers.test(name))
    .flat()
}

function pairsOf(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let at = 0; at < flat.length; at += 2) pairs.push([flat[at] ?? '', flat[at + 1] ?? ''])
  return pairs
}

function describe(fuzz: FuzzCase): string {
  const { bytes, ...rest } = fuzz
  return `${JSON.stringify(bytes.toString('latin1'))} ${JSON.stringify(rest)}`
}

import { isServedMethod } from '../../src/gateway/incoming/screen.ts'
import { Random } from './random.ts'
import { readRequests, readTheirRequests } from './request-readings.ts'
import type { RequestReading } from './request-readings.ts'
import { makeRequests } from './requests.ts'
import type { RequestCase } from './requests.ts'

/** What the cases were, to see that the generator reaches all of them. */
export interface RequestTally {
  readonly results: Record<RequestReading['result'], number>
  /** Requests that both parsers took and that were compared. */
  compared: number
}

export function newRequestTally(): RequestTally {
  return { results: { open: 0, last: 0, flaw: 0, malformed: 0, too_large: 0 }, compared: 0 }
}

/** Checks the requests of one connection; throws with what is wrong about them. */
export function checkRequests(seed: number, index: number, tally: RequestTally): void {
  const random = new Random(seed, index)
  const fuzz = makeRequests(random)
  try {
    const whole = readRequests(fuzz, [])
    tally.results[whole.result] += 1
    checkCuts(fuzz, random, whole)
    tally.compared += compare(fuzz, whole)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const shown = `${JSON.stringify(fuzz.bytes.toString('latin1'))} ${fuzz.maxHeadBytes}`
    throw new Error(`seed ${seed} case ${index}: ${reason}\n${shown}`, { cause: error })
  }
}

function checkCuts(fuzz: RequestCase, random: Random, whole: RequestReading): void {
  const { length } = fuzz.bytes
  const stride = random.pick([2, 10, 60, 300])
  const cuts: number[] = []
  for (let at = random.below(stride); at < length; at += 1 + random.below(stride)) cuts.push(at)
  const single = random.chance(5) ? [Array.from({ length }, (_, at) => at)] : []
  const expected = JSON.stringify(whole)
  for (const some of [cuts, ...single]) {
    const found = JSON.stringify(readRequests(fuzz, some))
    if (found !== expected) throw new Error(`cut at ${some.join()}: ${found}, whole: ${expected}`)
  }
}

/**
 * Whatever we take, the runtime's parser takes too, with the same meaning.
 *
 * @returns how many requests were compared.
 */
function compare(fuzz: RequestCase, ours: RequestReading): number {
  const theirs = readTheirRequests(fuzz.bytes)
  let compared = 0
  for (const [at, mine] of ours.requests.entries()) {
    const { method } = mine
    if (!isComparable(mine)) return compared
    const [left, right] = [JSON.stringify(mine), JSON.stringify(theirs[at])]
    if (mine.isWhole && left !== right) throw new Error(`${method}: ours ${left}, llhttp ${right}`)
    compared += 1
  }
  return compared
}

/**
 * llhttp does not know every method, nor targets that are refused later on: bytes beyond ASCII, none of the
 * forms of RFC 9112 3.2. It stops at an upgrade, and behind `Proxy-Connection: close`, which no specification
 * knows, or `Connection: close` in a trailer section.
 */
function isComparable({
  method,
  target,
  headers,
  trailers,
}: RequestReading['requests'][number]): boolean {
  const stopsIt =
    headers.some((text) => /^(?:upgrade|proxy-connection)$/i.test(text)) ||
    trailers.some((text) => /^(?:proxy-)?connection$/i.test(text))
  return isServedMethod(method) && /^(?:\/|\*$|http:\/\/a\/)[\x21-\x7e]*$/.test(target) && !stopsIt
}

/**
 * Fuzzes the parser of responses from services, then that of requests from callers, the policy evaluator and
 * the reading of HTTP/2:
 *
 *     npm run fuzz -- [cases] [seed] [first case]
 *     npm run fuzz -- policies [cases] [seed]
 *     npm run fuzz -- http2 [cases] [seed] [first case]
 *     npm run fuzz -- requests [cases] [seed] [first case]
 *
 * Each response follows from the seed and its number, so that one that fails can be run again alone:
 * `npm run fuzz -- 1 SEED CASE`. Without numbers all are fuzzed, with them only what they are for. Exits
 * with 1 and the case at the first failure; policies are made smaller before.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { checkCase, newTally } from './check.ts'
import { checkConnection } from './http2.ts'
import type { Http2Tally } from './http2.ts'
import { comparePolicies } from './policies.ts'
import { checkRequests, newRequestTally } from './request-check.ts'

const every = 1_000_000
const [subject, ...rest] = process.argv.slice(2)
const isAboutPolicies = subject === 'policies'
const isAboutHttp2 = subject === 'http2'
const isAboutRequests = subject === 'requests'
const isAboutOne = isAboutPolicies || isAboutHttp2 || isAboutRequests
const numbers = (isAboutOne ? rest : process.argv.slice(2)).map(Number)
const usual = isAboutPolicies ? 100_000 : isAboutHttp2 || isAboutRequests ? 1_000_000 : 10_000_000
const [cases = usual, seed = Date.now() % 2 ** 31, first = 0] = numbers

/** Live memory, once what nobody holds any more is gone. */
function liveBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  // What a first collection finds of buffers is given back beside this thread, and counted until then.
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** What the parser may leave behind over all cases together: nothing, and some room for the runtime. */
const mostGrowth = 32 * 1024 * 1024

function run(): void {
  const tally = newTally()
  let begun: number | undefined
  console.log(`${cases} cases, seed ${seed}`)
  for (let index = first; index < first + cases; index++) {
    checkCase(seed, index, tally)
    const done = index - first + 1
    if (done === 10_000) begun = liveBytes()
    if (done % every !== 0) continue
    const growth = begun === undefined ? 0 : liveBytes() - begun
    console.log(
      `${done}: compared ${tally.compared}, ${JSON.stringify(tally.results)}, ${growth} bytes more`,
    )
    if (growth > mostGrowth) throw new Error(`seed ${seed}: memory grew by ${growth} bytes`)
  }
  console.log(`no failure; compared ${tally.compared}, ${JSON.stringify(tally.results)}`)
}

function readHttp2(count: number): void {
  const tally: Http2Tally = { sound: 0, wrong: 0, fields: 0, tooLarge: 0, malformed: 0 }
  console.log(`${count} connections of HTTP/2, seed ${seed}`)
  for (let index = first; index < first + count; index++) checkConnection(seed, index, tally)
  console.log(`no failure; ${JSON.stringify(tally)}`)
}

function readRequests(count: number): void {
  const tally = newRequestTally()
  console.log(`requests on ${count} connections of HTTP/1.1, seed ${seed}`)
  for (let index = first; index < first + count; index++) checkRequests(seed, index, tally)
  console.log(`no failure; compared ${tally.compared}, ${JSON.stringify(tally.results)}`)
}

try {
  if (isAboutPolicies) comparePolicies(cases, seed)
  else if (isAboutHttp2) readHttp2(cases)
  else if (isAboutRequests) readRequests(cases)
  else run()
  if (subject === undefined) {
    readRequests(1_000_000)
    comparePolicies(100_000, seed)
    readHttp2(1_000_000)
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

/**
 * Where Proofgate spends its time under load: `node bench/profile.ts [--seconds 8] [--scenario remembered] [--save]`
 * Prints self time by area and by function; with `--save` also writes `docs/performance/profile.md`
 * and draws `flame.svg` there. The profile itself is `bench/results/SCENARIO.cpuprofile`, which browsers' developer tools open.
 *
 * V8 sees JavaScript and what it calls, so that work of the kernel counts for the function that asked for it,
 * and other threads (signatures of the pool, the disk) not at all.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { drawFlame, fold, selfByArea, selfByFunction } from './flame.ts'
import type { Frame } from './flame.ts'
import { Generator } from './generator.ts'
import { inspectable, Inspector } from './inspector.ts'
import { findFreePort } from './process.ts'
import { scenarios } from './scenarios.ts'
import { startGateway } from './subjects/gateway.ts'
import { startUpstream } from './subjects/nginx.ts'

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url))
const RESULTS = fileURLToPath(new URL('results/', import.meta.url))
const PAGES = fileURLToPath(new URL('../docs/performance/', import.meta.url))
const INTERVAL_MICROS = 200
const WARM_UP_SECONDS = 3
const CONNECTIONS = 64
const MOST_FUNCTIONS = 40
const FUNCTIONS_ON_PAGE = 20

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    scenario: { type: 'string', default: 'remembered' },
    save: { type: 'boolean', default: false },
  },
})
const seconds = Number(values.seconds)
const scenario = scenarios[values.scenario]
if (scenario === undefined || !(seconds > 0 && seconds <= 60)) {
  throw new Error(`scenarios are ${Object.keys(scenarios).join(', ')}; seconds up to 60`)
}

await using started = new AsyncDisposableStack()
const home = mkdtempSync(join(tmpdir(), 'proofgate-profile-'))
started.defer(() => rmSync(home, { recursive: true, force: true }))
const stopping = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => {
    stopping.abort()
    void started.disposeAsync().finally(() => process.exit(1))
  })
}
const { signal } = stopping
const folder = (name: string): string => mkdtempSync(join(home, `${name}-`))
const upstream = await startUpstream({ directory: folder('upstream'), signal })
started.defer(upstream.stop)
const port = await findFreePort()
const directory = folder('proofgate')
const surroundings = { directory, upstreamPort: upstream.port, signal }
const environment = inspectable(port)
const gateway = await startGateway(surroundings, { ...scenario.shape, environment })
started.defer(gateway.stop)
const generator = new Generator()
started.defer(() => generator.stop())

const load = async (duration: number): Promise<number> => {
  const file = join(directory, 'requests')
  scenario.write(file, gateway)
  const order = { port: gateway.port, file, connections: CONNECTIONS, skipSeconds: 0 }
  const { once } = scenario
  const outcome = await generator.run({ ...order, seconds: once ? 60 : duration, once })
  return outcome.requests
}

await load(WARM_UP_SECONDS)
const inspector = await Inspector.connect(port)
await inspector.startProfile(INTERVAL_MICROS)
const requests = await load(seconds)
const profile = await inspector.stopProfile()
inspector.close()
mkdirSync(RESULTS, { recursive: true })
writeFileSync(join(RESULTS, `${values.scenario}.cpuprofile`), JSON.stringify(profile))
const root = fold(profile, REPOSITORY)
print(root, requests)
if (values.save) {
  mkdirSync(PAGES, { recursive: true })
  const machine = `${cpus()[0]?.model}, Node ${process.version}`
  const source = `${scenario.title}; self and called functions, widest first; ${machine}`
  writeFileSync(join(PAGES, 'flame.svg'), drawFlame(root, source))
  writeFileSync(join(PAGES, 'profile.md'), pageOf(root, requests))
}

function print(all: Frame, count: number): void {
  const line = (name: string, micros: number): void => {
    const share = ((micros / all.total) * 100).toFixed(1).padStart(5)
    console.log(`${(micros / count).toFixed(2).padStart(8)} us ${share} %  ${name}`)
  }
  console.log(`${scenario!.title}: ${count} requests, microseconds of the main thread per request`)
  line('everything', all.total)
  console.log('\nself time by area')
  for (const [area, micros] of selfByArea(all)) line(area, micros)
  console.log('\nself time by function')
  for (const [name, micros] of selfByFunction(all).slice(0, MOST_FUNCTIONS)) line(name, micros)
}

/** The same as a page of the documentation. */
function pageOf(all: Frame, count: number): string {
  const rowOf = ([name, micros]: readonly [string, number]): string => {
    const share = ((micros / all.total) * 100).toFixed(1)
    return `| ${name} | ${(micros / count).toFixed(2)} | ${share} |`
  }
  const head = (what: string): string => `| ${what} | µs per request | % |\n| --- | ---: | ---: |`
  const date = new Date().toISOString().slice(0, 10)
  return `# Where a request spends its time

Written by \`node bench/profile.ts --save\`, ${date}, ${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}: ${scenario!.title}, ${CONNECTIONS} busy connections, main thread only. Times are those of a clock on the wall, so that a busy machine makes all of them longer; read the shares.

![Flame graph of an authorized request, by share of time](flame.svg)

## Self time by area

${head('area')}
${[['everything', all.total] as const, ...selfByArea(all)].map(rowOf).join('\n')}

\`runtime\` is Node's and V8's own code in C++, the kernel's work on its behalf included: reading and writing sockets above all. \`node\` is Node's own JavaScript.

## Self time by function

${head('function and area')}
${selfByFunction(all).slice(0, FUNCTIONS_ON_PAGE).map(rowOf).join('\n')}
`
}

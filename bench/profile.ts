/**
 * Where Proofgate spends its time under load: `node bench/profile.ts [--seconds 8] [--scenario remembered] [--save]`
 * Prints self time by area and by function; with `--save` also draws `docs/performance/flame.svg`. The
 * profile itself is `bench/results/SCENARIO.cpuprofile`, which browsers' developer tools open.
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
const PICTURE = fileURLToPath(new URL('../docs/performance/flame.svg', import.meta.url))
const INTERVAL_MICROS = 200
const WARM_UP_SECONDS = 3
const CONNECTIONS = 64
const MOST_FUNCTIONS = 40

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
process.once('SIGINT', () => stopping.abort())
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
  mkdirSync(join(PICTURE, '..'), { recursive: true })
  const machine = `${cpus()[0]?.model}, Node ${process.version}`
  const source = `${scenario.title}; self and called functions, widest first; ${machine}`
  writeFileSync(PICTURE, drawFlame(root, source))
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

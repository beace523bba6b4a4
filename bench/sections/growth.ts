/** How the cost of a request grows with what there is: routes, policy statements, people and tokens. */
import { join } from 'node:path'
import { writeRequests } from '../generator.ts'
import type { PreparedRequest } from '../generator.ts'
import { round } from '../report.ts'
import { takeTurns } from '../rounds.ts'
import type { Side } from '../rounds.ts'
import { LONGEST_LIFETIME, remembered } from '../scenarios.ts'
import type { Bench, Findings, Row, Section } from '../section.ts'
import { routePath, startGateway } from '../subjects/gateway.ts'
import type { GatewayShape, RunningGateway } from '../subjects/gateway.ts'

const MOST_PEOPLE = 100_000

interface Dimension {
  readonly name: string
  /** Of its ratios in the history; another one where what is measured has changed. */
  readonly key: string
  readonly sizes: readonly [number, ...number[]]
  readonly shape: (size: number) => GatewayShape
  readonly requests: (gateway: RunningGateway, size: number) => Iterable<PreparedRequest>
  /**
   * Each request of the file goes out once before each round. While others have their turn, assertions grow too
   * old to be sent again: all of them would be signed in one round, and none in the next.
   */
  readonly seenBefore?: boolean
}

const dimensions: readonly Dimension[] = [
  {
    name: 'routes',
    key: 'routes',
    sizes: [10, 10_000],
    shape: (size) => ({ routes: size }),
    *requests(gateway, size) {
      const headers = gateway.bearer(gateway.mint({ lifetimeSeconds: LONGEST_LIFETIME }))
      for (const index of shuffled(size)) yield { path: routePath(index), headers }
    },
  },
  {
    name: 'policy statements before the one that applies',
    key: 'policy',
    sizes: [10, 10_000],
    shape: (size) => ({ statements: size }),
    requests: (gateway) => remembered(gateway),
  },
  {
    name: 'people seen within 40 s, each with a live token',
    key: 'people seen lately',
    sizes: [10, 40_000, MOST_PEOPLE],
    shape: (size) => ({ people: size - 1 }),
    *requests(gateway, size) {
      const requests: PreparedRequest[] = []
      for (const index of shuffled(size)) {
        const subject = gateway.people[index]!
        const token = gateway.mint({ subject, lifetimeSeconds: LONGEST_LIFETIME })
        requests.push({ path: '/orders/1', headers: gateway.bearer(token) })
      }
      // As many lines for all sizes: the generator is to have as much to read, and to miss as many caches.
      for (let line = 0; line < MOST_PEOPLE; line += 1) yield requests[line % size]!
    },
    seenBefore: true,
  },
]

export const growth: Section = { name: 'growth', run }

async function run(bench: Bench): Promise<Findings> {
  const rows: Row[] = []
  const ratios: Record<string, number> = {}
  for (const dimension of dimensions) {
    const figures = await measureDimension(bench, dimension)
    const base = figures.get(String(dimension.sizes[0]))!.cpuMicrosPerRequest
    for (const size of dimension.sizes) {
      const { cpuMicrosPerRequest, requestsPerSecond } = figures.get(String(size))!
      const ratio = round(cpuMicrosPerRequest / base, 3)
      rows.push({
        name: `${size} ${dimension.name}`,
        figures: {
          'CPU us/request': round(cpuMicrosPerRequest, 1),
          'requests/s': Math.round(requestsPerSecond),
          'of the smallest': ratio,
        },
      })
      if (size !== dimension.sizes[0])
        ratios[`growth ${dimension.key} ${size}/${dimension.sizes[0]}`] = ratio
    }
  }
  return { title: 'How the cost grows', rows, ratios }
}

async function measureDimension(bench: Bench, dimension: Dimension): ReturnType<typeof takeTurns> {
  const { options, generator } = bench
  await using started = new AsyncDisposableStack()
  const sides: Side[] = []
  for (const size of dimension.sizes) {
    bench.progress(`growth: starting with ${size} ${dimension.name}`)
    const surroundings = bench.surroundings(`growth-${dimension.name.split(' ')[0]}-${size}`)
    const gateway = await startGateway(surroundings, dimension.shape(size))
    started.defer(gateway.stop)
    const file = join(surroundings.directory, 'requests')
    writeRequests(file, dimension.requests(gateway, size))
    const order = {
      port: gateway.port,
      file,
      connections: options.connections,
      seconds: options.full ? 4 : 2,
      skipSeconds: 0,
      once: false,
    }
    const side = { name: String(size), pids: [gateway.pid], order: () => order }
    const before = { ...order, seconds: 60, once: true }
    sides.push(dimension.seenBefore === true ? { ...side, before } : side)
  }
  return await takeTurns(generator, sides, options.rounds)
}

/** 0 to size - 1 in an order that looks random and is the same each time: neighbours are far apart. */
function* shuffled(size: number): Iterable<number> {
  // Odd and free of 5, so coprime to every size here, which are 10 times a power of 2 or 10.
  const step = Math.floor(size * 0.618_034) * 10 + 1
  for (let index = 0; index < size; index += 1) yield (index * step) % size
}

/** What Proofgate holds: at rest, per idle connection, per remembered token; and how soon it answers. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readResidentBytes } from '../cpu.ts'
import { writeRequests } from '../generator.ts'
import type { PreparedRequest } from '../generator.ts'
import { inspectable, Inspector } from '../inspector.ts'
import { ask } from '../load.ts'
import { findFreePort } from '../process.ts'
import { median, round } from '../report.ts'
import { firstSeen, LONGEST_LIFETIME } from '../scenarios.ts'
import type { Bench, Findings, Row, Section } from '../section.ts'
import { startGateway } from '../subjects/gateway.ts'
import type { RunningGateway } from '../subjects/gateway.ts'
import { makePackage } from '../../scripts/package.ts'

const MIB = 1024 * 1024
const CONNECTIONS = 5000
const TOKENS = 100_000
const WARM_UP = 20_000
const STARTS = 5
/** Until a process that nobody calls has done what it does after its start. */
const REST_MILLIS = 2000
/** Until what a start leaves to do is done. */
const SETTLED_MILLIS = 5000
const CONNECTING_AT_ONCE = 250
const RETRY_MILLIS = 2

/** What people start: a clone, or the package made of it. */
interface Build {
  readonly name: string
  readonly checkout: string | undefined
}

function builds(): readonly Build[] {
  return [
    { name: 'from sources', checkout: undefined },
    { name: 'packaged', checkout: join(dirname(makePackage()), 'package') },
  ]
}

const DISCOVERY = '/.well-known/openid-configuration'

export const memory: Section = { name: 'memory', run }

async function run(bench: Bench): Promise<Findings> {
  const rows: Row[] = []
  for (const build of builds()) rows.push(...(await measureStart(bench, build)))
  rows.push(...(await measureContents(bench)))
  rows.push(await measurePeople(bench))
  const nginx = bench.subjects.get('nginx-plain')
  if (nginx !== undefined) {
    const megabytes = readResidentBytes(nginx.pids) / MIB
    rows.push({ name: 'nginx-plain, for comparison', figures: { 'RSS MiB': round(megabytes, 1) } })
  }
  return { title: 'Memory and start', rows, ratios: {} }
}

/** Without an inspector: that costs memory itself. */
async function measureStart(bench: Bench, { name, checkout }: Build): Promise<readonly Row[]> {
  const surroundings = bench.surroundings(`memory-start-${name}`)
  await using started = new AsyncDisposableStack()
  const gateway = await startGateway(surroundings, checkout === undefined ? {} : { checkout })
  started.defer(gateway.stop)
  // It compiled everything; those that follow find it compiled.
  await gateway.stop()
  const headers = gateway.bearer(gateway.mint({ lifetimeSeconds: LONGEST_LIFETIME }))
  const url = `http://127.0.0.1:${gateway.port}/orders/1`
  const millis: number[] = []
  let atRest = 0
  for (let turn = 0; turn < STARTS; turn += 1) {
    const startedAt = performance.now()
    const starting = gateway.restart()
    millis.push((await untilAnswered(url, headers)) - startedAt)
    const server = await starting
    started.defer(server.stop)
    if (turn === 0) {
      await delay(SETTLED_MILLIS)
      atRest = readResidentBytes([server.pid]) / MIB
    }
    await server.stop()
  }
  const server = await gateway.restart()
  started.defer(server.stop)
  await ask(`http://127.0.0.1:${gateway.port}${DISCOVERY}`, { host: gateway.identityHost })
  await delay(SETTLED_MILLIS)
  const withIssuer = readResidentBytes([server.pid]) / MIB
  bench.progress(`memory: ${name}, first answer after ${median(millis).toFixed(0)} ms`)
  return [
    { name: `${name}, at rest`, figures: { 'RSS MiB': round(atRest, 1) } },
    {
      name: `${name}, at rest, its issuer was asked something`,
      figures: { 'RSS MiB': round(withIssuer, 1) },
    },
    {
      name: `${name}, start to the first authorized answer, median of ${STARTS}`,
      figures: { ms: round(median(millis), 0) },
    },
  ]
}

async function untilAnswered(url: string, headers: Record<string, string>): Promise<number> {
  for (;;) {
    const status = await ask(url, headers).then(
      (answer) => answer.status,
      () => 0,
    )
    if (status === 200) return performance.now()
    if (status !== 0) throw new Error(`the first answer is ${status}`)
    await delay(RETRY_MILLIS)
  }
}

async function measureContents(bench: Bench): Promise<readonly Row[]> {
  const port = await findFreePort()
  const surroundings = bench.surroundings('memory')
  const gateway = await startGateway(surroundings, { environment: inspectable(port) })
  const rows: Row[] = []
  const sockets: Socket[] = []
  let inspector: Inspector | undefined
  try {
    inspector = await Inspector.connect(port)
    const file = join(surroundings.directory, 'requests')
    const load = (tokens: number): Promise<void> =>
      sendOnce(bench, gateway, file, firstSeen(gateway, tokens))
    // Its code is compiled and its pools are as large as they get before anything is compared.
    await load(WARM_UP)
    let before = await holds(gateway, inspector)
    rows.push({
      name: 'after load and a full collection',
      figures: { 'RSS MiB': before.resident / MIB, 'live heap MiB': before.heap / MIB },
    })
    bench.progress(`memory: opening ${CONNECTIONS} connections`)
    await openIdle(sockets, gateway)
    let after = await holds(gateway, inspector)
    rows.push(difference(`each of ${CONNECTIONS} idle connections`, before, after, CONNECTIONS))
    for (const socket of sockets.splice(0)) socket.destroy()
    await delay(REST_MILLIS)
    before = await holds(gateway, inspector)
    bench.progress(`memory: showing ${TOKENS} tokens`)
    // Those of before are still remembered, and go as the new ones come.
    await load(TOKENS)
    after = await holds(gateway, inspector)
    rows.push(
      difference(`each remembered token (${TOKENS} shown)`, before, after, TOKENS - WARM_UP),
    )
    return rows.map(({ name, figures }) => ({ name, figures: rounded(figures) }))
  } finally {
    for (const socket of sockets) socket.destroy()
    inspector?.close()
    await gateway.stop()
  }
}

/** With what is remembered of people besides: their throttles. */
async function measurePeople(bench: Bench): Promise<Row> {
  const port = await findFreePort()
  const surroundings = bench.surroundings('memory-people')
  await using started = new AsyncDisposableStack()
  bench.progress(`memory: showing a token of each of ${TOKENS} people`)
  const shape = { people: TOKENS - 1, environment: inspectable(port) }
  const gateway = await startGateway(surroundings, shape)
  started.defer(gateway.stop)
  const inspector = await Inspector.connect(port)
  started.defer(() => inspector.close())
  const file = join(surroundings.directory, 'requests')
  const show = (people: readonly string[]): Promise<void> =>
    sendOnce(bench, gateway, file, firstSeen(gateway, people.length, people))
  await show(gateway.people.slice(0, WARM_UP))
  const before = await holds(gateway, inspector)
  await show(gateway.people.slice(WARM_UP))
  const after = await holds(gateway, inspector)
  const row = difference('each of a person of its own', before, after, TOKENS - WARM_UP)
  return { ...row, figures: rounded(row.figures) }
}

async function sendOnce(
  bench: Bench,
  gateway: RunningGateway,
  file: string,
  requests: Iterable<PreparedRequest>,
): Promise<void> {
  writeRequests(file, requests)
  const { connections } = bench.options
  const order = { port: gateway.port, file, connections, seconds: 60, skipSeconds: 0 }
  await bench.generator.run({ ...order, once: true })
  await delay(REST_MILLIS)
}

interface Holding {
  readonly resident: number
  readonly heap: number
}

async function holds(gateway: RunningGateway, inspector: Inspector): Promise<Holding> {
  const heap = await inspector.liveHeapBytes()
  return { heap, resident: readResidentBytes([gateway.pid]) }
}

function difference(name: string, before: Holding, after: Holding, count: number): Row {
  return {
    name,
    figures: {
      'RSS bytes each': (after.resident - before.resident) / count,
      'live heap bytes each': (after.heap - before.heap) / count,
      'RSS MiB': after.resident / MIB,
      'live heap MiB': after.heap / MIB,
    },
  }
}

function rounded(figures: Row['figures']): Row['figures'] {
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [
      name,
      typeof value === 'number' ? round(value, name.includes('MiB') ? 1 : 0) : value,
    ]),
  )
}

/** Each has had one answer, so that it is a connection between two requests. */
async function openIdle(sockets: Socket[], gateway: RunningGateway): Promise<void> {
  const fields = Object.entries(gateway.bearer(gateway.mint()))
  const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  while (sockets.length < CONNECTIONS) {
    const some = Array.from({ length: CONNECTING_AT_ONCE }, () =>
      connect({ port: gateway.port, host: '127.0.0.1' }),
    )
    sockets.push(...some)
    await Promise.all(
      some.map(async (socket) => {
        socket.write(`GET /orders/1 HTTP/1.1\r\n${head}\r\n`)
        const [answer] = (await once(socket, 'data')) as [Buffer]
        if (!answer.toString('latin1').startsWith('HTTP/1.1 200')) {
          throw new Error(`an idle connection begins with ${answer.toString('latin1', 0, 40)}`)
        }
      }),
    )
  }
}

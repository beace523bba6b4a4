/**
 * The pipeline without a network: everything from the parsed request to its record, which is made and then let
 * go instead of written, so that nothing is forwarded. `node bench/micro/pipeline.ts`
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  buildGatewayTable,
  dataPaths,
  ensurePeople,
  Kept,
  openAreas,
} from '../../src/compose/index.ts'
import type { Areas } from '../../src/compose/index.ts'
import { loadConfiguration, readTextFile } from '../../src/config/index.ts'
import type { Configuration } from '../../src/config/index.ts'
import { millis, randomId } from '../../src/core/index.ts'
import type { GatewayParts } from '../../src/gateway/index.ts'
import type { Incoming } from '../../src/gateway/incoming/incoming.ts'
import { Life } from '../../src/gateway/incoming/life.ts'
import { runPipeline } from '../../src/gateway/pipeline.ts'
import { Shedding } from '../../src/gateway/shed/shedding.ts'
import { MemoryBuckets } from '../../src/throttle/index.ts'
import { configure } from '../subjects/gateway.ts'
import { signToken } from '../token.ts'
import { measureMicros } from './measure.ts'
import type { Micro } from './measure.ts'

const PORT = 8080
const HOST = `api.proofgate.localhost:${PORT}`
const folder = mkdtempSync(join(tmpdir(), 'proofgate-micro-'))

function load(): Configuration {
  const file = join(folder, 'proofgate.yaml')
  const wiring = { port: PORT, adminPort: 8081, upstreamPort: 9, policies: [] }
  writeFileSync(file, JSON.stringify(configure(wiring, {})))
  const loaded = loadConfiguration({ file, environment: {}, readFile: readTextFile })
  if ('problems' in loaded) throw new Error(loaded.problems[0]?.message)
  return loaded.configuration
}

/** As the listener makes it, with what the pipeline looks at before it forwards. */
function arrive(areas: Areas, rawHeaders: readonly string[], path: string): Incoming {
  const headers: Record<string, string> = {}
  for (let at = 0; at < rawHeaders.length; at += 2) {
    headers[rawHeaders[at]!.toLowerCase()] = rawHeaders[at + 1]!
  }
  const request = { method: 'GET', url: path, httpVersionMajor: 1, httpVersionMinor: 1, headers }
  return {
    request: { ...request, rawHeaders },
    response: {},
    protocol: 'http/1.1',
    requestId: randomId(),
    receivedAt: areas.clock.now(),
    peer: { address: '127.0.0.1', encrypted: false },
    address: '127.0.0.1',
    method: 'GET',
    authority: HOST,
    upgrade: undefined,
    expectsContinue: false,
    life: new Life(),
  } as unknown as Incoming
}

const configuration = load()
const paths = dataPaths(configuration)
for (const path of [paths.root, paths.keys, paths.audit])
  mkdirSync(path, { recursive: true, mode: 0o700 })
const areas = await openAreas({
  configuration: () => configuration,
  paths,
  onAuditFailure: (error) => {
    throw error
  },
  onFailure: (error) => {
    throw error
  },
})
const kept = new Kept()
try {
  const [person] = await ensurePeople(areas)
  const table = buildGatewayTable(configuration, areas, kept)
  let recorded = 0
  let allowed = 0
  // Without what only forwarding uses.
  const used: Partial<GatewayParts> = {
    ...areas,
    table: () => table,
    buckets: new MemoryBuckets(),
    shedding: new Shedding({ inFlight: 1000, eventLoopDelay: millis(1000), memory: 1 }),
    audit: {
      append: () => Promise.reject(new Error('the pipeline records')),
      record: (entry) => {
        recorded += 1
        if (entry.outcome === 'allow') allowed += 1
      },
      recordEncoded: () => {
        recorded += 1
        allowed += 1
      },
    },
    onCompleted: () => undefined,
    onError: (error) => {
      throw error as Error
    },
  }
  const parts = used as GatewayParts
  const { keyId, privateKey } = areas.keys.active('ES256')
  const token = signToken({
    key: privateKey,
    keyId,
    issuer: configuration.identity.issuer,
    audience: configuration.apis[0]!.audience,
    subject: person!.id,
    lifetimeSeconds: 600,
    claims: { client_id: 'proofgate-cli', groups: ['readers'] },
  })
  const headers = ['Host', HOST, 'User-Agent', 'bench', 'Accept', '*/*']
  const passing = (
    name: string,
    path: string,
    raw: readonly string[],
    isAllowed: boolean,
  ): Micro => ({
    name,
    run: async (count) => {
      const before = { recorded, allowed }
      for (let done = 0; done < count; done += 1) {
        runPipeline(arrive(areas, raw, path), parts)
        // What was never seen is looked up once; the pipeline then waits for the database.
        if (done === 0) await new Promise((resolve) => void setTimeout(resolve, 5))
      }
      if (recorded - before.recorded !== count) throw new Error(`${name}: records are missing`)
      if (allowed - before.allowed !== (isAllowed ? count : 0))
        throw new Error(`${name}: decided otherwise`)
    },
  })
  const bearer = [...headers, 'Authorization', `Bearer ${token}`]
  await measureMicros('pipeline, up to the record', [
    passing('allowed by a remembered token', '/orders/1', bearer, true),
    passing('refused for want of a token', '/orders/1', headers, false),
    {
      name: 'making the request that both are given',
      run: (count) => {
        for (let done = 0; done < count; done += 1) arrive(areas, bearer, '/orders/1')
      },
    },
  ])
} finally {
  await areas.close()
  await kept.close()
  rmSync(folder, { recursive: true })
}

import { join, resolve } from 'node:path'
import type { Draft } from '../draft.ts'
import type { Configuration, Throttle } from '../model.ts'
import { readAmount, readDuration, readFlag, readPercentage, readSize } from '../scalars.ts'
import type { ThrottleShape } from '../schema.ts'
import { proofSwitches } from './proof.ts'
import { readWorkers } from './workers.ts'

type Settings = Pick<
  Configuration,
  | 'tokens'
  | 'sessions'
  | 'limits'
  | 'throttles'
  | 'log'
  | 'workers'
  | 'region'
  | 'account'
  | 'trustedProxies'
  | 'forwardedHeader'
>

/** The sections that are only values: written form to numbers. */
export function resolveSettings(draft: Draft): Settings {
  const { tokens, sessions, limits, throttles, log, region, account, trustedProxies } = draft.shape
  checkSessions(draft)
  return {
    tokens: {
      accessLifetime: readDuration(tokens.accessLifetime),
      idLifetime: readDuration(tokens.idLifetime),
      refreshLifetime: readDuration(tokens.refreshLifetime),
      algorithm: tokens.algorithm,
    },
    sessions: {
      idle: readDuration(sessions.idle),
      absolute: readDuration(sessions.absolute),
      proofFreshness: readDuration(sessions.proofFreshness),
    },
    limits: {
      headerBytes: readSize(limits.headerBytes),
      headerCount: readAmount(limits.headerCount),
      connections: readAmount(limits.connections),
      requestHeaderTimeout: readDuration(limits.requestHeaderTimeout),
      requestIdle: readDuration(limits.requestIdle),
      keepAlive: readDuration(limits.keepAlive),
      drain: readDuration(limits.drain),
      inFlight: readAmount(limits.inFlight),
      reauthorizeEvery: readDuration(limits.reauthorizeEvery),
      shedding: {
        eventLoopDelay: readDuration(limits.shedding.eventLoopDelay),
        memory: readPercentage(limits.shedding.memory),
      },
    },
    throttles: {
      address: readThrottle(throttles.address),
      principal: readThrottle(throttles.principal),
    },
    log: { level: log.level },
    workers: readWorkers(draft.shape.workers),
    region,
    account,
    trustedProxies,
    forwardedHeader: draft.shape.forwardedHeader,
  }
}

export function readThrottle(shape: ThrottleShape): Throttle {
  return { rate: readAmount(shape.rate), burst: readAmount(shape.burst) }
}

function checkSessions(draft: Draft): void {
  const { idle, absolute } = draft.shape.sessions
  if (readDuration(idle) <= readDuration(absolute)) return
  draft.report(['sessions', draft.says(['sessions', 'idle']) ? 'idle' : 'absolute'], {
    code: 'config.session-lifetime',
    message: `found an idle time of ${idle} with an absolute one of ${absolute}, expected idle to be the shorter`,
    hint: 'Shorten `idle` or lengthen `absolute`.',
  })
}

/** Absolute paths of what is kept on disk; `base` is the directory relative paths begin at. */
export function resolveFiles(
  draft: Draft,
  base: string,
): Pick<Configuration, 'dataDirectory' | 'storage'> {
  const { dataDir, storage } = draft.shape
  const dataDirectory = resolve(base, dataDir)
  const place = (key: 'database' | 'keys', name: string): string => {
    const written = storage[key]
    if (written !== undefined) return resolve(base, written)
    draft.derive(['storage', key], `${dataDir.replace(/\/+$/, '')}/${name}`)
    return join(dataDirectory, name)
  }
  return {
    dataDirectory,
    storage: { database: place('database', 'proofgate.db'), keys: place('keys', 'keys') },
  }
}

/** The weakening switches that are on; production has none. */
export function resolveSwitches(
  draft: Draft,
): Pick<Configuration, 'production' | 'dangerousSwitches'> {
  const { shape } = draft
  const switches: (string | number)[][] = []
  if (readFlag(shape.dangerously_allowInsecureOrigins)) {
    switches.push(['dangerously_allowInsecureOrigins'])
  }
  for (const [name, issuer] of Object.entries(shape.issuers)) {
    if (readFlag(issuer.dangerously_allowHttp))
      switches.push(['issuers', name, 'dangerously_allowHttp'])
  }
  for (const [name, upstream] of Object.entries(shape.upstreams)) {
    if (upstream.tls !== undefined && readFlag(upstream.tls.dangerously_skip_verification))
      switches.push(['upstreams', name, 'tls', 'dangerously_skip_verification'])
  }
  switches.push(...proofSwitches(draft))
  const production = readFlag(shape.production)
  for (const path of production ? switches : []) {
    draft.report(
      path,
      {
        code: 'config.production',
        message: 'found a dangerously_ switch that is on, expected none in production',
        hint: 'Remove the switch, or `production: true` where it is not production.',
      },
      'key',
    )
  }
  return { production, dangerousSwitches: switches.map((path) => path.join('.')) }
}

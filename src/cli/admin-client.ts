import { isRefusal, ProofgateError } from '../core/index.ts'
import type { JsonObject, Refusal } from '../core/index.ts'
import type { Configuration } from '../config/index.ts'
import { dataDirectoryOf, requireInstalled } from './loading.ts'
import type { LaunchOptions } from './launch.ts'
import { say } from './output.ts'

/** Calls one administrative operation and answers its JSON. */
export type Call = (
  method: 'GET' | 'POST',
  path: string,
  body?: Readonly<Record<string, unknown>>,
) => Promise<JsonObject>

/**
 * Runs `work` against the running server's admin API or, when none runs, against the data directory itself,
 * which is locked meanwhile. A data directory that is not there is a typing error, never one to begin.
 */
export async function withAdministration<Result>(
  options: LaunchOptions,
  work: (call: Call) => Promise<Result>,
): Promise<Result> {
  const compose = await import('../compose/index.ts')
  const running = compose.findRunning(dataDirectoryOf(options))
  const remote = running === undefined ? undefined : remoteCall(running)
  if (remote !== undefined && (await isReachable(remote))) return work(remote)
  return withLocal(requireInstalled(options), work)
}

/** The same if a server runs; `undefined` when none does. */
export async function withServer<Result>(
  options: LaunchOptions,
  work: (call: Call) => Promise<Result>,
): Promise<Result | undefined> {
  const { findRunning } = await import('../compose/index.ts')
  const running = findRunning(dataDirectoryOf(options))
  if (running === undefined) return undefined
  const remote = remoteCall(running)
  return (await isReachable(remote)) ? work(remote) : undefined
}

async function withLocal<Result>(
  configuration: Configuration,
  work: (call: Call) => Promise<Result>,
): Promise<Result> {
  const compose = await import('../compose/index.ts')
  const { Administration } = await import('../admin/index.ts')
  process.umask(0o077)
  const paths = compose.dataPaths(configuration)
  compose.requireInstallation(paths)
  compose.prepareDataDirectory(paths)
  const lock = compose.DirectoryLock.take(paths)
  const areas = await compose.openAreas({
    configuration: () => configuration,
    paths,
    onAuditFailure: () => undefined,
    onFailure: (error) => say(`passkeys could not be judged: ${String(error)}`),
  })
  const kept = new compose.Kept()
  try {
    compose.markInstalled(paths, areas.clock.now())
    await compose.ensurePeople(areas)
    const table = compose.buildGatewayTable(configuration, areas, kept)
    const signals = compose.buildSignals(areas)
    signals.use(compose.signalSettings(configuration))
    const administration = new Administration(
      compose.administrationParts(areas, {
        table: () => table,
        version: 'offline',
        reload: undefined,
        onKeysChanged: () => undefined,
        onPeopleChanged: () => undefined,
        signals: () => signals,
      }),
    )
    const call: Call = async (method, path, body = {}) => {
      const outcome = await administration.run(method, path, body)
      if (isRefusal(outcome)) {
        throw await failureOf(outcome)
      }
      return (outcome ?? {}) as JsonObject
    }
    return await work(call)
  } finally {
    await kept.close()
    await areas.close()
    lock.release()
  }
}

function remoteCall(running: { admin: string; secret: string }): Call {
  return async (method, path, body) => {
    const response = await fetch(`${running.admin}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${running.secret}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    })
    const answer = (await response.json()) as JsonObject
    if (response.ok) return answer
    const { detail } = answer
    throw await failureOf({
      code: textOf(answer['code']),
      title: textOf(answer['title']),
      detail: typeof detail === 'string' ? detail : undefined,
    })
  }
}

type Refused = Pick<Refusal, 'code' | 'title' | 'detail'>

/** A refusal of the administration: what was found, and what its catalogue says to do. */
async function failureOf({ code, title, detail }: Refused): Promise<ProofgateError> {
  const { hintFor } = await import('../admin/index.ts')
  const message = detail === undefined ? title : `${title}: ${detail}`
  const hint = hintFor(code)
  return new ProofgateError(code, message, hint === undefined ? {} : { hint })
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : 'unknown'
}

async function isReachable(call: Call): Promise<boolean> {
  try {
    await call('GET', '/v1/status')
    return true
  } catch (error) {
    // An answer, even a no, is an answer; only silence means that nobody is there.
    return error instanceof ProofgateError
  }
}

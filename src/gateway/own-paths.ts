import type { Refusal } from '../core/index.ts'
import { serveSessionPath } from './caller/api-session-routes.ts'
import type { GatewayParts, GatewayTable } from './gateway.ts'
import type { Incoming } from './incoming/incoming.ts'
import { askAhead } from './proof/describe.ts'
import { sendState } from './proof/status.ts'
import type { Api } from './route.ts'

const proofsPath = '/.proofgate/proofs'
const proofPath = /^\/\.proofgate\/proofs\/([A-Za-z0-9_-]{22})$/

/**
 * The gateway's own addresses at an API host. `undefined` when the path is none of them, so that it is
 * looked for among the routes.
 */
export function serveOwnPath(
  incoming: Incoming,
  api: Api,
  { parts, table }: { parts: GatewayParts; table: GatewayTable },
): Promise<Refusal | 'served'> | undefined {
  const [path = ''] = (incoming.request.url ?? '').split('?', 1)
  const call = { incoming, api, table }
  if (path === proofsPath && incoming.method === 'POST') return askAhead(call, parts)
  const id = incoming.method === 'GET' ? proofPath.exec(path)?.[1] : undefined
  if (id !== undefined) return sendState(call, id, parts)
  return serveSessionPath(incoming, api, { parts, table })
}

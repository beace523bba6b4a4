/** nginx twice: as the upstream all subjects share, and as the plain proxy they are compared with. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findFreePort, startServer } from '../process.ts'
import type { ServerProcess } from '../process.ts'
import type { RunningSubject, Subject, Surroundings } from '../subject.ts'

const ORDER = { id: 1, item: 'Tea, first flush', quantity: 2, note: '' }
const BODY_BYTES = 180

/** The upstream's answer. */
export const UPSTREAM_BODY = JSON.stringify({
  ...ORDER,
  note: 'x'.repeat(BODY_BYTES - JSON.stringify(ORDER).length),
})

interface Place {
  readonly directory: string
  readonly port: number
  readonly signal: AbortSignal
  /** A word of the `listen` directive. */
  readonly protocol?: string
}

/** Starts the server behind all subjects: one worker that answers every path alike. */
export async function startUpstream(place: Omit<Place, 'port'>): Promise<ServerProcess & Place> {
  const port = await findFreePort()
  const location = `default_type application/json; return 200 '${UPSTREAM_BODY}';`
  return { ...place, port, ...(await startNginx({ ...place, port }, '', location)) }
}

export const nginxPlain: Subject = {
  name: 'nginx-plain',
  packages: ['nginx'],
  start: (surroundings) => startProxy(surroundings, ''),
}

/** For large bodies: passes them on as they come, as Proofgate does, instead of keeping them in files. */
export function startStreamingNginx(surroundings: Surroundings): Promise<RunningSubject> {
  const streaming =
    'client_max_body_size 0; proxy_request_buffering off; proxy_max_temp_file_size 0;'
  return startProxy(surroundings, streaming)
}

/** Over cleartext HTTP/2 with prior knowledge; HTTP/1.1 to the upstream. */
export function startHttp2Nginx(surroundings: Surroundings): Promise<RunningSubject> {
  return startProxy(surroundings, '', 'http2')
}

async function startProxy(
  { directory, upstreamPort, signal }: Surroundings,
  settings: string,
  protocol = '',
): Promise<RunningSubject> {
  const port = await findFreePort()
  const pool = `upstream orders { server 127.0.0.1:${upstreamPort}; keepalive 256; keepalive_requests 100000000; } ${settings}`
  const location =
    'proxy_pass http://orders; proxy_http_version 1.1; proxy_set_header Connection "";'
  const { pid, stop } = await startNginx({ directory, port, signal, protocol }, pool, location)
  const url = `http://127.0.0.1:${port}/orders/1`
  return { pids: [pid], url, headers: () => ({}), refused: () => ({}), stop }
}

async function startNginx(place: Place, pool: string, location: string): Promise<ServerProcess> {
  const { directory, port, protocol = '' } = place
  const file = join(directory, 'nginx.conf')
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${directory}/${kind};`)
    .join(' ')
  // Started by root its worker would become another user, who may not enter our folder.
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  const text = `
${user} daemon off; worker_processes 1; pid ${directory}/nginx.pid; error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off; ${folders} keepalive_timeout 300s; keepalive_requests 100000000;
  ${pool}
  server { listen 127.0.0.1:${port} backlog=1024 ${protocol}; location / { ${location} } }
}
`
  writeFileSync(file, text)
  const command = ['nginx', '-e', 'stderr', '-p', directory, '-c', file] as const
  return startServer({ command: [...command], ...place })
}

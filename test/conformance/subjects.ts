import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { configurationFile, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import { Mint, personId } from '../kit/minting.ts'
import { authority, tokenOfAlice, tokenOfBob } from './case.ts'
import { configurationText } from './configuration.ts'

/** A proxy that the corpus is played against. */
export interface Subject {
  readonly name: string
  readonly version: string
  readonly port: number
  /** What stands for the tokens of the corpus here. */
  readonly tokens: ReadonlyMap<string, string>
  readonly stop: () => Promise<unknown>
}

type Start = (servicePort: number) => Promise<Subject>

const fixed = new Map([
  [tokenOfAlice, 'alice'],
  [tokenOfBob, 'bob'],
])

export const subjects: Readonly<Record<string, Start>> = {
  Proofgate: startProofgate,
  nginx: startNginx,
  HAProxy: startHaproxy,
  Caddy: startCaddy,
}

async function startProofgate(servicePort: number): Promise<Subject> {
  const gateway = await startGateway({
    command: ['serve', '--config', configurationFile(configurationText(servicePort))],
  })
  const mint = new Mint(gateway)
  return {
    name: 'Proofgate',
    version: '',
    port: Number(new URL(gateway.issuer).port),
    tokens: new Map([
      [tokenOfAlice, mint.token(personId(gateway, 'alice'))],
      [tokenOfBob, mint.token(personId(gateway, 'bob'))],
    ]),
    stop: () => gateway.stop(),
  }
}

/*
 * The others as their manuals set up a reverse proxy: one host, `/public` open, `/app` and `/admin` for one
 * token, nothing else, and no switch that changes how they parse.
 */

async function startNginx(servicePort: number): Promise<Subject> {
  const folder = temporaryDirectory()
  const port = await freePort()
  const pass = `proxy_pass http://recorder; proxy_http_version 1.1; proxy_set_header Connection "";`
  const guard = `if ($http_authorization != "Bearer alice") { return 401; }`
  for (const name of ['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']) mkdirSync(join(folder, name))
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${join(folder, name.replace('client_', ''))};`)
    .join(' ')
  const file = join(folder, 'nginx.conf')
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log crit;
events { worker_connections 512; }
http {
  access_log off; ${paths}
  upstream recorder { server 127.0.0.1:${servicePort}; keepalive 8; }
  server { listen 127.0.0.1:${port} default_server; return 421; }
  server {
    listen 127.0.0.1:${port}; server_name ${authority};
    location /public/ { ${pass} }
    location /app/ { ${guard} ${pass} }
    location /admin/ { ${guard} ${pass} }
    location / { return 404; }
  }
}
`,
  )
  const version = installed('nginx', 'nginx', ['-v'])
  return started('nginx', { version, port, command: ['nginx', '-c', file, '-p', folder] })
}

async function startHaproxy(servicePort: number): Promise<Subject> {
  const folder = temporaryDirectory()
  const port = await freePort()
  const file = join(folder, 'haproxy.cfg')
  writeFileSync(
    file,
    `global
  maxconn 500
defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 5s
  timeout http-request 5s
frontend public
  bind 127.0.0.1:${port}
  http-request deny deny_status 421 unless { hdr(host),field(1,:),lower -m str ${authority} }
  http-request deny deny_status 401 if { path_beg /app/ /admin/ } !{ hdr(authorization) -m str "Bearer alice" }
  http-request deny deny_status 404 unless { path_beg /public/ /app/ /admin/ }
  default_backend recorder
backend recorder
  server recorder 127.0.0.1:${servicePort}
`,
  )
  const version = installed('haproxy', 'haproxy', ['-v'])
  return started('HAProxy', { version, port, command: ['haproxy', '-db', '-q', '-f', file] })
}

async function startCaddy(servicePort: number): Promise<Subject> {
  const folder = temporaryDirectory()
  const port = await freePort()
  const file = join(folder, 'Caddyfile')
  writeFileSync(
    file,
    `{
	admin off
	auto_https off
	log {
		level ERROR
	}
}
http://${authority}:${port} {
	bind 127.0.0.1
	@alice {
		path /app/* /admin/*
		header Authorization "Bearer alice"
	}
	handle /public/* {
		reverse_proxy 127.0.0.1:${servicePort}
	}
	handle @alice {
		reverse_proxy 127.0.0.1:${servicePort}
	}
	@guarded path /app/* /admin/*
	handle @guarded {
		respond 401
	}
	handle {
		respond 404
	}
}
http://:${port} {
	bind 127.0.0.1
	respond 421
}
`,
  )
  const version = installed('caddy', 'caddy', ['version'])
  const command = ['caddy', 'run', '--adapter', 'caddyfile', '--config', file]
  return started('Caddy', { version, port, command })
}

/** The version of an installed program. */
function installed(program: string, packageName: string, args: readonly string[]): string {
  const { stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', env: withSbin() })
  if (error !== undefined) {
    throw new Error(
      `${program} is not installed. On Debian: apt-get install -y --no-install-recommends ${packageName}`,
    )
  }
  return /\d+\.\d+\.\d+/.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown'
}

function withSbin(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin`, HOME: temporaryDirectory() }
}

async function started(
  name: string,
  { version, port, command }: { version: string; port: number; command: readonly string[] },
): Promise<Subject> {
  const [program = '', ...args] = command
  const child = spawn(program, args, { stdio: 'ignore', env: withSbin() })
  for (let tries = 0; !(await listens(port)); tries++) {
    if (tries === 100 || child.exitCode !== null)
      throw new Error(`${command.join(' ')} does not listen`)
    await delay(50)
  }
  return { name, version, port, tokens: fixed, stop: () => ended(child) }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const exited = new Promise((resolve) => {
    child.once('exit', resolve)
  })
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 3000)
  await exited
  clearTimeout(timer)
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => {
    server.close(resolve)
  })
  return port
}

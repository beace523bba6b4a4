import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { ProofgateError } from '../../core/index.ts'
import { LocalAuthority } from '../../certificate/index.ts'
import type { KeyPair } from '../../certificate/index.ts'
import { launchOf } from '../launch.ts'
import { load } from '../loading.ts'
import type { Launch, LaunchOptions } from '../launch.ts'
import { example, withJson, withLocation } from '../options.ts'
import { print, say } from '../output.ts'

interface Options extends LaunchOptions {
  readonly out?: string
  readonly host?: readonly string[]
  readonly client?: string
}

/** Where one certificate and its key lie. */
interface Files {
  readonly cert: string
  readonly key: string
}

/** Beside the names of the configuration, because people type them. */
const alwaysNamed = ['localhost', '127.0.0.1', '::1']
/** What the built-in configuration is reached by. */
const usualHosts = ['proofgate.localhost', '*.proofgate.localhost']

/** `proofgate dev-ca`: certificates for this machine, from an authority that is good for nothing else. */
export function registerDevelopmentAuthority(program: Command): void {
  const command = withJson(withLocation(program.command('dev-ca')))
    .description('make a local certificate authority and a certificate for TLS on this machine')
    .option('--out <directory>', 'where to keep it (default: dev-ca in the data directory)')
    .option(
      '--host <host>',
      'a name for the certificate instead of those of the configuration; repeatable',
      (host: string, hosts: readonly string[] | undefined) => [
        ...(hosts ?? []),
        host.toLowerCase(),
      ],
    )
    .option('--client <name>', 'issue a client certificate instead of one for the server')
    .action((options: Options) => {
      // Keys are for their owner alone.
      process.umask(0o077)
      run(options)
    })
  example(command, 'dev-ca', 'dev-ca --client alice')
}

function run(options: Options): void {
  const launch = launchOf(options)
  const known = whatIsKnown(launch)
  const directory = resolve(options.out ?? join(known.dataDirectory, 'dev-ca'))
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const now = Date.now()
  const authority = openAuthority(directory, now)
  const ca = join(directory, 'ca.pem')
  if (options.client !== undefined) {
    const files = keep(
      directory,
      `client-${options.client}`,
      authority.clientFor(options.client, now),
    )
    print(options, { ca, client: files }, clientText(ca, files))
    return
  }
  const hosts = options.host ?? [...new Set([...known.hosts, ...alwaysNamed])]
  const files = keep(directory, 'server', authority.serverFor(hosts, now))
  const yaml = listenerText(launch, files)
  print(options, { ca, server: files, hosts, yaml }, serverText({ ca, hosts, yaml, authority }))
}

/** Names and place of the configuration, or the usual ones while it cannot be loaded. */
function whatIsKnown(launch: Launch): { dataDirectory: string; hosts: readonly string[] } {
  const result = load(launch)
  if ('configuration' in result) {
    const { dataDirectory, identity, console: site, apis } = result.configuration
    return {
      dataDirectory,
      hosts: [identity.hostname, site.hostname, ...apis.map((api) => api.hostname)],
    }
  }
  say('the configuration has problems; using the usual names (`--host` names others)')
  const beside = launch.file === undefined ? '.' : dirname(launch.file)
  return {
    dataDirectory: launch.overrides.dataDirectory ?? join(beside, '.proofgate'),
    hosts: usualHosts,
  }
}

interface Authority {
  readonly isNew: boolean
  readonly serverFor: (hosts: readonly string[], now: number) => KeyPair
  readonly clientFor: (client: string, now: number) => KeyPair
}

/** The one in the directory; made when nothing of one is there. */
function openAuthority(directory: string, now: number): Authority {
  const files = { cert: join(directory, 'ca.pem'), key: join(directory, 'ca.key') }
  const isNew = !existsSync(files.cert) && !existsSync(files.key)
  if (isNew) keep(directory, 'ca', LocalAuthority.create(now).pair)
  const authority = LocalAuthority.open(readPair(files), now)
  return {
    isNew,
    serverFor: (hosts, at) => authority.issueServer(hosts, at),
    clientFor: (client, at) => authority.issueClient(client, at),
  }
}

function readPair({ cert, key }: Files): KeyPair {
  try {
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
  } catch (cause) {
    throw new ProofgateError('certificate.authority_unusable', `cannot read ${cert} and ${key}`, {
      cause,
      hint: 'Both belong together. Without one of them, move the other away and run this again.',
    })
  }
}

/** Each file is the old one or the whole new one; the key comes first, so a reload never sees it alone. */
function keep(directory: string, name: string, pair: KeyPair): Files {
  const files = { cert: join(directory, `${name}.pem`), key: join(directory, `${name}.key`) }
  for (const part of ['key', 'cert'] as const) {
    const draft = `${files[part]}.${process.pid}.new`
    writeFileSync(draft, pair[part], { mode: 0o600 })
    chmodSync(draft, 0o600)
    renameSync(draft, files[part])
  }
  return files
}

/** Paths in the file begin at the file. */
function listenerText(launch: Launch, { cert, key }: Files): string {
  const base = launch.file === undefined ? process.cwd() : dirname(launch.file)
  const shown = (path: string): string => {
    const near = relative(base, path)
    return JSON.stringify(near.startsWith('..') ? path : near)
  }
  return [
    'listeners:',
    '  public:',
    '    port: 8443',
    '    tls:',
    '      certificates:',
    `        - { cert: ${shown(cert)}, key: ${shown(key)} }`,
  ].join('\n')
}

function serverText(made: {
  ca: string
  hosts: readonly string[]
  yaml: string
  authority: Authority
}): string {
  const { ca, hosts, yaml, authority } = made
  const quoted = JSON.stringify(ca)
  return `${authority.isNew ? 'Made a local certificate authority' : 'Used the local certificate authority'}: ${ca}
Issued a certificate, for at most 397 days, for: ${hosts.join(', ')}

Add to proofgate.yaml:

${yaml}

Trust the authority where you call from (it can only speak for this machine):
  Linux            sudo cp ${quoted} /usr/local/share/ca-certificates/proofgate-dev-ca.crt && sudo update-ca-certificates
  Chrome on Linux  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n "Proofgate local CA" -i ${quoted}
  macOS            sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ${quoted}
  Windows          certutil -user -addstore Root ${quoted}
  Firefox          Settings, Privacy & Security, View Certificates, Authorities, Import
  Node.js          NODE_EXTRA_CA_CERTS=${quoted} (the proofgate command line too)
  curl             --cacert ${quoted}`
}

function clientText(ca: string, { cert, key }: Files): string {
  return `Issued a client certificate:
  certificate  ${cert}
  key          ${key}

Accept it with, below \`tls:\` in proofgate.yaml:

      clientCertificates: { ca: ${JSON.stringify(ca)}, mode: request }

Call with:  curl --cacert ${JSON.stringify(ca)} --cert ${JSON.stringify(cert)} --key ${JSON.stringify(key)} URL`
}

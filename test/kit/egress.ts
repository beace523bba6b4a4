import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from './gateway.ts'

/** What a process reaches out to, noted by itself from its first line on. */
export interface EgressWatch {
  /** For the environment of the process. */
  readonly environment: Readonly<Record<string, string>>
  /** Connections it began, names it looked up and datagrams it sent; none of them is an answer to a caller. */
  reached(): readonly string[]
}

/** Notes into a file, because a process that is killed tells nothing at its end. */
const noting = (file: string): string => `
import { appendFileSync } from 'node:fs'
import { subscribe } from 'node:diagnostics_channel'
import dgram from 'node:dgram'
import dns from 'node:dns'
import { isIP } from 'node:net'
const note = (what) => appendFileSync(${JSON.stringify(file)}, what + '\\n')
note('watching')
subscribe('net.client.socket', () => note('connection'))
for (const holder of [dns, dns.promises]) {
  for (const [name, plain] of Object.entries(holder)) {
    if (typeof plain !== 'function' || !/^(lookup|resolve|reverse)/.test(name)) continue
    holder[name] = (...args) => {
      if (isIP(String(args[0])) === 0) note(name + ' ' + args[0])
      return plain.apply(holder, args)
    }
  }
}
const { send } = dgram.Socket.prototype
dgram.Socket.prototype.send = function (...args) {
  note('datagram')
  return send.apply(this, args)
}
`

export function watchEgress(): EgressWatch {
  const directory = temporaryDirectory()
  const file = join(directory, 'reached')
  const preload = join(directory, 'watch.mjs')
  writeFileSync(file, '')
  writeFileSync(preload, noting(file))
  return {
    environment: { NODE_OPTIONS: `--import ${preload}` },
    reached: () => readFileSync(file, 'utf8').split('\n').filter(Boolean),
  }
}

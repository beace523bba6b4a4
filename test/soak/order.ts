import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { startDataPlane } from '../kit/data-plane.ts'
import { temporaryDirectory } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

/*
 * The system calls of a gateway under load, in order: the record of each request is on disk before its service
 * sees a byte and before its caller gets one. `node test/soak/order.ts [requests]`, 10,000 unless given. Needs
 * strace (`apt-get install -y --no-install-recommends strace`) and the right to trace.
 */

const marked = /\/public\/(o\d+)/g

export interface OrderReport {
  readonly requests: number
  /** Syncs of the audit log that requests shared. */
  readonly syncs: number
}

/** What the trace has shown so far. */
export class Order {
  readonly #written = new Set<string>()
  readonly #durable = new Set<string>()
  readonly #syncing = new Map<string, readonly string[]>()
  readonly forwarded = new Set<string>()
  syncs = 0

  /** One line of `strace -f -y`: `PID call(FD<path>, ...) = result`, or the two halves of one. */
  read(line: string): void {
    const [, thread = '', rest = ''] = /^(?:\[pid +)?(\d+)\]? +(.*)$/s.exec(line) ?? []
    const marks = [...line.matchAll(marked)].map(([, mark = '']) => mark)
    if (/^(?:pwrite64|pwritev|write|writev)\(\d+<[^>]*\/audit\//.test(rest)) {
      for (const mark of marks) this.#written.add(mark)
    } else if (/^f(?:data)?sync\(\d+<[^>]*\/audit\//.test(rest)) {
      this.#syncing.set(thread, [...this.#written])
      if (rest.includes(') = 0')) this.#synced(thread)
    } else if (/^<\.\.\. f(?:data)?sync resumed>.*= 0/.test(rest)) {
      this.#synced(thread)
    } else if (/^(?:write|writev|sendmsg|sendto)\(\d+<(?:TCP|socket)/.test(rest)) {
      this.#sent(marks, /GET \/public\//.test(rest))
    }
  }

  #synced(thread: string): void {
    const synced = this.#syncing.get(thread)
    if (synced === undefined) return
    this.#syncing.delete(thread)
    this.syncs += 1
    for (const mark of synced) {
      this.#durable.add(mark)
      this.#written.delete(mark)
    }
  }

  #sent(marks: readonly string[], forwards: boolean): void {
    for (const mark of marks) {
      assert.ok(this.#durable.has(mark), `${mark} was sent before its record was on disk`)
      if (forwards) this.forwarded.add(mark)
    }
  }
}

export async function order(requests: number): Promise<OrderReport> {
  const { error } = spawnSync('strace', ['-V'])
  if (error !== undefined) throw new Error('strace is not installed')
  const upstream = new RecordingUpstream()
  const plane = await startDataPlane({ upstream: await upstream.listen() })
  const file = join(temporaryDirectory(), 'trace')
  const calls = 'trace=write,writev,pwrite64,pwritev,sendmsg,sendto,fsync,fdatasync'
  const pid = String(plane.gateway.child.pid)
  const args = ['-f', '-y', '-s', '1000000', '-e', calls, '-o', file, '-p', pid]
  const strace = spawn('strace', args, { stdio: 'ignore' })
  const ended = new Promise((resolve) => {
    strace.once('exit', resolve)
  })
  try {
    await delay(1500)
    let next = 0
    const worker = async (): Promise<void> => {
      for (let number = next++; number < requests; number = next++) {
        const { status } = await call(`${plane.gateway.api}/public/o${number}`)
        assert.equal(status, 200)
      }
    }
    await Promise.all(Array.from({ length: 16 }, worker))
  } finally {
    strace.kill('SIGINT')
    await ended
    await plane.gateway.kill()
    upstream.close()
  }
  const seen = new Order()
  for await (const line of createInterface(createReadStream(file, 'latin1'))) seen.read(line)
  assert.equal(seen.forwarded.size, requests, 'the trace misses requests')
  return { requests, syncs: seen.syncs }
}

if (import.meta.main) {
  console.log(JSON.stringify(await order(Number(process.argv[2] ?? 10_000))))
  console.log('held')
}

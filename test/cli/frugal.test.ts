import { test } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { call } from '../kit/http.ts'
import { startGateway, temporaryDirectory } from '../kit/gateway.ts'

const MIB = 1024 * 1024

/** Memory of a process that is its own: of files it shares with others nothing counts. */
function ownBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

const linux = { skip: process.platform !== 'linux' }

test('a server at rest is frugal, and stays so until there is work', linux, async () => {
  const dataDirectory = temporaryDirectory()
  // It compiles everything, once; whoever starts the second time finds it compiled.
  const first = await startGateway({ dataDirectory })
  assert.equal(await first.stop(), 0)
  const gateway = await startGateway({ dataDirectory })
  try {
    const pid = gateway.child.pid
    assert.ok(pid !== undefined)
    await delay(2000)
    const atRest = ownBytes(pid)
    // 35; 47 with the engine as it is by itself, 73 with what reads configurations too.
    assert.ok(atRest < 42 * MIB, `${(atRest / MIB).toFixed(1)} MiB at rest`)
    const url = `${gateway.api}/orders/1`
    const workUntil = Date.now() + 120_000
    while (ownBytes(pid) < atRest + 8 * MIB && Date.now() < workUntil) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => call(url)))
      assert.ok(answers.every(({ status }) => status === 401 || status === 429))
    }
    assert.ok(ownBytes(pid) >= atRest + 8 * MIB, 'it was never given what work needs')
  } finally {
    await gateway.kill()
  }
})

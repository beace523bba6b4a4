import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { millis } from '../../src/core/index.ts'
import { Front } from '../../src/listener/arrive/front.ts'
import { Doors } from '../../src/listener/doors.ts'
import { peerOf } from '../../src/listener/peer.ts'

/** Says something and resets the connection, all before this process, which waits for it, accepts. */
function sayAndReset(port: number): void {
  const program = `
    const socket = require('node:net').connect(${port}, '127.0.0.1', () => {
      socket.write('GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n', () => socket.resetAndDestroy())
    })`
  assert.equal(spawnSync(process.execPath, ['-e', program]).status, 0)
}

for (const h2c of [false, true]) {
  test(`a connection whose other end cannot be told any more goes nowhere, h2c ${h2c}`, async () => {
    const arrived: string[] = []
    const asked: string[] = []
    const outlet = (socket: Duplex): void => {
      arrived.push(peerOf(socket).address)
      socket.destroy()
    }
    const front = new Front(
      {
        // By this address every caller has to send a PROXY header.
        isProxy: (address) => {
          asked.push(address)
          return address === '127.0.0.1'
        },
        tls: undefined,
        h2c,
        patience: millis(500),
      },
      { http1: outlet, http2: outlet },
    )
    const doors = new Doors(10, front)
    const port = await doors.open({ address: '127.0.0.1', port: 0, reusePort: false })
    sayAndReset(port)
    await delay(200)
    front.closeArriving()
    await doors.close()
    assert.deepEqual(arrived, [])
    assert.ok(!asked.includes(''), 'nothing is decided by an address that is none')
  })
}

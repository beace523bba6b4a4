import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import { Guard } from '../../../src/gateway/http2/guard.ts'
import { Traffic } from '../../../src/gateway/http2/traffic.ts'

test('the runtime is told that a connection is gone, never that the caller ended its side', async () => {
  const server = createServer({ allowHalfOpen: true })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const caller = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const [socket] = await accepted
  const traffic = new Traffic(
    { headerBytes: 1024, mostAtOnce: 1, now: () => 0 },
    { onFlood: () => undefined, onRejected: () => undefined },
  )
  const guard = new Guard(socket, traffic)
  let ended = false
  guard.on('end', () => (ended = true))
  guard.resume()
  caller.end('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  const late = setTimeout(() => guard.destroy(new Error('still open')), 2000)
  await once(guard, 'close')
  clearTimeout(late)
  caller.destroy()
  server.close()
  assert.equal(ended, false)
  assert.equal(guard.errored, null)
})

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { head } from '../kit/raw.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

const callers = 12
const requests = 8

/** Says who it is from, over and over: a byte of another is noticed. */
function bodyOf(caller: number, request: number): string {
  const word = `<caller ${caller}, request ${request}>`
  return word.repeat(1 + ((caller * 37 + request * 101) % 400))
}

/** All requests of a caller as one pipeline, cut wherever it happens to be cut. */
async function talk({ plane, caller }: { plane: DataPlane; caller: number }): Promise<string> {
  const socket = connect({ port: plane.port, host: '127.0.0.1', noDelay: true })
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  const closed = once(socket, 'close')
  let bytes = ''
  for (let request = 0; request < requests; request += 1) {
    const body = bodyOf(caller, request)
    const isLast = request === requests - 1
    const framing = request % 2 === 0
    const lines = [
      'POST /public/x HTTP/1.1',
      `Host: ${plane.host}`,
      framing ? `Content-Length: ${body.length}` : 'Transfer-Encoding: chunked',
      ...(isLast ? ['Connection: close'] : []),
    ]
    bytes += head(...lines)
    bytes += framing ? body : `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
  }
  let seed = caller + 1
  while (bytes !== '') {
    seed = (seed * 48_271) % 0x7fff_ffff
    const length = 1 + (seed % (seed % 3 === 0 ? 40 : 4000))
    socket.write(bytes.slice(0, length), 'latin1')
    bytes = bytes.slice(length)
    await turn()
  }
  await closed
  return text
}

describe('callers whose bytes are read into the same memory', { timeout: 120_000 }, () => {
  const service = new RecordingUpstream()
  let plane: DataPlane
  before(async () => {
    plane = await startDataPlane({ upstream: await service.listen() })
  })
  after(() => plane.finish().finally(() => service.close()))

  it('get what they sent, and nothing of each other', async () => {
    const heard = await Promise.all(
      Array.from({ length: callers }, (_, caller) => talk({ plane, caller })),
    )
    for (const [caller, text] of heard.entries()) {
      const bodies = [...text.matchAll(/"body":"([^"]*)"/g)].map((match) => match[1])
      const sent = Array.from({ length: requests }, (_, request) => bodyOf(caller, request))
      assert.deepEqual(bodies, sent, `caller ${caller}`)
    }
  })
})

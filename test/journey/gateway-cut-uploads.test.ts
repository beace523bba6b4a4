import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, test } from 'node:test'
import type { Writable } from 'node:stream'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { data, errorCodes, frameTypes, headers, rstStream, windowUpdate } from '../kit/h2-frames.ts'
import { beginHttp2, openHttp2 } from '../kit/http2.ts'
import { rawService } from '../upstream/http2/kit.ts'
import type { RawConnection } from '../upstream/http2/kit.ts'

/*
 * A service over HTTP/2 that cuts its answer while the caller goes on sending: the caller hears of it at once,
 * long before any time-out, whichever protocol it speaks.
 */

let plane: DataPlane | undefined

after(async () => {
  await plane?.gateway.stop()
})

const cuts: Readonly<Record<string, (stream: number, connection: RawConnection) => void>> = {
  none: (stream, service) => service.send(rstStream(stream, errorCodes.noError)),
  cancel: (stream, service) => service.send(rstStream(stream, errorCodes.cancel)),
  internal: (stream, service) => service.send(rstStream(stream, errorCodes.internalError)),
}

/** More than a caller's window holds, so that the answer waits for its reader; less than ours. */
const pieces = 12
const piece = Buffer.alloc(16 * 1024, 'a')

/** Cuts the answer that was begun last; called when its caller has seen that it was begun. */
let cutSoon = (): void => undefined

/** Sends until nobody listens any more. */
function sendOn(out: Writable): void {
  const write = (): void => {
    if (out.destroyed || out.writableEnded) return
    if (out.write(Buffer.alloc(30_000))) setImmediate(write)
    else out.once('drain', write)
  }
  write()
}

interface Outcome {
  readonly status: number
  readonly whole: boolean
}

function overHttp1(port: number, host: string, path: string, reads: boolean): Promise<Outcome> {
  return new Promise((resolve) => {
    const call = request({ port, host: '127.0.0.1', path, method: 'POST', headers: { host } })
    call.on('error', () => undefined)
    let status = 0
    let whole = false
    call.on('response', (answer) => {
      status = answer.statusCode ?? 0
      cutSoon()
      answer.on('error', () => undefined)
      answer.on('end', () => (whole = answer.complete))
      if (reads) answer.resume()
      else setTimeout(() => answer.resume(), 300)
    })
    call.on('close', () => resolve({ status, whole }))
    sendOn(call)
  })
}

async function overHttp2(
  port: number,
  host: string,
  path: string,
  reads: boolean,
): Promise<Outcome> {
  const session = openHttp2(port)
  const stream = beginHttp2(session, { path, authority: host, method: 'POST', body: '' })
  let status = 0
  stream.on('response', (sent) => {
    status = sent[':status'] ?? 0
    cutSoon()
  })
  if (reads) stream.resume()
  else setTimeout(() => stream.resume(), 300)
  sendOn(stream)
  await new Promise((resolve) => {
    stream.once('close', resolve)
  })
  session.destroy()
  return { status, whole: stream.rstCode === 0 }
}

test(
  'an answer that is cut in the middle of an upload ends for every caller',
  { timeout: 300_000 },
  async (t) => {
    const answered = new Set<string>()
    let cut = cuts['none']
    const { port } = await rawService(t, {
      on: (frame, connection) => {
        if (frame.type !== frameTypes.data) return
        const { length } = frame.payload
        if (length > 0) connection.send(windowUpdate(0, length), windowUpdate(frame.stream, length))
        const name = `${connection.index}/${frame.stream}`
        if (answered.has(name)) return
        answered.add(name)
        cutSoon = () => setTimeout(() => cut?.(frame.stream, connection), 20)
        connection.send(headers(frame.stream, [[':status', '200']], { end: false }))
        for (let at = 0; at < pieces; at++) connection.send(data(frame.stream, piece))
      },
    })
    plane = await startDataPlane({
      upstream: port,
      withoutWebSocket: true,
      upstreamKeys: 'protocol: h2\n    timeouts: { connect: 5s, headers: 120s, idle: 120s }',
      more: 'listeners: { public: { h2c: true } }',
      routes: "      - { method: ANY, path: '/large/{rest+}', authorizer: open, maxBody: 1GiB }",
    })
    const { host, port: at } = plane
    for (const [name, how] of Object.entries(cuts)) {
      cut = how
      for (const reads of [true, false]) {
        for (const over of [overHttp1, overHttp2]) {
          const outcome = await over(at, host, '/large/x', reads)
          assert.deepEqual(outcome, { status: 200, whole: false }, `${name} ${reads} ${over.name}`)
        }
      }
    }
  },
)

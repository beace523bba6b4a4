import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { millis } from '../../../src/core/index.ts'
import type { Exchange } from '../../../src/upstream/index.ts'
import {
  data,
  errorCodes,
  frameTypes,
  headers,
  rstStream,
  windowUpdate,
} from '../../kit/h2-frames.ts'
import type { Fields } from '../../kit/h2-frames.ts'
import { fetchOver, get, Recorder, start, until } from '../kit.ts'
import { goaway, http2To, rawService } from './kit.ts'
import type { RawConnection } from './kit.ts'

/*
 * A service that answers, or leaves, while the body of the request is still being sent to it. No time-out is
 * short enough to end any of these.
 */

const patient = { idleTimeout: millis(120_000), headersTimeout: millis(120_000) }
const bounded = { timeout: 30_000 }
const ok: Fields = [[':status', '200']]
const piece = Buffer.alloc(16 * 1024, 'b')
const begun = [headers(1, ok, { end: false }), data(1, 'hel')]

interface Case {
  /** What the service says when it has seen a piece of the body. */
  readonly says: readonly Buffer[]
  readonly after?: (connection: RawConnection) => unknown
  /** The receiver takes nothing for now. */
  readonly paused?: boolean
  /** More pieces than the windows hold. */
  readonly blocks?: boolean
}

interface Heard {
  readonly recorder: Recorder
  readonly exchange: Exchange
  drained: number
}

/** An upload that goes on after the service has said all it says. */
async function uploading(t: TestContext, one: Case): Promise<Heard> {
  const { port, connections } = await rawService(t, {
    on: (frame, connection) => {
      if (frame.type !== frameTypes.data || connection.frames.filter(isData).length > 1) return
      connection.send(...one.says)
      one.after?.(connection)
    },
  })
  const recorder = new Recorder()
  const upstream = http2To(t, port, patient)
  const framing = { kind: 'chunked' } as const
  const exchange = upstream.request(get('/', { method: 'POST', framing }), recorder)
  const heard = { recorder, exchange, drained: 0 }
  exchange.onDrain(() => {
    heard.drained += 1
  })
  if (one.paused === true) exchange.pause()
  for (let at = 0; at < (one.blocks === true ? 20 : 1); at++) exchange.write(piece)
  await until(() => connections[0]?.frames.some(isData) === true)
  // Whatever the runtime has heard by now, it is written to: a caller does not know.
  for (let at = 0; at < 20; at++) {
    await new Promise((resolve) => setImmediate(resolve))
    exchange.write(piece)
  }
  return heard
}

const isData = ({ type }: { type: number }): boolean => type === frameTypes.data

const cuts: Readonly<Record<string, Pick<Case, 'says' | 'after'>>> = {
  'a reset with NO_ERROR': { says: [...begun, rstStream(1, errorCodes.noError)] },
  'a reset with CANCEL': { says: [...begun, rstStream(1, errorCodes.cancel)] },
  'a reset with INTERNAL_ERROR': { says: [...begun, rstStream(1, errorCodes.internalError)] },
  'GOAWAY and the end': {
    says: [...begun, goaway(1, errorCodes.internalError)],
    after: ({ socket }) => socket.end(),
  },
  'the end of the connection': { says: begun, after: ({ socket }) => socket.end() },
  'a reset of the connection': {
    says: begun,
    after: ({ socket }) => setTimeout(() => socket.resetAndDestroy(), 5),
  },
}

for (const [name, cut] of Object.entries(cuts)) {
  for (const paused of [false, true]) {
    for (const blocks of [false, true]) {
      const how = `${paused ? 'a paused' : 'a reading'} receiver and ${blocks ? 'a blocked' : 'a free'} sender`
      test(`${name} in the middle of an answer is heard by ${how}`, bounded, async (t) => {
        const { recorder } = await uploading(t, { ...cut, paused, blocks })
        await recorder.settled
        assert.equal(recorder.failure?.kind, 'reset')
        assert.ok(!recorder.events.includes('end'), String(recorder.events))
      })
    }
  }
}

test(
  'a reset with NO_ERROR before any answer is a failure while the sender is blocked',
  bounded,
  async (t) => {
    const says = [rstStream(1, errorCodes.noError)]
    const { recorder } = await uploading(t, { says, blocks: true })
    await recorder.settled
    assert.deepEqual(recorder.events, ['failure reset'])
  },
)

test(
  'a whole answer before a reset is whole, and lets a blocked sender go on',
  bounded,
  async (t) => {
    const says = [...begun, data(1, 'lo', true), rstStream(1, errorCodes.noError)]
    const heard = await uploading(t, { says, paused: true, blocks: true })
    // A sender that reads no answer before it has sent everything would wait for us, and we for it.
    await until(() => heard.drained > 0)
    assert.equal(heard.exchange.write(piece), true)
    heard.exchange.resume()
    await heard.recorder.settled
    assert.deepEqual(heard.recorder.events, ['head', 'end'])
    assert.equal(heard.recorder.body, 'hello')
  },
)

test(
  'all that was announced is whole for a receiver that pauses when it is reset',
  bounded,
  async (t) => {
    const announced: Fields = [...ok, ['content-length', '3']]
    const says = [headers(1, announced, { end: false }), data(1, 'hel'), rstStream(1, 0)]
    const heard = await uploading(t, { says, paused: true, blocks: true })
    await until(() => heard.drained > 0)
    heard.exchange.resume()
    await heard.recorder.settled
    assert.deepEqual(heard.recorder.events, ['head', 'end'])
    assert.equal(heard.recorder.body, 'hel')
  },
)

test(
  'an answer that goes on after the window of the body was closed is still read',
  bounded,
  async (t) => {
    const says = [...begun, windowUpdate(1, 1), data(1, 'lo', true)]
    const { recorder } = await uploading(t, { says, blocks: true })
    await recorder.settled
    assert.equal(recorder.body, 'hello')
  },
)

test(
  'an answer that is malformed resets its stream, also while a body waits to be sent',
  bounded,
  async (t) => {
    const interims = Array.from({ length: 100 }, () => [[':status', '103']] as const)
    const { port, connections } = await rawService(t, {
      request: (stream, connection) =>
        connection.send(...interims.map((fields) => headers(stream, fields, { end: false }))),
    })
    const upstream = http2To(t, port)
    const resetOf = async (stream: number): Promise<number> => {
      const resets = () =>
        (connections[0]?.frames ?? []).filter(
          (one) => one.type === frameTypes.rstStream && one.stream === stream,
        )
      await until(() => resets().length > 0)
      return resets()[0]?.payload.readUInt32BE(0) ?? -1
    }
    const bare = await fetchOver(upstream, get())
    assert.equal(bare.failure?.kind, 'malformed')
    assert.equal(await resetOf(1), errorCodes.protocolError)
    const framing = { kind: 'length', length: 100_000 } as const
    const { exchange, recorder } = start(upstream, get('/', { method: 'POST', framing }))
    // More than the windows of the service let through.
    exchange.write(Buffer.alloc(framing.length))
    exchange.end()
    await until(() => recorder.failure !== undefined)
    assert.equal(recorder.failure?.kind, 'malformed')
    assert.equal(await resetOf(3), errorCodes.protocolError)
  },
)

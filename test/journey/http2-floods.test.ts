import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { StoredRecord } from '../../src/audit/index.ts'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import {
  block,
  continuation,
  data,
  errorCodes,
  frame,
  frameTypes,
  fromTable,
  headers,
  literal,
  ping,
  RawHttp2,
  rstStream,
  settings,
  windowUpdate,
} from '../kit/h2-frames.ts'
import type { Fields } from '../kit/h2-frames.ts'
import { callHttp2, openHttp2 } from '../kit/http2.ts'
import { call } from '../kit/http.ts'
import { recordsOf } from '../kit/minting.ts'
import { until } from '../kit/operations.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

/* Rows B08 and B09 and their kin: what costs a caller little may not cost us much. */

let plane: DataPlane
/** Waits for nobody for long; only what is about that is asked of it. */
let hasty: DataPlane
const upstream = new RecordingUpstream()

before(async () => {
  const port = await upstream.listen()
  const more = 'listeners: { public: { h2c: true } }'
  const limits = '{ drain: 1s, requestHeaderTimeout: 3s, keepAlive: 4s }'
  ;[plane, hasty] = await Promise.all([
    startDataPlane({ upstream: port, more }),
    startDataPlane({ upstream: port, more, limits }),
  ])
})

after(async () => {
  const ended = await Promise.allSettled([plane.finish(), hasty.finish()])
  upstream.close()
  for (const one of ended) if (one.status === 'rejected') throw one.reason
})

const usual = (to = plane): Fields => [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/public/x'],
  [':authority', to.host],
]
const odd = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => 1 + 2 * n)
const times = (count: number, make: () => Buffer): Buffer[] => Array.from({ length: count }, make)

/** Memory in KiB and processor time in hundredths of a second of the gateway so far. */
function used({ gateway }: DataPlane): { memory: number; time: number } {
  const { pid } = gateway.child
  const memory = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
  const [user = 0, system = 0] =
    readFileSync(`/proc/${pid}/stat`, 'latin1')
      .split(') ')[1]
      ?.split(' ')
      .slice(11, 13)
      .map(Number) ?? []
  return { memory, time: user + system }
}

/** A connection that does `work`, beside one that goes on being served. */
async function endured(
  work: (connection: RawHttp2) => Promise<void>,
  by = plane,
): Promise<{ code: number | undefined; answered: number }> {
  const other = openHttp2(by.port)
  const asked = { path: '/public/other', authority: by.host }
  assert.equal((await callHttp2(other, asked)).status, 200)
  const start = used(by)
  const connection = await RawHttp2.open(by.port)
  const [, ...answers] = await Promise.all([
    work(connection),
    ...times(5, () => Buffer.alloc(0)).map(() => callHttp2(other, asked)),
  ])
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200, 200, 200],
  )
  assert.equal(await connection.untilClosed(), true, 'the connection is closed')
  other.destroy()
  const end = used(by)
  assert.ok(end.memory - start.memory < 32 * 1024, `grew by ${end.memory - start.memory} KiB`)
  assert.ok(end.time - start.time < 100, `took ${end.time - start.time}0 ms`)
  const goaway = connection.frames.find((one) => one.type === frameTypes.goaway)
  const answered = connection.frames.filter((one) => one.type === frameTypes.headers).length
  return { code: goaway?.payload.readUInt32BE(4), answered }
}

/**
 * That the connection was closed is known already. Bytes that were never read make the system reset the connection,
 * with which the last word may get lost.
 */
function assertCalmed(code: number | undefined): void {
  const expected: readonly (number | undefined)[] = [errorCodes.enhanceYourCalm, undefined]
  assert.ok(expected.includes(code), `it ended with ${code}`)
}

let marks = 0

/** Asks for something of its own. @returns how many decisions are recorded with that, which is the last of them. */
async function mark({ gateway }: DataPlane): Promise<number> {
  const path = `/public/mark/${++marks}`
  assert.equal((await call(`${gateway.api}${path}`)).status, 200)
  let count = 0
  await until('a mark is recorded', async () => {
    const decisions = await recordsOf(gateway, 'decision')
    count = decisions.length
    return decisions.at(-1)?.what?.['path'] === path
  })
  return count
}

/** The decisions made by `work`, which is over. */
async function decisionsOf(work: () => Promise<unknown>, by = plane): Promise<StoredRecord[]> {
  const first = await mark(by)
  await work()
  const last = await mark(by)
  return (await recordsOf(by.gateway, 'decision')).slice(first, last - 1)
}

test('ten thousand streams that are begun and reset end the connection within two hundred', async () => {
  upstream.take()
  const decisions = await decisionsOf(async () => {
    const { code } = await endured(async (connection) => {
      const all = odd(10_000).flatMap((n) => [headers(n, usual()), rstStream(n, errorCodes.cancel)])
      connection.send(...all)
    })
    assertCalmed(code)
  })
  assert.ok(decisions.length <= 6 + 200, `${decisions.length} decisions`)
  assert.ok(upstream.take().length <= 6 + 200 + 2)
})

test('resets that come in small pieces are counted all the same', async () => {
  let sent = 0
  const { code } = await endured(async (connection) => {
    for (const n of odd(100_000)) {
      if (connection.closed) break
      connection.send(headers(n, usual()), rstStream(n, errorCodes.cancel))
      sent += 1
      if (n % 10 === 1) await delay(1)
    }
  })
  assertCalmed(code)
  assert.ok(sent < 100_000)
})

test('a hundred cancelled at once, as when a page is left, is no flood', async () => {
  const connection = await RawHttp2.open(plane.port)
  connection.send(...odd(100).map((n) => headers(n, usual())))
  connection.send(...odd(100).map((n) => rstStream(n, errorCodes.cancel)))
  connection.send(headers(201, usual()))
  // Not even looked at, if it comes too soon: the code for that lets it be sent again.
  assert.match(await connection.outcome(201), /^(?:200|RST 7)$/)
  connection.send(headers(203, usual()))
  assert.equal(await connection.outcome(203), '200')
  connection.close()
})

const resetsOfOurs: readonly (readonly [string, (stream: number) => Buffer])[] = [
  ['a window update of nothing', (stream) => windowUpdate(stream, 0)],
  ['a window that overflows', (stream) => windowUpdate(stream, 0x7fffffff)],
  ['data behind the end', (stream) => data(stream, 'x')],
  ['a header of HTTP/1.1', (stream) => headers(stream + 2, [...usual(), ['connection', 'x']])],
  ['a header behind the end', (stream) => headers(stream, [['x-a', 'b']])],
]

for (const [what, spoil] of resetsOfOurs) {
  test(`streams that the caller makes us reset end the connection: ${what}`, async () => {
    const { code } = await endured(async (connection) => {
      for (const n of odd(1000)) {
        if (connection.closed) break
        connection.send(headers(4 * n + 1, usual()), spoil(4 * n + 1))
        if (n % 40 === 1) await delay(1)
      }
    })
    assert.notEqual(code, errorCodes.noError)
  })
}

test('a header section without end is cut off', async () => {
  const first = (): Buffer => headers(1, usual(), { endHeaders: false })
  const full = await endured(async (connection) => {
    const piece = continuation(1, literal('x-a', 'y'.repeat(20)), false)
    connection.send(first(), ...times(10_000, () => piece))
  })
  assert.equal(full.answered, 0)
  assertCalmed(full.code)
  const empty = await endured(async (connection) => {
    connection.send(first(), ...times(10_000, () => continuation(1, Buffer.alloc(0), false)))
  })
  assert.equal(empty.answered, 0)
  assertCalmed(empty.code)
})

test('a header that unfolds to many times its size is refused, and costs no memory', async () => {
  const large = (): Buffer =>
    Buffer.concat([block(usual()), literal('x-a', 'y'.repeat(4000), true)])
  const { code, answered } = await endured(async (connection) => {
    connection.send(headers(1, large()))
    await connection.outcome(1)
    const many = Buffer.concat(times(10_000, () => fromTable(62)))
    connection.send(headers(3, Buffer.concat([block(usual()), many]), { endHeaders: false }))
    connection.send(continuation(3, many, true))
    assert.equal(await connection.outcome(3), '431')
    connection.send(headers(5, usual()))
    assert.equal(await connection.outcome(5), '200', 'the table is as the caller has it')
    connection.send(headers(7, Buffer.concat([many, many, many]), { endHeaders: false }))
    connection.send(continuation(7, Buffer.concat([many]), true))
  })
  assert.deepEqual([code === errorCodes.noError, answered], [false, 3])
})

const floods: readonly (readonly [string, () => Buffer])[] = [
  ['settings', () => settings({ 4: 65_535 })],
  ['pings', () => ping()],
  ['window updates', () => windowUpdate(0, 1)],
  ['priorities', () => frame(frameTypes.priority, 0, 3, Buffer.alloc(5))],
  ['frames of no known type', () => frame(99, 0, 0, Buffer.alloc(8))],
]

for (const [what, make] of floods) {
  test(`a flood of ${what} ends the connection`, async () => {
    const decisions = await decisionsOf(async () => {
      const { code } = await endured(async (connection) => {
        connection.send(...times(20_000, make))
      })
      assert.notEqual(code, errorCodes.noError)
    })
    assert.equal(decisions.filter(({ reason }) => reason === 'gateway.malformed').length, 1)
  })
}

test('a flood of empty data ends the connection', async () => {
  const { code } = await endured(async (connection) => {
    connection.send(headers(1, usual(), { end: false }), ...times(20_000, () => data(1, '')))
  })
  assertCalmed(code)
})

test('more streams than are allowed at once are told to come again', async () => {
  const held: ServerResponse[] = []
  let answers = false
  upstream.answer = (_request, response) => {
    if (answers) response.end('ok')
    else held.push(response)
    return true
  }
  const connection = await RawHttp2.open(plane.port)
  connection.send(...odd(120).map((n) => headers(n, usual())))
  await until(
    'twenty are refused',
    () => connection.frames.filter((one) => one.type === frameTypes.rstStream).length >= 20,
  )
  answers = true
  for (const response of held) response.end('ok')
  const outcomes = await Promise.all(odd(120).map((n) => connection.outcome(n)))
  upstream.answer = () => false
  assert.equal(outcomes.filter((outcome) => outcome === '200').length, 100)
  assert.equal(outcomes.filter((outcome) => outcome === 'RST 7').length, 20)
  connection.close()
  const told = await RawHttp2.open(plane.port)
  told.send(...odd(2000).map((n) => headers(n, usual())))
  assert.equal(await told.untilClosed(), true, 'it knew the number, and goes on all the same')
})

test('bytes that are no frames end the connection and are recorded once', async () => {
  const decisions = await decisionsOf(async () => {
    const connection = await RawHttp2.open(plane.port)
    connection.send(Buffer.alloc(5000, 0xff))
    assert.equal(await connection.untilClosed(), true)
  })
  assert.deepEqual(
    decisions.map(({ reason }) => reason),
    ['gateway.malformed'],
  )
})

test('a caller that does not acknowledge our settings is served, and then let go', async () => {
  const decisions = await decisionsOf(async () => {
    const connection = await RawHttp2.open(hasty.port, { acknowledges: false })
    connection.send(headers(1, usual(hasty)))
    assert.equal(await connection.outcome(1), '200')
    assert.equal(await connection.untilClosed(), true)
    const goaway = connection.frames.find((one) => one.type === frameTypes.goaway)
    assert.equal(goaway?.payload.readUInt32BE(4), 4)
  }, hasty)
  assert.deepEqual(
    decisions.map(({ reason }) => reason),
    ['gateway.open_route', 'gateway.request_timeout'],
  )
})

describe('what takes too long', { concurrency: true }, () => {
  test('a header section that does not go on is cut off', async () => {
    const { code } = await endured(async (connection) => {
      connection.send(headers(1, usual(hasty), { endHeaders: false }))
      await connection.untilClosed()
    }, hasty)
    assertCalmed(code)
  })

  test('connections that say nothing, or have nothing more to say, are closed', async () => {
    const silent = await RawHttp2.open(hasty.port)
    const served = await RawHttp2.open(hasty.port)
    served.send(headers(1, usual(hasty)))
    assert.equal(await served.outcome(1), '200')
    assert.equal(await silent.untilClosed(), true)
    assert.equal(await served.untilClosed(), true)
    const goaway = served.frames.find((one) => one.type === frameTypes.goaway)
    assert.equal(goaway?.payload.readUInt32BE(4), errorCodes.noError)
  })
})

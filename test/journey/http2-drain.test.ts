import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startDataPlane } from '../kit/data-plane.ts'
import { errorCodes, frameTypes, headers, RawHttp2, windowUpdate } from '../kit/h2-frames.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

const goawayOf = (connection: RawHttp2): number | undefined =>
  connection.frames.find((one) => one.type === frameTypes.goaway)?.payload.readUInt32BE(4)

test('a stop lets streams end, takes no new ones, and cuts off what does not end in time', async () => {
  const upstream = new RecordingUpstream()
  const plane = await startDataPlane({
    upstream: await upstream.listen(),
    more: 'listeners: { public: { h2c: true } }',
    limits: '{ drain: 4s }',
  })
  upstream.answer = (request, response) => {
    response.write('begun')
    if (request.url === '/public/slow') setTimeout(() => response.end(' done'), 800)
    return true
  }
  const get = (stream: number, path: string): Buffer =>
    headers(stream, [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', path],
      [':authority', plane.host],
    ])
  const [idle, busy, endless] = await Promise.all([1, 2, 3].map(() => RawHttp2.open(plane.port)))
  assert.ok(idle !== undefined && busy !== undefined && endless !== undefined)
  busy.send(get(1, '/public/slow'))
  endless.send(get(1, '/public/never'))
  await Promise.all([busy.outcome(1), endless.outcome(1)])
  const stopping = Date.now()
  const stopped = plane.gateway.stop()
  assert.equal(await idle.untilClosed(), true)
  assert.equal(endless.closed, false, 'before the deadline')
  assert.equal(goawayOf(idle), errorCodes.noError)
  busy.send(get(3, '/public/late'))
  assert.equal(await busy.untilClosed(), true)
  assert.deepEqual(busy.body(1), { text: 'begun done', whole: true })
  assert.equal(goawayOf(busy), errorCodes.noError)
  assert.equal(
    busy.frames.some((one) => one.stream === 3 && one.type === frameTypes.headers),
    false,
  )
  assert.equal(await endless.untilClosed(), true)
  assert.equal(endless.body(1).whole, false)
  assert.equal(await stopped, 0, plane.gateway.errors())
  assert.ok(Date.now() - stopping >= 3500)
  await delay(10)
  upstream.close()
  assert.deepEqual(
    upstream.seen.map(({ url }) => url),
    [],
  )
})

test('a caller that reads nothing does not keep a stop waiting', { timeout: 120_000 }, async () => {
  const upstream = new RecordingUpstream()
  const plane = await startDataPlane({
    upstream: await upstream.listen(),
    more: 'listeners: { public: { h2c: true } }',
    limits: '{ drain: 1s }',
  })
  upstream.answer = (_request, response) => {
    response.on('error', () => undefined)
    response.end(Buffer.alloc(50_000_000))
    return true
  }
  const connection = await RawHttp2.open(plane.port)
  connection.socket.pause()
  const request = headers(1, [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/public/large'],
    [':authority', plane.host],
  ])
  connection.send(windowUpdate(0, 0x70000000), request, windowUpdate(1, 0x70000000))
  await delay(1000)
  assert.equal(await plane.gateway.stop(), 0, plane.gateway.errors())
  connection.close()
  upstream.close()
})

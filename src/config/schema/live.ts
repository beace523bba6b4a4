import { z } from 'zod'
import { amount, duration, flag, percentage, size, word } from '../scalars.ts'
import { mapping, nothing } from './parts.ts'

const outlives = (what: string) =>
  flag(`lets ${what} go on after the token it was opened with expired`).prefault(false)

/** WebSockets of a route: whether, and for how long. */
export const websocket = z
  .union(
    [
      flag('lets connections upgrade to WebSocket'),
      mapping('lets connections upgrade to WebSocket, within limits', {
        maxAge: duration('how long a connection may last', '1s', '7d').prefault('12h'),
        idle: duration(
          'until a connection without any bytes, pings among them, is closed',
          '1s',
          '1d',
        ).prefault('5m'),
        maxMessage: size(
          'longest message from the caller; default: any',
          1,
          1_073_741_824,
        ).optional(),
        outlivesToken: outlives('a connection'),
      }),
    ],
    { error: 'websocket' },
  )
  .meta({ description: 'lets connections upgrade to WebSocket; a mapping sets their limits' })

/** Event streams of a route, and every other answer without a length. */
export const streams = mapping('event streams and other answers without a length', {
  maxAge: duration('how long one may last', '1s', '7d').prefault('12h'),
  idle: duration('until one that says nothing is closed', '1s', '1d').prefault('30m'),
  outlivesToken: outlives('one'),
})

export const priority = word('priority', 'what is refused last and first under overload', [
  'high',
  'normal',
  'low',
])

export const shedding = mapping('when new requests are refused, lowest priority first', {
  eventLoopDelay: duration('how late the process may run', '20ms', '1m').prefault('200ms'),
  memory: percentage('memory in use, of the heap and of what the process may have').prefault('80%'),
}).prefault(nothing)

export const inFlight = amount('count', 'requests under way at once', {
  min: 1,
  max: 1_000_000,
  whole: true,
}).prefault(10_000)

export const reauthorizeEvery = duration(
  'how often open WebSockets and streams are decided on again',
  '1s',
  '1h',
).prefault('60s')

import { ResponseParser } from '../../src/upstream/parser.ts'
import type { FuzzCase } from './responses.ts'

/** What our parser made of a case. */
export interface Reading {
  readonly informational: readonly number[]
  readonly status: number
  readonly statusText: string
  readonly headers: readonly string[]
  readonly body: string
  readonly trailers: readonly string[]
  /** `open`: it waits for more. */
  readonly result:
    | 'open'
    | 'end'
    | 'end reusable'
    | 'upgraded'
    | 'malformed'
    | 'too_large'
    | 'reset'
}

/** Feeds the bytes cut at these places. The parser may change what it is given, so it gets copies. */
export function readOurs(fuzz: FuzzCase, cuts: readonly number[]): Reading {
  const reading = {
    informational: [] as number[],
    status: 0,
    statusText: '',
    headers: [] as readonly string[],
    body: '',
    trailers: [] as readonly string[],
    result: 'open' as Reading['result'],
  }
  const settle = (result: Reading['result']): void => {
    if (reading.result !== 'open') throw new Error(`${result} after ${reading.result}`)
    reading.result = result
  }
  const parser = new ResponseParser(
    {
      informational: (status) => void reading.informational.push(status),
      head: (head) => {
        if (reading.status !== 0) throw new Error('a second head')
        Object.assign(reading, {
          status: head.status,
          statusText: head.statusText,
          headers: head.headers,
        })
      },
      text: (body) => {
        if (body === '' || reading.status === 0) throw new Error('a piece of nothing')
        reading.body += body
      },
      data: (view) => {
        if (view.length === 0 || reading.status === 0) throw new Error('a piece of nothing')
        reading.body += view.toString('latin1')
      },
      end: (trailers, reusable) => {
        reading.trailers = trailers
        settle(reusable ? 'end reusable' : 'end')
      },
      upgraded: (head) => {
        Object.assign(reading, { status: head.status, headers: head.headers })
        settle('upgraded')
      },
      failed: (kind) => settle(kind),
    },
    fuzz.maxHeaderBytes,
  )
  parser.begin({ headRequest: fuzz.headRequest, upgrade: fuzz.upgrade })
  let from = 0
  for (const to of [...cuts, fuzz.bytes.length]) {
    if (to <= from) continue
    // What comes behind the end is the connection's to judge: it makes it unusable.
    if (reading.result === 'end reusable') reading.result = 'end'
    if (reading.result !== 'open') break
    parser.feed(Buffer.from(fuzz.bytes.subarray(from, to)))
    from = to
  }
  if (fuzz.closed && reading.result === 'open') parser.finish()
  return reading
}

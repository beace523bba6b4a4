import { RequestParser } from '../../src/http1/index.ts'
import type { RequestCase } from './requests.ts'
import { theirMethods, theirParser } from './theirs.ts'

/** A request as a parser found it. */
export interface Found {
  readonly method: string
  readonly target: string
  readonly headers: readonly string[]
  body: string
  trailers: readonly string[]
  isWhole: boolean
}

export interface RequestReading {
  readonly requests: readonly Found[]
  /** `open`: it waits for more; `last`: another may not follow, so nothing was read behind it. */
  readonly result: 'open' | 'last' | 'flaw' | 'malformed' | 'too_large'
}

/** Feeds the bytes cut at these places. The parser may change what it is given, so it gets copies. */
export function readRequests(
  { bytes, maxHeadBytes }: RequestCase,
  cuts: readonly number[],
): RequestReading {
  const requests: Found[] = []
  let result: RequestReading['result'] = 'open'
  let persists = true
  const open = (): Found => {
    const found = requests.at(-1)
    if (found === undefined || found.isWhole) throw new Error('a part of no request')
    return found
  }
  const parser = new RequestParser(
    {
      head: ({ method, target, section }) => {
        if (result !== 'open' || requests.at(-1)?.isWhole === false)
          throw new Error('a second head')
        if (section.flaw !== undefined) {
          result = 'flaw'
          return
        }
        persists = section.persists
        requests.push({
          method,
          target,
          headers: section.lines,
          body: '',
          trailers: [],
          isWhole: false,
        })
      },
      body: (view) => {
        if (view.length === 0) throw new Error('a piece of nothing')
        open().body += view.toString('latin1')
      },
      whole: (trailers) => {
        Object.assign(open(), { trailers, isWhole: true })
        if (!persists) result = 'last'
      },
      failed: (kind) => {
        if (result !== 'open') throw new Error(`${kind} after ${result}`)
        result = kind
      },
    },
    maxHeadBytes,
  )
  const settled = (): boolean => result !== 'open'
  let from = 0
  for (const to of [...cuts, bytes.length]) {
    let left = Buffer.from(bytes.subarray(from, to))
    while (left.length > 0 && !settled()) {
      left = left.subarray(parser.feed(left))
      parser.next()
    }
    from = to
  }
  return { requests, result }
}

/** What the runtime's parser makes of the same bytes, up to where it ends. */
export function readTheirRequests(bytes: Buffer): readonly Found[] {
  const binding = theirParser()
  const requests: Found[] = []
  const parser = new binding()
  let flushed: string[] = []
  let target = ''
  parser.initialize(binding.REQUEST, {}, 1 << 20, 0)
  parser[binding.kOnHeaders] = (fields: string[], url: string) => {
    flushed.push(...fields)
    target += url
  }
  parser[binding.kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    fields: string[] | undefined,
    method: number,
    url: string | undefined,
  ) => {
    requests.push({
      method: theirMethods[method] ?? '',
      target: url ?? target,
      headers: fields ?? flushed,
      body: '',
      trailers: [],
      isWhole: false,
    })
    flushed = []
    target = ''
    return 0
  }
  parser[binding.kOnBody] = (view: Buffer) => {
    const last = requests.at(-1)
    if (last !== undefined) last.body += view.toString('latin1')
  }
  parser[binding.kOnMessageComplete] = () => {
    const last = requests.at(-1)
    if (last !== undefined) Object.assign(last, { isWhole: true, trailers: flushed })
    flushed = []
    target = ''
  }
  parser.execute(Buffer.from(bytes))
  parser.close()
  return requests
}

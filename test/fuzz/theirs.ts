import assert from 'node:assert/strict'

/** Of llhttp as the runtime binds it; not documented, so looked at before it is used. */
interface Binding {
  new (): {
    initialize(type: number, resource: object, maxHeaderSize: number, lenient: number): void
    execute(bytes: Buffer): number | Error
    finish(): undefined | Error
    /** Without it the parser is never given back. */
    close(): void
    [callback: number]: (...values: never[]) => unknown
  }
  readonly RESPONSE: number
  readonly REQUEST: number
  readonly kOnHeaders: number
  readonly kOnHeadersComplete: number
  readonly kOnBody: number
  readonly kOnMessageComplete: number
}

/** What llhttp made of the first response that is not an interim one. */
export interface TheirReading {
  status: number
  statusText: string
  headers: string[]
  body: string
  trailers: string[]
  complete: boolean
  /** Another response may follow on the connection. */
  keepAlive: boolean
}

const common: { HTTPParser?: Binding; methods?: readonly string[] } | undefined =
  process.getBuiltinModule('_http_common')
/** By the number that the parser gives of each. */
export const theirMethods = common?.methods ?? []
const known = common?.HTTPParser

/** llhttp, strict, as the runtime has it. */
export function theirParser(): Binding {
  assert.ok(
    known !== undefined,
    'this runtime does not show its parser; compare with node:http instead',
  )
  return known
}

export function readTheirs(
  bytes: Buffer,
  options: { headRequest: boolean; closed: boolean },
): TheirReading {
  const binding = theirParser()
  const reading: TheirReading = {
    status: 0,
    statusText: '',
    headers: [],
    body: '',
    trailers: [],
    complete: false,
    keepAlive: false,
  }
  const parser = new binding()
  let flushed: string[] = []
  parser.initialize(binding.RESPONSE, {}, 1 << 20, 0)
  parser[binding.kOnHeaders] = (fields: string[]) => {
    flushed.push(...fields)
  }
  parser[binding.kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    fields: string[] | undefined,
    _method: unknown,
    _url: unknown,
    status: number,
    statusText: string,
    _upgrade: boolean,
    keepAlive: boolean,
  ) => {
    const headers = fields ?? flushed
    flushed = []
    if (reading.complete || (status < 200 && status !== 101)) return 0
    Object.assign(reading, { status, statusText, headers, keepAlive })
    return options.headRequest ? 1 : 0
  }
  parser[binding.kOnBody] = (view: Buffer) => {
    if (!reading.complete && reading.status !== 0) reading.body += view.toString('latin1')
  }
  parser[binding.kOnMessageComplete] = () => {
    if (!reading.complete && reading.status !== 0) {
      reading.complete = true
      reading.trailers = flushed
    }
    flushed = []
  }
  const result = parser.execute(Buffer.from(bytes))
  if (!(result instanceof Error) && options.closed) parser.finish()
  parser.close()
  return reading
}

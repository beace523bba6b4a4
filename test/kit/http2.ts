import { connect } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'

/** What came back for one request over HTTP/2. */
export interface Http2Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly trailers: IncomingHttpHeaders
  /** Status of each answer before the answer, in order. */
  readonly informational: readonly number[]
  /** The headers of those. */
  readonly hints: readonly IncomingHttpHeaders[]
  /** Code of the reset, when there was one. */
  readonly reset: number
  readonly ended: boolean
}

export interface Http2Call {
  readonly method?: string
  readonly path: string
  readonly authority: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
  readonly trailers?: Readonly<Record<string, string>>
}

/** Opens a connection with prior knowledge. */
export function openHttp2(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`)
  session.on('error', () => undefined)
  return session
}

/** Begins a request; the body is the caller's to write. */
export function beginHttp2(session: ClientHttp2Session, call: Http2Call): ClientHttp2Stream {
  const stream = session.request(
    {
      ...call.headers,
      ':method': call.method ?? 'GET',
      ':path': call.path,
      ':authority': call.authority,
      ':scheme': 'http',
    },
    { endStream: call.body === undefined, waitForTrailers: call.trailers !== undefined },
  )
  stream.on('error', () => undefined)
  if (call.trailers !== undefined) {
    stream.on('wantTrailers', () => stream.sendTrailers({ ...call.trailers }))
  }
  return stream
}

/** Makes one request and waits for its end, good or bad. */
export async function callHttp2(
  session: ClientHttp2Session,
  call: Http2Call,
): Promise<Http2Answer> {
  const stream = beginHttp2(session, call)
  if (call.body !== undefined) stream.end(call.body)
  return answerOf(stream)
}

export async function answerOf(stream: ClientHttp2Stream): Promise<Http2Answer> {
  const chunks: Buffer[] = []
  const hints: IncomingHttpHeaders[] = []
  let headers: IncomingHttpHeaders = {}
  let trailers: IncomingHttpHeaders = {}
  let ended = false
  stream.on('headers', (sent) => hints.push(sent))
  stream.on('response', (sent) => (headers = sent))
  stream.on('trailers', (sent) => (trailers = sent))
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.on('end', () => (ended = true))
  await new Promise((resolve) => {
    stream.once('close', resolve)
  })
  return {
    status: Number(headers[':status'] ?? 0),
    headers,
    body: Buffer.concat(chunks).toString('latin1'),
    trailers,
    informational: hints.map((one) => Number(one[':status'])),
    hints,
    reset: stream.rstCode ?? 0,
    ended,
  }
}

import type { Stream, StreamUser } from '../../http2/index.ts'
import type { Life } from '../../gateway/index.ts'
import type { RequestFields } from './fields.ts'
import { Http2Request } from './request.ts'
import { Http2Response } from './response.ts'

/** One request and its answer, as the user of their stream. */
export class Http2Exchange implements StreamUser {
  readonly stream: Stream
  readonly fields: RequestFields
  readonly request: Http2Request
  readonly response: Http2Response
  /** Known once it is served, and where it counts as under way then. */
  life: Life | undefined
  total: { inFlight: number } | undefined
  /** What had moved when it was last looked at, and in how many looks too little had. */
  seenReceived = 0
  seenSent = 0
  stalled = 0

  constructor(stream: Stream, fields: RequestFields) {
    this.stream = stream
    this.fields = fields
    this.request = new Http2Request(stream, fields)
    this.response = new Http2Response(stream, fields.method)
  }

  onData(piece: Buffer, isSole: boolean): void {
    this.request.take(piece, isSole)
  }

  onEnd(): void {
    this.request.end()
  }

  onDrain(): void {
    this.response.drained()
  }

  onClose(): void {
    if (this.total !== undefined) this.total.inFlight -= 1
    this.life?.end()
    this.response.closed()
  }
}

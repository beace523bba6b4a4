import type { ServerHttp2Stream } from 'node:http2'

/**
 * Resets a stream, with `code` as long as no answer has begun and as an internal error afterwards.
 *
 * Invariant: an answer that was cut short never ends as if it were whole. The runtime's `close` ends what was
 * written so far before it resets; `destroy` does not.
 *
 * Invariant: a stream with an answer that may still wait to be written is never closed. The runtime
 * (Node 26.10) can lose such a reset, and then it writes empty frames without end.
 */
export function cutOff(stream: ServerHttp2Stream, code: number): void {
  if (stream.headersSent) stream.destroy(new Error('the stream is cut off'))
  else stream.close(code)
}

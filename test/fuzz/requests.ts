import type { Random } from './random.ts'
import { bend, chunks, headers, lengthOf, lineEnd, text, transferEncoding } from './responses.ts'

/** Bytes a caller might send over one connection. */
export interface RequestCase {
  readonly bytes: Buffer
  readonly maxHeadBytes: number
}

/** Requests that are nearly right, one behind the other: made by the grammar, bent at a few places. */
export function makeRequests(random: Random): RequestCase {
  let all = ''
  let before = ''
  for (let count = 1 + random.below(4); count > 0; count--) {
    // Most callers send the same header section again and again.
    const again = before !== '' && random.chance(40)
    const section = again ? nearly(before, random) : lines(random)
    before = section
    all += `${emptyLines(random)}${requestLine(random)}${section}${body(section, random)}`
  }
  return {
    bytes: bend(Buffer.from(all, 'latin1'), random),
    maxHeadBytes: random.pick([200, 1024, 4096]),
  }
}

function emptyLines(random: Random): string {
  if (random.chance(92)) return ''
  return random.pick(['\r\n', '\r\n\r\n', '\r\n'.repeat(5), '\n', '\r', ' \r\n'])
}

function requestLine(random: Random): string {
  const method = random.chance(80)
    ? random.pick(['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH'])
    : random.pick(['get', 'FOO', 'G T', 'G(T', '', 'TRACE', 'M-SEARCH', 'G\0T', 'GETT', 'SOURCE'])
  const target = random.chance(85)
    ? random.pick(['/', '/a/b?c=d', '*', '//', '/%2e', '/a;b=c', '/é', 'http://a/b', 'a:1'])
    : random.pick(['', '/a b', '/a\tb', '/\x7f', '/a#b', '?', '/\0', `/${'a'.repeat(300)}`, '/ '])
  const version = random.chance(90)
    ? 'HTTP/1.1'
    : random.pick(['HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'http/1.1', 'RTSP/1.0', 'HTTP/1.1 ', ''])
  const gap = random.chance(97) ? ' ' : random.pick(['  ', '\t', ''])
  return `${method}${gap}${target} ${version}${lineEnd(random)}`
}

/** With the empty line behind them. */
function lines(random: Random): string {
  const host = random.chance(95) ? 'Host: a' : random.pick(['', 'Host: a\r\nHost: a', 'host:'])
  let framing = ''
  if (random.chance(30)) framing = `${transferEncoding(random)}\r\n`
  else if (random.chance(40)) {
    framing = `Content-Length: ${lengthOf(random, 'b'.repeat(random.below(30)))}\r\n`
  }
  const some = headers(random, random.chance(1) ? 300 : 5)
  const [first, last] = random.chance(50) ? [framing, some] : [some, framing]
  return `${host}${host === '' ? '' : '\r\n'}${first}${last}${lineEnd(random)}`
}

/** What is remembered of a section must not count for another. */
function nearly(section: string, random: Random): string {
  if (random.chance(70)) return section
  const at = random.below(section.length)
  const other = random.pick(['x', ' ', '0', ':', '\r', 'X'])
  return section.slice(0, at) + other + section.slice(at + 1)
}

function body(section: string, random: Random): string {
  const content = text(random, random.below(40))
  if (/transfer-encoding/i.test(section)) return chunks(random, content)
  const length = Number(/content-length: *(\d{1,3})\r/i.exec(section)?.[1] ?? 0)
  return text(random, length)
}

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RequestParser } from '../../src/http1/index.ts'
import type { HeaderSection, RequestHead } from '../../src/http1/index.ts'

/** What a parser says of these pieces, in words, one for each event; a body is one, whatever its pieces. */
function read(pieces: readonly string[], maxHeadBytes = 1024): string[] {
  const said: string[] = []
  const parser = new RequestParser(
    {
      head: ({ method, target, section }) => said.push(section.flaw ?? `${method} ${target}`),
      body: (view) => {
        const begun = said.at(-1)?.startsWith('body ') === true ? said.pop() : 'body '
        said.push(`${begun}${view.toString('latin1')}`)
      },
      whole: (trailers) => said.push(`whole ${trailers.join()}`.trim()),
      failed: (kind, detail) => said.push(`${kind}: ${detail}`),
    },
    maxHeadBytes,
  )
  for (const piece of pieces) {
    let left = Buffer.from(piece, 'latin1')
    while (left.length > 0) {
      left = left.subarray(parser.feed(left))
      parser.next()
    }
  }
  return said
}

const single = (text: string): string[] => Array.from(text)
const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`
const post = (...lines: string[]): string => head('POST /a HTTP/1.1', 'Host: a', ...lines)
const next = head('GET /next HTTP/1.1', 'Host: a')
const served = ['GET /next', 'whole']

/** Each with what is said of it; nothing behind it may be read. */
const refused: Readonly<Record<string, readonly [string, string]>> = {
  'a length beside a coding': [
    post('Content-Length: 5', 'Transfer-Encoding: chunked'),
    'transfer-encoding and content-length',
  ],
  'a coding beside a length': [
    post('Transfer-Encoding: chunked', 'Content-Length: 5'),
    'transfer-encoding and content-length',
  ],
  'two codings': [
    post('Transfer-Encoding: x', 'Transfer-Encoding: chunked'),
    'two transfer-encoding lines',
  ],
  'a list of codings': [
    post('Transfer-Encoding: gzip, chunked'),
    'a transfer coding other than chunked',
  ],
  'an empty coding': [post('Transfer-Encoding:'), 'a transfer coding other than chunked'],
  'a coding in HTTP/1.0': [
    head('POST /a HTTP/1.0', 'Host: a', 'Transfer-Encoding: chunked'),
    'transfer-encoding in HTTP/1.0',
  ],
  'two lengths': [post('Content-Length: 0', 'content-length: 0'), 'two content-length lines'],
  'a list of lengths': [post('Content-Length: 5, 5'), 'a content-length that is no number'],
  'a signed length': [post('Content-Length: +5'), 'a content-length that is no number'],
  'a length in hexadecimal': [post('Content-Length: 0x5'), 'a content-length that is no number'],
  'an empty length': [post('Content-Length:'), 'a content-length that is no number'],
  'a tab beside a length': [post('Content-Length:\t5'), 'a tab beside what frames the message'],
  'two hosts': [head('GET / HTTP/1.1', 'Host: a', 'Host: a'), 'two host lines'],
  'no host': [head('GET / HTTP/1.1', 'X: a'), 'no host line'],
  'two credentials': [post('Authorization: a', 'authorization: b'), 'two authorization lines'],
  'a blank before the colon': [post('Content-Length : 5'), 'malformed: malformed header name'],
  'a folded line': [post('X: a', ' b'), 'malformed: malformed header line'],
  'a folded line with a colon': [post('X: a', ' b: c'), 'malformed: malformed header name'],
  'a bare line feed': [post('X: a\nY: b'), 'malformed: a control character in a header'],
  'a bare carriage return': [post('X: a\rY: b'), 'malformed: a control character in a header'],
  'a NUL': [post('X: a\0'), 'malformed: a control character in a header'],
  'no method': [head(' / HTTP/1.1', 'Host: a'), 'malformed: malformed request line'],
  'two blanks': [head('GET  / HTTP/1.1', 'Host: a'), 'malformed: malformed request line'],
  'a blank behind the version': [
    head('GET / HTTP/1.1 ', 'Host: a'),
    'malformed: malformed request line',
  ],
  'a line feed in front': [`\n${next}`, 'malformed: malformed request line'],
  'HTTP/0.9': ['GET /\r\n\r\n', 'malformed: malformed request line'],
  'HTTP/2': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'malformed: not an HTTP/1.x request'],
  'five empty lines': [`${'\r\n'.repeat(5)}${next}`, 'malformed: empty lines before a request'],
}

describe('the parser of requests', () => {
  for (const [name, [bytes, said]] of Object.entries(refused)) {
    it(`refuses ${name}, and reads nothing behind it`, () => {
      const whole = read([bytes + next])
      assert.equal(whole[0], said)
      assert.equal(whole.length, 1, whole.join('; '))
      const inPieces = read(single(bytes + next))
      assert.equal(inPieces.length, 1, inPieces.join('; '))
      assert.equal(inPieces[0]?.startsWith('malformed: '), whole[0]?.startsWith('malformed: '))
    })
  }

  it('reads a pipeline to its end, however it is cut', () => {
    const bytes = `${post('Content-Length: 5')}hello${post('Transfer-Encoding: chunked')}3;a="b;c"\r\nbye\r\n0\r\nX: y\r\n\r\n\r\n${next}`
    const said = ['POST /a', 'body hello', 'whole', 'POST /a', 'body bye', 'whole X,y', ...served]
    assert.deepEqual(read([bytes]), said)
    for (let at = 1; at < bytes.length; at++) {
      assert.deepEqual(read([bytes.slice(0, at), bytes.slice(at)]), said, `cut at ${at}`)
    }
  })

  it('overlooks an empty line before a request, also one that comes in two pieces', () => {
    assert.deepEqual(read([`\r\n${next}`]), served)
    assert.deepEqual(read(['\r', `\n${next}`]), served)
    assert.deepEqual(read(['\r', '\n', '\r', '\n', next]), served)
    assert.deepEqual(read(['\r', next]), ['malformed: malformed request line'])
  })

  it('refuses framing in a trailer section', () => {
    for (const line of ['Content-Length: 5', 'transfer-encoding: chunked']) {
      const said = read([`${post('Transfer-Encoding: chunked')}0\r\n${line}\r\n\r\n${next}`])
      assert.deepEqual(said, ['POST /a', 'malformed: framing in a trailer section'])
    }
  })

  it('holds to its bound to the byte, however a head is cut', () => {
    for (const [length, expected] of [
      [1024, 'GET'],
      [1025, 'too_large'],
      [100_000, 'too_large'],
    ] as const) {
      const start = 'GET / HTTP/1.1\r\nHost: a\r\nX: '
      const bytes = `${start}${'x'.repeat(length - start.length - 4)}\r\n\r\n`
      for (const pieces of [[bytes], single(bytes), [bytes.slice(0, 1000), bytes.slice(1000)]]) {
        assert.match(read(pieces)[0] ?? '', new RegExp(`^${expected}`))
      }
    }
    const endless = Array.from({ length: 2000 }, () => 'G')
    assert.deepEqual(read(endless), ['too_large: a header section that is too long'])
  })

  it('says at the first wrong byte that a request line is none', () => {
    for (const [begun, wrong] of [
      ['', '\x16'],
      ['GE', '\0'],
      ['GET ', ' '],
      ['GET /a', '\t'],
      ['GET /a ', 'R'],
      ['GET /a HTTP/1.1', ' '],
      ['GET /a HTTP/1.', '2'],
    ] as const) {
      assert.deepEqual(read(single(begun)), [], begun)
      assert.match(read([...single(begun), wrong])[0] ?? '', /^malformed/, begun + wrong)
    }
  })
})

describe('a header section that came before', () => {
  /** The heads on one connection. */
  function heads(...texts: readonly string[]): RequestHead[] {
    const found: RequestHead[] = []
    const parser = new RequestParser(
      {
        head: (one) => found.push(one),
        body: () => undefined,
        whole: () => undefined,
        failed: () => undefined,
      },
      4096,
    )
    for (const text of texts) {
      parser.feed(Buffer.from(text, 'latin1'))
      parser.next()
    }
    return found
  }
  const sectionsOf = (...texts: readonly string[]): HeaderSection[] =>
    heads(...texts).map(({ section }) => section)

  it('is not read again, whatever the request line is', () => {
    const [first, second] = sectionsOf(next, head('PUT /b HTTP/1.1', 'Host: a'))
    assert.ok(first !== undefined && first === second)
  })

  it('is another when one byte of it is, or the version', () => {
    const [first, ...others] = sectionsOf(
      head('GET / HTTP/1.1', 'Host: a'),
      head('GET / HTTP/1.1', 'Host: b'),
      head('GET / HTTP/1.1', 'host: b'),
      head('GET / HTTP/1.1', 'host:  b'),
      head('GET / HTTP/1.0', 'host:  b'),
      head('GET / HTTP/1.1', 'Host: a'),
    )
    assert.equal(new Set([first, ...others]).size, 6)
    assert.deepEqual(
      others.map(({ headers }) => headers.host),
      ['b', 'b', 'b', 'b', 'a'],
    )
    assert.deepEqual(
      others.map(({ persists }) => persists),
      [true, true, true, false, true],
    )
  })

  it('frames each body on its own', () => {
    const text = `${post('Content-Length: 2')}ab`
    const said = ['POST /a', 'body ab', 'whole']
    const longer = ['POST /a', 'body abc', 'whole']
    assert.deepEqual(
      read([text, text, post('Content-Length: 3'), 'abc', text]),
      [said, said, longer, said].flat(),
    )
  })
})

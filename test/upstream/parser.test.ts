import assert from 'node:assert/strict'
import { test } from 'node:test'

import { HeadMemory } from '../../src/upstream/head.ts'
import { ResponseParser } from '../../src/upstream/parser.ts'
import { limit, parsePieces } from './parse.ts'
import type { Expectation, Outcome } from './parse.ts'

/** Parses in one piece, in two pieces at every boundary, and byte by byte: all must agree. */
function parse(message: string, expectation: Expectation = {}): Outcome {
  const bytes = Buffer.from(message, 'latin1')
  const whole = parsePieces([Buffer.from(bytes)], expectation)
  for (let cut = 1; cut < Math.min(bytes.length, 400); cut++) {
    const pieces = [Buffer.from(bytes.subarray(0, cut)), Buffer.from(bytes.subarray(cut))]
    assert.deepEqual(parsePieces(pieces, expectation), whole, `cut at ${cut}`)
  }
  const single = Array.from(bytes, (byte) => Buffer.from([byte]))
  assert.deepEqual(parsePieces(single, expectation), whole, 'byte by byte')
  return whole
}

const chunkedHead = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'

test('a response with a length is read to its end and leaves the connection reusable', () => {
  const outcome = parse(
    'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello',
  )
  assert.deepEqual(outcome.head, {
    status: 200,
    statusText: 'OK',
    headers: ['Content-Type', 'text/plain', 'Content-Length', '5'],
    framing: 'length',
    length: 5,
  })
  assert.equal(outcome.body, 'hello')
  assert.equal(outcome.result, 'end reusable')
})

test('a chunked response is read to its end, with its trailers', () => {
  const outcome = parse(
    `${chunkedHead}5\r\nhello\r\n00A;x=y;q="z"\r\n 123456789\r\n0\r\nX-Sum: 1\r\ngrpc-status:0\r\n\r\n`,
  )
  assert.equal(outcome.body, 'hello 123456789')
  assert.deepEqual(outcome.trailers, ['X-Sum', '1', 'grpc-status', '0'])
  assert.equal(outcome.head?.framing, 'chunked')
  assert.deepEqual(outcome.head?.headers, [])
  assert.equal(outcome.result, 'end reusable')
})

test('trailers about framing, routing or cookies are dropped', () => {
  const trailers =
    'Content-Length: 9\r\nTransfer-Encoding: x\r\nSet-Cookie: a=b\r\nHost: e\r\nConnection: x\r\nOk: 1'
  const outcome = parse(`${chunkedHead}0\r\n${trailers}\r\n\r\n`)
  assert.deepEqual(outcome.trailers, ['Ok', '1'])
})

test('a body without length or coding ends with the connection and is never reused', () => {
  const message = 'HTTP/1.1 200 OK\r\nX: y\r\n\r\nsome body'
  assert.equal(parse(message).result, 'open')
  const outcome = parse(message, { closed: true })
  assert.equal(outcome.result, 'end')
  assert.equal(outcome.body, 'some body')
  assert.equal(outcome.head?.framing, 'close')
})

test('what cannot have a body has none, whatever its headers say', () => {
  const headers = 'Content-Length: 5\r\n\r\n'
  for (const [line, method] of [
    ['HTTP/1.1 200 OK', 'HEAD'],
    ['HTTP/1.1 304 Not Modified', 'GET'],
  ] as const) {
    const outcome = parse(`${line}\r\n${headers}`, { method })
    assert.equal(outcome.result, 'end reusable', line)
    assert.equal(outcome.head?.framing, 'none')
    assert.equal(outcome.head?.length, 5)
  }
  assert.equal(parse('HTTP/1.1 204 No Content\r\n\r\n').result, 'end reusable')
  assert.equal(
    parse('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', { method: 'HEAD' }).result,
    'end reusable',
  )
})

test('bytes after a complete response forbid reuse', () => {
  const second = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nevil!'
  for (const first of [
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
    'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 204 No Content\r\n\r\n',
    `${chunkedHead}2\r\nok\r\n0\r\n\r\n`,
  ]) {
    const outcome = parse(first + second)
    assert.equal(outcome.result, 'end')
    assert.ok(!outcome.body.includes('evil'))
    assert.equal(parse(`${first}\r\n`).result, 'end')
  }
})

test('a response is not reusable after close or HTTP/1.0', () => {
  for (const head of [
    'HTTP/1.1 200 OK\r\nConnection: close\r\n',
    'HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\n',
    'HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nConnection: close\r\n',
    'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n',
  ]) {
    assert.equal(parse(`${head}Content-Length: 1\r\n\r\nx`).result, 'end', head)
  }
})

test('hop-by-hop headers and those that Connection names are not passed on', () => {
  const outcome = parse(
    [
      'HTTP/1.1 200 OK',
      'Connection: keep-alive, X-Secret',
      'connection: x-OTHER',
      'X-Secret: 1',
      'x-other: 2',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: keep-alive',
      'Upgrade: h2c',
      'TE: trailers',
      'Kept:  spaced value \t',
      'Kept: again',
      'Empty:',
      'Content-Length: 0',
      '',
      '',
    ].join('\r\n'),
  )
  assert.deepEqual(outcome.head?.headers, [
    'Kept',
    'spaced value',
    'Kept',
    'again',
    'Empty',
    '',
    'Content-Length',
    '0',
  ])
})

test('headers whose names are as long as hop-by-hop ones are passed on', () => {
  const headers = 'Expires: 0\r\nSet-Cookie: a=b\r\nset-cookie: c=d\r\nETag: "x"\r\nab: c\r\n'
  const longer = 'X-Content-Name: 1\r\nWWW-Authenticate: x\r\nX-Transfer-Encode: y\r\n'
  const outcome = parse(`HTTP/1.1 200 OK\r\n${headers}${longer}content-length: 0\r\n\r\n`)
  assert.equal(
    outcome.head?.headers.join('|'),
    'Expires|0|Set-Cookie|a=b|set-cookie|c=d|ETag|"x"|ab|c|X-Content-Name|1|WWW-Authenticate|x|X-Transfer-Encode|y|content-length|0',
  )
})

test('header values keep obs-text byte for byte', () => {
  const outcome = parse(
    'HTTP/1.1 200 \xe9t\xe9\r\nX: caf\xe9\tau lait\r\ncontent-length: 0\r\n\r\n',
  )
  assert.equal(outcome.head?.statusText, '\xe9t\xe9')
  assert.deepEqual(outcome.head?.headers.slice(0, 2), ['X', 'caf\xe9\tau lait'])
})

test('a status line without a reason is read, with and without its blank', () => {
  for (const line of ['HTTP/1.1 200', 'HTTP/1.1 200 ']) {
    const outcome = parse(`${line}\r\ncontent-length: 0\r\n\r\n`)
    assert.equal(outcome.head?.statusText, '')
    assert.equal(outcome.result, 'end reusable')
  }
})

test('interim answers are passed on up to eight, then the response is malformed', () => {
  const interim = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'
  const final = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'
  const outcome = parse(interim.repeat(8) + final)
  assert.equal(outcome.informational.length, 8)
  assert.equal(outcome.result, 'end reusable')
  assert.equal(parse(interim.repeat(9) + final).result, 'failed malformed')
  assert.equal(parse('HTTP/1.1 100 Continue\r\n\r\n'.repeat(100)).result, 'failed malformed')
})

const badHeads: readonly string[] = [
  'hello world\r\n\r\n',
  '<html>HTTP/0.9 body</html>',
  'HTTP/0.9 200 OK\r\n\r\n',
  'HTTP/2.0 200 OK\r\n\r\n',
  'HTTP/1.2 200 OK\r\n\r\n',
  'HTTP/1.1  200 OK\r\n\r\n',
  'http/1.1 200 OK\r\n\r\n',
  ' HTTP/1.1 200 OK\r\n\r\n',
  '\r\nHTTP/1.1 200 OK\r\n\r\n',
  'HTTP/1.1\t200 OK\r\n\r\n',
  'HTTP/1.1 20 OK\r\n\r\n',
  'HTTP/1.1 2000 OK\r\n\r\n',
  'HTTP/1.1 099 OK\r\n\r\n',
  'HTTP/1.1 600 OK\r\n\r\n',
  'HTTP/1.1 2x0 OK\r\n\r\n',
  'HTTP/1.1 +20 OK\r\n\r\n',
  'HTTP/1.1 200\tOK\r\n\r\n',
  'HTTP/1.1 200 O\0K\r\n\r\n',
  'HTTP/1.1 200 O\rK\r\n\r\n',
  'HTTP/1.1 200 OK\nX: y\r\n\r\n',
]

const badLines: readonly string[] = [
  'Name : value',
  ' Name: value',
  '\tName: value',
  'Name: value\r\n folded',
  'Name: value\r\n\tfolded',
  'no colon',
  ': no name',
  'Na me: value',
  'Na\0me: value',
  'N\xe4me: value',
  'Name: val\0ue',
  'Name: val\rue',
  'Name: val\nX: y',
  'Name: val\x7fue',
  'Name: val\x01ue',
  'Name: value\r',
  '"Name": value',
]

const badFraming: readonly string[] = [
  'Transfer-Encoding: chunked\t',
  'Transfer-Encoding:\tchunked',
  'Content-Length: 5\t',
  'Content-Length:\t5',
  'Content-Length: 5\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nContent-Length: 5',
  'Content-Length: 5\r\nContent-Length: 5',
  'Content-Length: 5\r\nContent-Length: 6',
  'Content-Length: 5, 5',
  'Content-Length: 5,',
  'Content-Length: +5',
  'Content-Length: -5',
  'Content-Length: 0x5',
  'Content-Length: 5 5',
  'Content-Length: 5.0',
  'Content-Length: 1e1',
  'Content-Length:',
  'Content-Length: \xb2',
  'Content-Length: 9999999999999999',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: cow',
  'Transfer-Encoding: ,chunked',
  'Transfer-Encoding: chunked;q=1',
  'Transfer-Encoding: "chunked"',
  'Transfer-Encoding: identity',
  'Transfer-Encoding:',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: x\x0bchunked',
]

test('malformed status lines are refused', () => {
  for (const message of badHeads) {
    assert.equal(parse(message).result, 'failed malformed', JSON.stringify(message))
  }
})

test('malformed header lines are refused, wherever they stand', () => {
  for (const line of badLines) {
    for (const block of [`${line}\r\nA: b`, `A: b\r\n${line}`]) {
      const outcome = parse(`HTTP/1.1 200 OK\r\n${block}\r\n\r\n`)
      assert.equal(outcome.result, 'failed malformed', JSON.stringify(block))
      assert.equal(outcome.head, undefined)
    }
  }
})

test('ambiguous framing is refused for every status and method', () => {
  for (const lines of badFraming) {
    for (const [status, method] of [
      ['200', 'GET'],
      ['200', 'HEAD'],
      ['304', 'GET'],
      ['204', 'GET'],
    ] as const) {
      const outcome = parse(`HTTP/1.1 ${status} X\r\n${lines}\r\n\r\n`, { method })
      assert.equal(outcome.result, 'failed malformed', `${status} ${JSON.stringify(lines)}`)
      assert.equal(outcome.head, undefined)
    }
  }
})

test('framing where none may be is refused', () => {
  for (const message of [
    'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello',
    'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n',
  ]) {
    assert.equal(parse(message).result, 'failed malformed', message)
  }
})

test('malformed chunks are refused', () => {
  for (const chunks of [
    '0x1\r\nx\r\n',
    '+1\r\nx\r\n',
    '-0\r\n\r\n',
    '0_2e\r\nx',
    ' 1\r\nx\r\n',
    '1 \r\nx\r\n',
    '\r\n',
    ';a\r\n',
    '1\t;a\r\nx\r\n',
    'FFFFFFFFFFFFFFFFF\r\n',
    'FFFFFFFFFFFFFFFF\r\n',
    '20000000000000\r\n',
    '00000000000000001\r\nx\r\n',
    '1\nx\r\n',
    '1\r\r;a',
    '1\rx',
    '1;a\nxx',
    '1;a\0\r\nx\r\n',
    '1;a\rb\r\nx\r\n',
    '1\r\nxy\r\n',
    '1\r\nx\n',
    '1\r\nx\r0',
    '1\r\nx0\r\n\r\n',
    'g\r\n',
    '0\r\nX: y\n\r\n',
    '0\r\n\n',
    '0\r\n X: y\r\n\r\n',
    '0\r\nX : y\r\n\r\n',
    '0\r\nX: \0\r\n\r\n',
    '0\r\n\r\r\n\r\n',
    '0\r\nno colon\r\n\r\n',
  ]) {
    assert.equal(parse(chunkedHead + chunks).result, 'failed malformed', JSON.stringify(chunks))
  }
})

test('what came before a malformed chunk was body, and the response still fails', () => {
  const outcome = parse(`${chunkedHead}5\r\nhello\r\nzz\r\n`)
  assert.equal(outcome.body, 'hello')
  assert.equal(outcome.result, 'failed malformed')
})

test('heads, trailers and chunk extensions are bounded', () => {
  const long = 'x'.repeat(limit)
  assert.equal(parse(`HTTP/1.1 200 OK\r\nX: ${long}\r\n\r\n`).result, 'failed too_large')
  assert.equal(parse(`HTTP/1.1 200 OK\r\nX: ${long}`).result, 'failed too_large')
  assert.equal(parse(`HTTP/1.1 200 ${long}`).result, 'failed too_large')
  assert.equal(parse(`${chunkedHead}0\r\nX: ${long}\r\n\r\n`).result, 'failed too_large')
  assert.equal(parse(`${chunkedHead}1;${'e'.repeat(5000)}\r\nx\r\n`).result, 'failed malformed')
  const chunk = `1;${'e'.repeat(500)}\r\nx\r\n`
  assert.equal(parse(chunkedHead + chunk.repeat(9)).result, 'failed malformed')
})

test('a head of exactly the bound passes, one byte more does not', () => {
  const frame = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\nX: \r\n\r\n'
  const fill = (size: number): string =>
    frame.replace('X: ', `X: ${'y'.repeat(size - frame.length)}`)
  assert.equal(parse(fill(limit)).result, 'end reusable')
  assert.equal(parse(fill(limit + 1)).result, 'failed too_large')
})

test('more than 256 headers are refused', () => {
  const head = (count: number): string =>
    `HTTP/1.1 200 OK\r\ncontent-length: 0\r\n${'a:\r\n'.repeat(count - 1)}\r\n`
  assert.equal(parse(head(256)).result, 'end reusable')
  assert.equal(parse(head(257)).result, 'failed malformed')
})

test('a connection that closes early is a failure, wherever it was cut', () => {
  for (const message of [
    'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello',
    `${chunkedHead}5\r\nhello\r\n0\r\nA: b\r\n\r\n`,
    'HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx',
  ]) {
    for (let cut = 0; cut < message.length; cut++) {
      const outcome = parsePieces([Buffer.from(message.slice(0, cut), 'latin1')], { closed: true })
      assert.equal(outcome.result, 'failed reset', `${cut} of ${JSON.stringify(message)}`)
    }
  }
})

test('a switch of protocols is only read when it is the one asked for', () => {
  const answer = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n'
  const outcome = parse(`${answer}Sec-WebSocket-Accept: x\r\n\r\n\x81\x00`, {
    upgrade: 'websocket',
  })
  assert.equal(outcome.result, 'upgraded')
  assert.equal(outcome.leftover, '\x81\x00')
  assert.deepEqual(outcome.head?.headers, ['Upgrade', 'WebSocket', 'Sec-WebSocket-Accept', 'x'])
  assert.equal(parse(`${answer}\r\n`).result, 'failed malformed')
  assert.equal(parse(`${answer}\r\n`, { upgrade: 'h2c' }).result, 'failed malformed')
  for (const lines of [
    'Upgrade: websocket\r\n',
    'Connection: Upgrade\r\n',
    'Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n',
    'Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n',
    'Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n',
  ]) {
    const other = parse(`HTTP/1.1 101 X\r\n${lines}\r\n`, { upgrade: 'websocket' })
    assert.equal(other.result, 'failed malformed', lines)
  }
})

test('thousands of one-byte chunks in one read become one piece of body', () => {
  const pieces: number[] = []
  const parser = new ResponseParser(
    {
      informational: () => undefined,
      head: () => undefined,
      text: (body) => assert.fail(body),
      data: (view) => pieces.push(view.length),
      end: () => undefined,
      upgraded: () => undefined,
      failed: (kind) => assert.fail(kind),
    },
    limit,
  )
  parser.begin({ headRequest: false, upgrade: undefined })
  parser.feed(Buffer.from(`${chunkedHead}${'1\r\nx\r\n'.repeat(5000)}0\r\n\r\n`))
  assert.deepEqual(pieces, [5000])
})

test('a response in one piece is read the same whatever the lengths of its head and body', () => {
  for (const headLength of [60, 1000, 1023, 1024, 1025, 1500]) {
    for (const bodyLength of [
      0,
      1,
      6000,
      8191 - headLength,
      8192 - headLength,
      8193 - headLength,
      9000,
    ]) {
      const body = 'b\xe9\n'.repeat(bodyLength / 3 + 1).slice(0, bodyLength)
      const start = `HTTP/1.1 200 OK\r\nContent-Length: ${bodyLength}\r\nX: `
      const head = `${start}${'x'.repeat(headLength - start.length - 4)}\r\n\r\n`
      const parse = (text: string) => parsePieces([Buffer.from(text, 'latin1')])
      const whole = parse(head + body)
      const what = `${headLength} and ${bodyLength}`
      assert.equal(whole.result, 'end reusable', what)
      assert.equal(whole.body, body, what)
      assert.equal(whole.head?.headers.length, 4, what)
      assert.equal(
        parse(`${head}${body}x`).result,
        'end',
        `${what}, and a byte that nobody asked for`,
      )
      if (bodyLength > 0)
        assert.equal(parse(head + body.slice(1)).result, 'open', `${what}, less one`)
    }
  }
})

test('a head that came before is read as if it had not', () => {
  const memory = new HeadMemory()
  const read = (text: string, headRequest = false): unknown => {
    const fresh = new HeadMemory().read(text, { headRequest })
    assert.deepEqual(memory.read(text, { headRequest }), fresh, JSON.stringify(text))
    return typeof fresh === 'object' ? fresh.head.framing : fresh
  }
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: 1\r\n\r\n'
  assert.equal(read(head), 'length')
  assert.equal(read(`${head}abc`), 'length')
  assert.equal(read(head, true), 'none')
  assert.equal(read(head), 'length')
  assert.equal(read(head.replace('X: 1', 'X: 2')), 'length')
  assert.equal(read(head.replace('200', '204')), 'a body announced for a 204')
  assert.equal(read(head.replace('X: 1', 'X:\0')), undefined)
  assert.equal(read(head.slice(0, -2)), undefined)
  assert.equal(
    read(`${head.slice(0, -2)}Transfer-Encoding: chunked\r\n\r\n`),
    'content-length beside transfer-encoding',
  )
  assert.equal(read(head.replace('200', '304')), 'none')
  assert.equal(read(''), undefined)
  assert.equal(read(head), 'length')
})

test('a head says that it came before when all of its bytes did, and only then', () => {
  const memory = new HeadMemory()
  let before: unknown
  const read = (text: string, headRequest = false): boolean => {
    const parsed = memory.read(text, { headRequest })
    assert.ok(typeof parsed === 'object', 'no sound head')
    assert.equal(memory.isRepeated, parsed === before)
    before = parsed
    return memory.isRepeated
  }
  const one = 'HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 1\r\n\r\nx'
  const other = one.replace('a: b', 'a: c')
  assert.equal(read(one), false)
  assert.equal(read(one), true)
  assert.equal(read(`${one.slice(0, -1)}y`), true)
  assert.equal(read(one, true), false)
  assert.equal(memory.read('HTTP/1.1 200 OK\r\n', { headRequest: false }), undefined)
  assert.equal(memory.isRepeated, false)
  assert.equal(read(other), false)
  assert.equal(read(one), false)
  assert.equal(read(one.replace('200 OK', '201 OK')), false)
  assert.equal(read(one), false)
  assert.equal(read(one), true)
})

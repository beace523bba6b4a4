import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Http1Response } from '../../../src/listener/http1/response.ts'
import type { AnswerCarrier, AnswerTerms } from '../../../src/listener/http1/response.ts'

/** Takes an answer as a connection would, and writes down what became of it. */
class Wire implements AnswerCarrier {
  isGone = false
  pending = 0
  isLast = false
  hasRoom = true
  readonly pieces: { readonly text: string; readonly isLast: boolean }[] = []
  /** For each answer that was whole: whether the connection ends with it. */
  readonly answers: boolean[] = []
  cuts = 0

  get text(): string {
    return this.pieces.map(({ text }) => text).join('')
  }

  get head(): string {
    return this.text.slice(0, this.text.indexOf('\r\n\r\n') + 2)
  }

  get body(): string {
    return this.text.slice(this.text.indexOf('\r\n\r\n') + 4)
  }

  send(piece: string | Uint8Array, isLast = false): boolean {
    assert.ok(!this.isGone, 'something was sent to a connection that is gone')
    this.pieces.push({ text: Buffer.from(piece as string, 'latin1').toString('latin1'), isLast })
    return this.hasRoom
  }

  sendAll(pieces: readonly (string | Uint8Array)[], isLast: boolean): boolean {
    for (const [at, piece] of pieces.entries()) this.send(piece, isLast && at === pieces.length - 1)
    return this.hasRoom
  }

  answered(isLast: boolean): void {
    this.answers.push(isLast)
  }

  destroy(): void {
    this.cuts += 1
    this.isGone = true
  }

  reset(): void {
    this.destroy()
  }
}

const usual: AnswerTerms = {
  isCurrent: true,
  isHead: false,
  expectsContinue: false,
  keepAliveLines: 'Connection: keep-alive\r\nKeep-Alive: timeout=60\r\n',
}

function begin(
  terms: Partial<AnswerTerms> = {},
  changes: Partial<Pick<Wire, 'isLast' | 'hasRoom'>> = {},
): { wire: Wire; response: Http1Response } {
  const wire = Object.assign(new Wire(), changes)
  const response = new Http1Response(wire, { ...usual, ...terms })
  response.sendDate = false
  return { wire, response }
}

/** The lines of a head about framing and connection, in the order in which they stand there. */
function framingIn(head: string): string {
  const lines = head.split('\r\n').slice(1)
  const names = /^(content-length|transfer-encoding|connection|keep-alive|trailer|upgrade): /i
  return lines
    .filter((line) => names.test(line))
    .map((line) => line.toLowerCase().replaceAll(' ', ''))
    .join(' ')
}

const kept = 'connection:keep-alive keep-alive:timeout=60'
const closes = 'connection:close'

/** status, method, version, what is said of the length; what the head then says, and what follows it. */
const framings: readonly (readonly [
  status: number,
  method: 'GET' | 'HEAD',
  version: '1.0' | '1.1',
  length: number | 'unknown',
  says: string,
  follows: string,
])[] = [
  [200, 'GET', '1.1', 5, `content-length:5 ${kept}`, 'hello'],
  [200, 'GET', '1.1', 'unknown', `transfer-encoding:chunked ${kept}`, '5\r\nhello\r\n0\r\n\r\n'],
  [200, 'GET', '1.0', 5, `content-length:5 ${kept}`, 'hello'],
  [200, 'GET', '1.0', 'unknown', closes, 'hello'],
  [200, 'HEAD', '1.1', 5, `content-length:5 ${kept}`, ''],
  [200, 'HEAD', '1.1', 'unknown', `transfer-encoding:chunked ${kept}`, ''],
  [200, 'HEAD', '1.0', 5, `content-length:5 ${kept}`, ''],
  [200, 'HEAD', '1.0', 'unknown', closes, ''],
  [204, 'GET', '1.1', 5, kept, ''],
  [204, 'GET', '1.1', 'unknown', kept, ''],
  [204, 'GET', '1.0', 5, kept, ''],
  [204, 'GET', '1.0', 'unknown', kept, ''],
  [204, 'HEAD', '1.1', 5, kept, ''],
  [204, 'HEAD', '1.1', 'unknown', kept, ''],
  [205, 'GET', '1.1', 'unknown', `transfer-encoding:chunked ${kept}`, '5\r\nhello\r\n0\r\n\r\n'],
  [304, 'GET', '1.1', 5, `content-length:5 ${kept}`, ''],
  [304, 'GET', '1.1', 'unknown', kept, ''],
  [304, 'GET', '1.0', 5, `content-length:5 ${kept}`, ''],
  [304, 'GET', '1.0', 'unknown', kept, ''],
  [304, 'HEAD', '1.1', 5, `content-length:5 ${kept}`, ''],
  [304, 'HEAD', '1.1', 'unknown', kept, ''],
  [404, 'GET', '1.1', 5, `content-length:5 ${kept}`, 'hello'],
  [404, 'HEAD', '1.1', 'unknown', `transfer-encoding:chunked ${kept}`, ''],
  [500, 'GET', '1.1', 'unknown', `transfer-encoding:chunked ${kept}`, '5\r\nhello\r\n0\r\n\r\n'],
  [500, 'GET', '1.0', 'unknown', closes, 'hello'],
]

describe('an answer over HTTP/1.x', () => {
  for (const [status, method, version, length, says, follows] of framings) {
    const terms = { isHead: method === 'HEAD', isCurrent: version === '1.1' }
    const headers = length === 'unknown' ? [] : ['Content-Length', String(length)]

    it(`of ${status} to ${method} in ${version} with a length of ${length} is framed in one way`, () => {
      const { wire, response } = begin(terms)
      response.writeHead(status, 'Said', headers)
      response.end(Buffer.from('hello'))
      assert.equal(wire.text.slice(0, 17), `HTTP/1.1 ${status} Said`)
      assert.equal(framingIn(wire.head), says)
      assert.equal(wire.body, follows)
      assert.deepEqual(wire.answers, [says.includes(closes)])
      assert.equal(wire.cuts, 0)
    })

    it(`of ${status} to ${method} in ${version} with a length of ${length} ends its connection where that ends`, () => {
      const { wire, response } = begin(terms, { isLast: true })
      response.writeHead(status, '', headers)
      response.end(Buffer.from('hello'))
      assert.equal(framingIn(wire.head), says.replace(kept, closes))
      assert.equal(wire.body, follows)
      assert.deepEqual(wire.answers, [true])
    })

    it(`of ${status} to ${method} in ${version} with a length of ${length} has the same body in pieces`, () => {
      const { wire, response } = begin(terms)
      response.writeHead(status, '', headers)
      response.flushHeaders()
      response.write(Buffer.from('he'))
      response.write(Buffer.alloc(0))
      response.write(Buffer.from('llo'))
      response.addTrailers([['X-Sum', '1']])
      response.end()
      const isChunked = follows.endsWith('0\r\n\r\n')
      assert.equal(wire.body, isChunked ? '2\r\nhe\r\n3\r\nllo\r\n0\r\nX-Sum: 1\r\n\r\n' : follows)
      assert.deepEqual(wire.answers, [says.includes(closes)])
    })
  }

  it('has no body where none may be, however it is given', () => {
    for (const [terms, status] of [
      [{ isHead: true }, 200],
      [{}, 204],
      [{}, 304],
      [{ isHead: true, isCurrent: false }, 200],
    ] as const) {
      for (const give of [
        (response: Http1Response) => response.end('text'),
        (response: Http1Response) => response.end('text', 'latin1'),
        (response: Http1Response) => response.end(Buffer.alloc(100_000, 'x')),
        (response: Http1Response) => {
          response.flushHeaders()
          assert.equal(response.write(Buffer.from('text')), true)
          response.end('text')
        },
      ]) {
        const { wire, response } = begin(terms)
        response.writeHead(status, '', [])
        give(response)
        assert.equal(wire.body, '')
        assert.equal(wire.answers.length, 1)
      }
    }
  })
})

describe('trailers of an answer', () => {
  const ends = (trailers: [string, string][], terms: Partial<AnswerTerms> = {}): string => {
    const { wire, response } = begin(terms)
    response.writeHead(200, '', [])
    response.write(Buffer.from('a'))
    response.addTrailers(trailers)
    response.end()
    return wire.body
  }

  it('follow a chunked body, and nothing else', () => {
    assert.equal(
      ends([
        ['A', '1'],
        ['b', ''],
      ]),
      '1\r\na\r\n0\r\nA: 1\r\nb: \r\n\r\n',
    )
    assert.equal(ends([['A', '1']], { isHead: true }), '')
    assert.equal(ends([['A', '1']], { isCurrent: false }), 'a')
  })

  it('are left out where they could mislead', () => {
    for (const bad of [
      ['Content-Length', '5'],
      ['content-length', '5'],
      ['Transfer-Encoding', 'chunked'],
      ['Connection', 'close'],
      ['Host', 'a'],
      ['Set-Cookie', 'a=b'],
      ['Authorization', 'Bearer a'],
      ['', 'empty'],
      ['a b', 'blank'],
      ['a:', 'colon'],
      ['a\r\nb', 'line'],
      ['a', 'b\r\nSet-Cookie: c=d'],
      ['a', 'b\nc'],
      ['a', 'b\rc'],
      ['a', '\u0000'],
      ['a', '\u0100'],
      ['ä', 'name beyond ASCII'],
    ] as [string, string][]) {
      assert.equal(ends([bad, ['ok', '1']]), '1\r\na\r\n0\r\nok: 1\r\n\r\n', bad.join())
    }
  })
})

describe('what is no header', () => {
  const bad: readonly (readonly [name: string, value: string])[] = [
    ['a', 'b\r\nSet-Cookie: c=d'],
    ['a', 'b\r\n\r\nHTTP/1.1 200 OK'],
    ['a', 'b\r'],
    ['a', '\nb'],
    ['a', 'b\u0000'],
    ['a', '\u007f'],
    ['a', '\u0001'],
    ['a', '\u0100'],
    ['a', 'ĊĊ'],
    ['a', '\u{1f600}'],
    ['', 'a'],
    ['a ', 'b'],
    [' a', 'b'],
    ['a:b', 'c'],
    ['a\r\nb', 'c'],
    ['a\nb', 'c'],
    ['a\u0000', 'b'],
    ['ä', 'b'],
    ['a(', 'b'],
    [`${'n'.repeat(100)}\r\n`, 'b'],
  ]

  for (const [name, value] of bad) {
    it(`is not written: ${JSON.stringify([name.slice(0, 9), value])}`, () => {
      for (const write of [
        (response: Http1Response) => response.writeHead(200, 'OK', ['ok', '1', name, value]),
        (response: Http1Response) => response.writeHead(200, { ok: '1', [name]: value }),
        (response: Http1Response) => response.writeHead(200, { ok: '1', [name]: ['1', value] }),
        (response: Http1Response) => response.writeInformation(103, ['ok', '1', name, value]),
      ]) {
        const { wire, response } = begin()
        assert.throws(() => write(response), TypeError)
        assert.equal(response.headersSent, false)
        assert.equal(wire.text, '')
        response.writeHead(502, '', ['content-length', '2'])
        response.end('no')
        assert.equal(
          wire.text,
          `HTTP/1.1 502 \r\ncontent-length: 2\r\n${usual.keepAliveLines}\r\nno`,
        )
      }
    })
  }

  it('is taken from no reason either', () => {
    for (const reason of ['a\r\nb: c', 'a\n', '\r', '\u0000', '\u0100', '\u007f', '\u{1f600}']) {
      const { wire, response } = begin()
      assert.throws(() => response.writeHead(200, reason, []), TypeError)
      assert.equal(wire.text, '')
    }
  })

  it('is what has blanks and bytes above ASCII in its value', () => {
    const { wire, response } = begin()
    response.writeHead(200, 'R\u00e4son \t!', ['A', ' \tb\u00ff\u0080', 'Content-Length', '0'])
    response.end()
    assert.match(wire.head, /^HTTP\/1\.1 200 R\u00e4son \t!\r\nA: {2}\tb\u00ff\u0080\r\n/)
  })
})

describe('framing and connection', () => {
  it('are ours to say, whatever lines came', () => {
    for (const [line, isLast] of [
      [['Connection', 'close'], true],
      [['connection', 'CLOSE'], true],
      [['Connection', 'keep-alive'], false],
      [['Connection', 'x-proofgate-secret'], false],
      [['Connection', 'upgrade'], false],
      [['Keep-Alive', 'timeout=9999'], false],
      [['Transfer-Encoding', 'chunked'], false],
      [['transfer-encoding', 'gzip, chunked'], false],
      [['TRANSFER-ENCODING', 'identity'], false],
    ] as const) {
      const { wire, response } = begin()
      response.writeHead(200, '', [...line, 'Content-Length', '2'])
      response.end('ok')
      assert.equal(
        framingIn(wire.head),
        `content-length:2 ${isLast ? closes : kept}`,
        line.join(': '),
      )
      assert.deepEqual(wire.answers, [isLast])
    }
  })

  it('are said once: a second length, or one that is no number, is no header', () => {
    for (const lines of [
      ['Content-Length', '2', 'Content-Length', '2'],
      ['content-length', '2', 'CONTENT-LENGTH', '3'],
      ['Content-Length', ''],
      ['Content-Length', '2 '],
      ['Content-Length', '+2'],
      ['Content-Length', '-2'],
      ['Content-Length', '0x2'],
      ['Content-Length', '2, 2'],
      ['Content-Length', '2e0'],
      ['Content-Length', '9'.repeat(20)],
    ]) {
      const { wire, response } = begin()
      assert.throws(() => response.writeHead(200, '', lines), TypeError, lines.join())
      assert.equal(response.headersSent, false)
      assert.equal(wire.text, '')
    }
  })

  it('end with an answer whose caller still waits to be asked for its body', () => {
    const unasked = begin({ expectsContinue: true })
    unasked.response.writeHead(200, '', ['content-length', '0'])
    unasked.response.end()
    assert.deepEqual(unasked.wire.answers, [true])
    assert.equal(framingIn(unasked.wire.head), `content-length:0 ${closes}`)
    const asked = begin({ expectsContinue: true })
    asked.response.writeContinue()
    asked.response.writeHead(200, '', ['content-length', '0'])
    asked.response.end()
    assert.deepEqual(asked.wire.answers, [false])
    assert.match(asked.wire.text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 \r\n/)
  })
})

describe('answers before the answer', () => {
  it('stand by themselves, before its head', () => {
    const { wire, response } = begin()
    response.writeContinue()
    response.writeInformation(103, ['Link', '</a>; rel=preload', 'Link', '</b>'])
    assert.equal(response.headersSent, false)
    response.writeHead(204, '', [])
    response.end()
    assert.equal(
      wire.text,
      'HTTP/1.1 100 Continue\r\n\r\n' +
        'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nLink: </b>\r\n\r\n' +
        `HTTP/1.1 204 \r\n${usual.keepAliveLines}\r\n`,
    )
  })

  it('are not said behind the head, nor to who is gone', () => {
    const { wire, response } = begin()
    response.writeHead(200, '', ['content-length', '2'])
    response.writeContinue()
    response.writeInformation(103, [])
    assert.equal(wire.text, '')
    response.end('ok')
    response.writeInformation(103, [])
    assert.doesNotMatch(wire.text, /HTTP\/1\.1 1/)
    const gone = begin()
    gone.wire.isGone = true
    gone.response.writeContinue()
    assert.equal(gone.wire.text, '')
  })
})

describe('the end of an answer', () => {
  it('comes once: nothing is sent behind it', () => {
    for (const lines of [[], ['content-length', '2']]) {
      const { wire, response } = begin()
      response.writeHead(200, '', lines)
      response.end('ok')
      const { text } = wire
      response.end('more')
      response.write(Buffer.from('more'))
      response.flushHeaders()
      response.addTrailers([['a', 'b']])
      response.end()
      assert.equal(wire.text, text)
      assert.equal(wire.answers.length, 1)
      assert.equal(wire.cuts, 0)
    }
  })

  it('is said with its last bytes, and with nothing before them', () => {
    for (const size of [10, 8192, 8193, 100_000]) {
      for (const lines of [[], ['content-length', String(size)]]) {
        const { wire, response } = begin()
        response.writeHead(200, '', lines)
        response.end(Buffer.alloc(size, 'x'))
        assert.equal(wire.pieces.filter(({ isLast }) => isLast).length, 1)
        assert.equal(wire.pieces.at(-1)?.isLast, true)
        const body = lines.length === 0 ? wire.body.split('\r\n')[1] : wire.body
        assert.equal(body?.length, size)
      }
    }
  })

  it('sends nothing to who is gone', () => {
    const { wire, response } = begin()
    response.writeHead(200, '', [])
    wire.isGone = true
    response.end('text')
    assert.equal(wire.text, '')
    assert.deepEqual(wire.answers, [])
    assert.equal(response.writableEnded, true)
  })

  it('is a cut where less came than was announced', () => {
    for (const give of [
      (response: Http1Response) => response.end(),
      (response: Http1Response) => response.end('hell'),
      (response: Http1Response) => {
        response.write(Buffer.from('he'))
        response.end(Buffer.from('ll'))
      },
    ]) {
      const { wire, response } = begin()
      response.writeHead(200, '', ['content-length', '5'])
      give(response)
      assert.equal(wire.cuts, 1)
      assert.deepEqual(wire.answers, [])
    }
  })

  it('is a cut where more came than was announced, and nobody reads what is too much', () => {
    for (const give of [
      (response: Http1Response) => response.end('hello!'),
      (response: Http1Response) => response.end(Buffer.from('hello!')),
      (response: Http1Response) => response.write(Buffer.from('hello!')),
      (response: Http1Response) => {
        response.write(Buffer.from('hello'))
        response.write(Buffer.from('!'))
      },
      (response: Http1Response) => {
        response.write(Buffer.from('hello'))
        response.end('HTTP/1.1 200 OK\r\n\r\n')
      },
    ]) {
      const { wire, response } = begin()
      response.writeHead(200, '', ['content-length', '5'])
      give(response)
      assert.equal(wire.cuts, 1)
      assert.doesNotMatch(wire.body, /!|HTTP/)
      assert.deepEqual(wire.answers, [])
    }
  })

  it('counts bytes and not characters', () => {
    const { wire, response } = begin()
    response.writeHead(200, '', ['content-length', '6'])
    response.end('é€!')
    assert.equal(wire.body, Buffer.from('é€!').toString('latin1'))
    const latin = begin()
    latin.response.writeHead(200, '', ['content-length', '2'])
    latin.response.end('é!', 'latin1')
    assert.equal(latin.wire.body, 'é!')
    assert.equal(latin.wire.cuts + wire.cuts, 0)
  })

  it('that is given up is a cut', () => {
    const { wire, response } = begin()
    response.writeHead(200, '', [])
    response.write(Buffer.from('a'))
    response.destroy()
    response.end('b')
    assert.equal(wire.body, '1\r\na\r\n')
    assert.equal(wire.cuts, 1)
    assert.deepEqual(wire.answers, [])
  })
})

describe('a caller that reads slowly', () => {
  it('is waited for: a write says so, and tells when there is room', () => {
    const { wire, response } = begin({}, { hasRoom: false })
    const told: string[] = []
    response.on('drain', () => told.push('drain'))
    response.on('close', () => told.push('close'))
    response.writeHead(200, '', ['content-length', '4'])
    assert.equal(response.write(Buffer.from('ab')), false)
    wire.pending = 100
    assert.equal(response.writableLength, 100)
    response.drain()
    wire.hasRoom = true
    assert.equal(response.write(Buffer.from('cd')), true)
    response.end()
    response.close()
    assert.deepEqual(told, ['drain', 'close'])
    assert.equal(wire.body, 'abcd')
  })

  it('is heard of by nobody when nobody asked', () => {
    const { response } = begin()
    response.drain()
    response.close()
  })
})

describe('the head of an answer', () => {
  it('is there once, and an answer without one has that of 200', () => {
    const { wire, response } = begin()
    response.end('ok')
    assert.match(wire.text, /^HTTP\/1\.1 200 OK\r\n/)
    assert.throws(() => response.writeHead(500, '', []), /one header/)
    const written = begin()
    written.response.statusCode = 202
    written.response.write(Buffer.from('ok'))
    assert.match(written.wire.text, /^HTTP\/1\.1 202 Accepted\r\n/)
    assert.throws(() => written.response.writeHead(200, {}), /one header/)
  })

  it('has one date, ours where none came', () => {
    const ours = begin()
    ours.response.sendDate = true
    ours.response.writeHead(200, '', ['content-length', '0'])
    ours.response.end()
    const date = /\r\nDate: ([^\r]*)\r\n/.exec(ours.wire.head)?.[1] ?? ''
    assert.equal(new Date(date).toUTCString(), date)
    const theirs = begin()
    theirs.response.sendDate = true
    theirs.response.writeHead(200, '', ['date', 'Sun, 06 Nov 1994 08:49:37 GMT'])
    theirs.response.end()
    assert.equal(theirs.wire.head.match(/date:/gi)?.length, 1)
  })
})

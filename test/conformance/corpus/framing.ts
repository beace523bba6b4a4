import { each, get, host, lines, one, post, refused, served, smuggled, visible } from '../case.ts'
import type { Case } from '../case.ts'

const chunked = 'Transfer-Encoding: chunked'
const last = '0\r\n\r\n'

/** How the end of a body is said: lengths, transfer codings, and both (RFC 9112 6). */
export const framing: readonly Case[] = [
  ...each(
    'A01',
    {
      'length-then-chunked': ['Content-Length: 5', chunked],
      'chunked-then-length': [chunked, 'Content-Length: 5'],
      'length-zero-then-chunked': ['Content-Length: 0', chunked],
      'chunked-then-length-zero': [chunked, 'Content-Length: 0'],
      'exact-length-then-chunked': ['Content-Length: 5', chunked, 'Connection: keep-alive'],
      'lower-case': ['content-length: 5', 'transfer-encoding: chunked'],
      'mixed-case': ['CoNtEnT-lEnGtH: 5', 'tRaNsFeR-eNcOdInG: cHuNkEd'],
      'length-with-identity': ['Content-Length: 5', 'Transfer-Encoding: identity'],
      'length-with-empty-coding': ['Content-Length: 5', 'Transfer-Encoding:'],
      'two-lengths-and-chunked': ['Content-Length: 5', chunked, 'Content-Length: 5'],
      'length-around-two-codings': [chunked, 'Content-Length: 5', chunked],
      'far-apart': ['Content-Length: 5', 'X-A: b', 'X-C: d', chunked],
    },
    (added) => ({
      note: added.join(', '),
      bytes: post(...added) + last,
      expect: refused(),
    }),
  ),
  ...each(
    'A01',
    {
      'with-smuggled-body': ['Content-Length: 5', chunked],
      'with-smuggled-body-swapped': [chunked, 'Content-Length: 5'],
    },
    (added) => ({
      note: `${added.join(', ')}, and a request behind the last chunk`,
      bytes: post(...added) + last + smuggled,
      expect: refused(),
    }),
  ),
  ...each(
    'A02',
    {
      'zero-then-real': ['Content-Length: 0', `Content-Length: ${smuggled.length}`],
      'real-then-zero': [`Content-Length: ${smuggled.length}`, 'Content-Length: 0'],
      'twice-the-same': [
        `Content-Length: ${smuggled.length}`,
        `Content-Length: ${smuggled.length}`,
      ],
      three: ['Content-Length: 0', 'Content-Length: 0', 'Content-Length: 0'],
      'list-of-one-value': [`Content-Length: ${smuggled.length}, ${smuggled.length}`],
      'list-of-two-values': [`Content-Length: 0, ${smuggled.length}`],
      'two-cases': ['content-length: 0', `CONTENT-LENGTH: ${smuggled.length}`],
      'far-apart': ['Content-Length: 0', 'X-A: b', `Content-Length: ${smuggled.length}`],
    },
    (added) => ({
      note: `${added.join(', ')}, with a request where the body may be`,
      bytes: post(...added) + smuggled,
      expect: refused(),
    }),
  ),
  ...each(
    'A02',
    {
      plus: '+5',
      minus: '-5',
      'minus-zero': '-0',
      hex: '0x5',
      exponent: '5e0',
      fraction: '5.0',
      comma: '5,',
      'leading-comma': ',5',
      semicolon: '5;a',
      'two-numbers': '5 5',
      quoted: '"5"',
      word: 'five',
      empty: '',
      blank: ' ',
      'vertical-tab': '\x0b5',
      'form-feed': '5\x0c',
      'non-breaking-space': '\xa05',
      'arabic-digit': '\xd9\xa5',
      underscore: '1_0',
      nul: '5\0',
    },
    (value) => ({
      note: `Content-Length: ${visible(value)}`,
      bytes: `${post(`Content-Length: ${value}`)}hello`,
      expect: refused(),
    }),
  ),
  ...each(
    'A02',
    {
      'over-64-bits': '18446744073709551621',
      'over-53-bits': '9007199254740993',
      'twenty-nines': '99999999999999999999',
    },
    (value) => ({
      note: `Content-Length: ${value}: a number, and more than anybody may send`,
      bytes: `${post(`Content-Length: ${value}`)}hello`,
      expect: refused(413),
    }),
  ),
  ...each(
    'A02',
    { 'tabs-around': '\t5\t', 'tab-behind': '5\t', 'tab-in-front': '\t5' },
    (value) => ({
      note: `Content-Length:${visible(value)}: sound, but not everybody reads it so`,
      bytes: `${post(`Content-Length:${value}`)}hello`,
      expect: refused(),
    }),
  ),
  ...each(
    'A02',
    {
      'leading-zeros': 'Content-Length: 005',
      'blanks-around': 'Content-Length:   5  ',
      'no-blank': 'Content-Length:5',
      'upper-case-name': 'CONTENT-LENGTH: 5',
    },
    (added) => ({
      note: `${visible(added)}: one length, however it is written`,
      bytes: `${post(added)}hello`,
      expect: { ...served('POST /public/x|hello'), has: ['content-length: 5'] },
    }),
  ),
  ...each('A02', { zero: '0', 'many-zeros': '0000000000000000000000000000' }, (value) => ({
    note: `Content-Length: ${value}: no body, and the next request is one`,
    bytes: post(`Content-Length: ${value}`) + get('/public/next'),
    expect: served('POST /public/x', 'GET /public/next'),
  })),
  ...each(
    'A08',
    {
      'cow-then-chunked': 'cow, chunked',
      'gzip-then-chunked': 'gzip, chunked',
      'chunked-then-identity': 'chunked, identity',
      'identity-then-chunked': 'identity, chunked',
      'chunked-twice-in-list': 'chunked, chunked',
      'chunked-then-gzip': 'chunked, gzip',
      'leading-comma': ',chunked',
      'trailing-comma': 'chunked,',
      parameter: 'chunked;a=b',
      semicolon: 'chunked;',
      quoted: '"chunked"',
      'single-quotes': "'chunked'",
      identity: 'identity',
      gzip: 'gzip',
      deflate: 'deflate',
      prefix: 'xchunked',
      suffix: 'chunkedx',
      'two-words': 'chunked chunked',
      'vertical-tab': '\x0bchunked',
      'trailing-vertical-tab': 'chunked\x0b',
      'form-feed': 'chunked\x0c',
      'non-breaking-space': 'chunked\xa0',
      'high-byte': '\xffchunked',
      nul: 'chunked\0',
      'long-s': 'chun\xc5\xbfed',
      'kelvin-sign': 'chun\xe2\x84\xaaed',
      empty: '',
      'x-chunked-in-list': 'x, y, chunked',
    },
    (value) => ({
      note: `Transfer-Encoding: ${visible(value)}`,
      bytes: post(`Transfer-Encoding: ${value}`) + last,
      expect: refused(),
    }),
  ),
  ...each('A08', { 'trailing-tab': ' chunked\t', 'chunked-behind-tab': '\tchunked' }, (value) => ({
    note: `Transfer-Encoding:${visible(value)}: sound, but not everybody reads it so`,
    bytes: `${post(`Transfer-Encoding:${value}`)}5\r\nhello\r\n${last}`,
    expect: refused(),
  })),
  ...each(
    'A08',
    {
      'two-lines': [chunked, chunked],
      'two-lines-identity': ['Transfer-Encoding: identity', chunked],
      'two-lines-identity-last': [chunked, 'Transfer-Encoding: identity'],
      'two-lines-of-two-cases': [chunked, 'TRANSFER-ENCODING: x'],
    },
    (added) => ({ note: added.join(', '), bytes: post(...added) + last, expect: refused() }),
  ),
  ...each(
    'A08',
    {
      'chunked-in-capitals': 'Transfer-Encoding: CHUNKED',
      'chunked-with-blanks': 'Transfer-Encoding:  chunked  ',
    },
    (added) => ({
      note: `${visible(added)}: exactly chunked`,
      bytes: `${post(added)}5\r\nhello\r\n${last}`,
      expect: { ...served('POST /public/x|hello'), has: ['transfer-encoding: chunked'] },
    }),
  ),
  ...each(
    'A08',
    {
      'underscore-alias': 'Transfer_Encoding: chunked',
      'dot-alias': 'Transfer.Encoding: chunked',
      'length-underscore-alias': 'Content_Length: 5',
    },
    (added) => ({
      note: `${added} is no framing; the service must not see it, it might fold the name`,
      bytes: post(added),
      expect: {
        ...served('POST /public/x'),
        lacks: ['transfer_encoding', 'transfer.encoding', 'content_length'],
      },
    }),
  ),
  one({
    id: 'A08.alias-with-a-body-behind',
    note: 'Transfer_Encoding: chunked and Content-Length: the length alone counts',
    bytes: `${post('Transfer_Encoding: chunked', 'Content-Length: 5')}0\r\n\r\n`,
    expect: { ...served('POST /public/x|0\r\n\r\n'), lacks: ['transfer_encoding'] },
  }),
  ...each(
    'A11',
    {
      chunked: ['Transfer-Encoding: chunked'],
      'chunked-keep-alive': ['Transfer-Encoding: chunked', 'Connection: keep-alive'],
      'chunked-and-length': ['Transfer-Encoding: chunked', 'Content-Length: 5'],
    },
    (added) => ({
      note: `HTTP/1.0 with ${added.join(', ')}`,
      bytes: lines('POST /public/x HTTP/1.0', host, ...added) + last,
      expect: refused(),
    }),
  ),
  ...each(
    'A16',
    {
      get: 'GET',
      head: 'HEAD',
      delete: 'DELETE',
      options: 'OPTIONS',
      put: 'PUT',
      patch: 'PATCH',
    },
    (method) => ({
      note: `${method} with a body that looks like a request: one request, whatever it carries`,
      bytes:
        lines(`${method} /public/x HTTP/1.1`, host, `Content-Length: ${smuggled.length}`) +
        smuggled,
      expect: served(`${method} /public/x|${smuggled}`),
    }),
  ),
  one({
    id: 'A16.get-chunked',
    note: 'a chunked GET: its chunks are its body',
    bytes: `${get('/public/x', chunked)}${smuggled.length.toString(16)}\r\n${smuggled}\r\n${last}`,
    expect: served(`GET /public/x|${smuggled}`),
  }),
  one({
    id: 'A16.refused-with-body',
    note: 'a refused request with a body: the body is no request',
    bytes: lines('POST /app/x HTTP/1.1', host, `Content-Length: ${smuggled.length}`) + smuggled,
    expect: declined401(),
  }),
  one({
    id: 'A16.no-length',
    note: 'POST without a length has no body: what follows is the next request',
    bytes: post() + smuggled,
    expect: { statuses: [200, 401], kept: true, seen: ['POST /public/x'] },
  }),
  one({
    id: 'A16.body-cut-by-the-caller',
    note: 'fewer bytes than announced, and the caller closes: the service never sees an end',
    bytes: `${post('Content-Length: 10')}hello`,
    eof: true,
    expect: { statuses: [400], kept: false, seen: [], mayBeCut: true },
  }),
  one({
    id: 'A16.chunks-cut-by-the-caller',
    note: 'no last chunk, and the caller closes',
    bytes: `${post(chunked)}5\r\nhello\r\n`,
    eof: true,
    expect: { statuses: [400], kept: false, seen: [], mayBeCut: true },
  }),
  one({
    id: 'A16.head-cut-by-the-caller',
    note: 'half a header section, and the caller closes',
    bytes: `GET /public/x HTTP/1.1\r\n${host}\r\n`,
    eof: true,
    expect: refused(),
  }),
]

function declined401(): Case['expect'] {
  return { statuses: [401], kept: true, seen: [] }
}

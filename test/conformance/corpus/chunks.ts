import { brokenOff, each, get, one, post, served, visible } from '../case.ts'
import type { Case } from '../case.ts'

/** Malformed at some point behind the header section. */
const malformed: Readonly<Record<string, string>> = {
  hex: '0x5\r\nhello\r\n0\r\n\r\n',
  plus: '+5\r\nhello\r\n0\r\n\r\n',
  minus: '-5\r\nhello\r\n0\r\n\r\n',
  'minus-zero': '-0\r\n\r\n',
  underscore: '0_5\r\nhello\r\n0\r\n\r\n',
  'leading-blank': ' 5\r\nhello\r\n0\r\n\r\n',
  'leading-tab': '\t5\r\nhello\r\n0\r\n\r\n',
  'trailing-blank': '5 \r\nhello\r\n0\r\n\r\n',
  'trailing-tab': '5\t\r\nhello\r\n0\r\n\r\n',
  'seventeen-digits': 'FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n',
  'wraps-64-bits': '10000000000000005\r\nhello\r\n0\r\n\r\n',
  'wraps-32-bits-signed': '-FFFFFFFB\r\nhello\r\n0\r\n\r\n',
  letter: 'g\r\nhello\r\n0\r\n\r\n',
  empty: '\r\nhello\r\n0\r\n\r\n',
  'only-extension': ';a\r\nhello\r\n0\r\n\r\n',
  quoted: '"5"\r\nhello\r\n0\r\n\r\n',
  comma: '5,5\r\nhello\r\n0\r\n\r\n',
  fraction: '5.0\r\nhello\r\n0\r\n\r\n',
  'h-suffix': '5h\r\nhello\r\n0\r\n\r\n',
  'bare-line-feed': '5\nhello\r\n0\r\n\r\n',
  'bare-carriage-return': '5\rhello\r\n0\r\n\r\n',
  'two-carriage-returns': '5\r\r\nhello\r\n0\r\n\r\n',
  'data-too-long': '5\r\nhello!\r\n0\r\n\r\n',
  'data-too-short': '6\r\nhello\r\n0\r\n\r\n',
  'data-ends-in-line-feed': '5\r\nhello\n0\r\n\r\n',
  'data-ends-in-carriage-return': '5\r\nhello\r0\r\n\r\n',
  'no-end-of-data': '5\r\nhello0\r\n\r\n',
  'high-byte': '5\xa0\r\nhello\r\n0\r\n\r\n',
  nul: '5\0\r\nhello\r\n0\r\n\r\n',
  'full-width-digit': '\xef\xbc\x95\r\nhello\r\n0\r\n\r\n',
  'last-chunk-of-line-feeds': '5\r\nhello\r\n0\n\n',
  'last-chunk-line-feed-first': '5\r\nhello\r\n0\n\r\n',
  'last-chunk-line-feed-last': '5\r\nhello\r\n0\r\n\n',
  'negative-after-data': '5\r\nhello\r\n-1\r\n\r\n',
  'extension-line-feed': '5;a\nxx\r\nhello\r\n0\r\n\r\n',
  'extension-carriage-return': '5;a\rxx\r\nhello\r\n0\r\n\r\n',
  'extension-two-carriage-returns': '5;a\r\r\nhello\r\n0\r\n\r\n',
  'extension-carriage-returns-first': '5\r\r;a\r\nhello\r\n0\r\n\r\n',
  'extension-nul': '5;a\0\r\nhello\r\n0\r\n\r\n',
  'extension-line-feed-in-quotes': '5;a="\n"\r\nhello\r\n0\r\n\r\n',
  'extension-crlf-in-quotes': '5;a="\r\n0\r\n\r\n"\r\nhello\r\n0\r\n\r\n',
  'extension-control': '5;\x01\r\nhello\r\n0\r\n\r\n',
  'extension-name-missing': '5;\r\nhello\r\n0\r\n\r\n',
  'extension-only-value': '5;=b\r\nhello\r\n0\r\n\r\n',
  'extension-open-quote': '5;a="b\r\nhello\r\n0\r\n\r\n',
  'extension-blank-before': '5 ;a\r\nhello\r\n0\r\n\r\n',
  'extension-high-byte': '5;\xff\r\nhello\r\n0\r\n\r\n',
  'extension-of-100-kb': `5;${'e'.repeat(100_000)}\r\nhello\r\n0\r\n\r\n`,
}

const begun = post('Transfer-Encoding: chunked')

/** The chunked coding (RFC 9112 7.1): what is malformed ends the request here and at the service. */
export const chunks: readonly Case[] = [
  ...each('A12', malformed, (body) => ({
    note: visible(body),
    bytes: begun + body,
    expect: brokenOff(),
  })),
  ...each('A12-later', malformed, (body) => ({
    note: `${visible(body)}, when the header section has gone on already`,
    bytes: [begun, body],
    expect: brokenOff(),
  })),
  ...each(
    'A12',
    {
      plain: '5\r\nhello\r\n0\r\n\r\n',
      'two-chunks': '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n',
      'leading-zeros': '0000005\r\nhello\r\n00\r\n\r\n',
      extension: '5;a\r\nhello\r\n0\r\n\r\n',
      'extension-value': '5;a=b\r\nhello\r\n0;c=d\r\n\r\n',
      'extension-quoted': '5;a="b c"\r\nhello\r\n0\r\n\r\n',
      'extension-quoted-semicolon': '5;a="b;c"\r\nhello\r\n0\r\n\r\n',
    },
    (body) => ({
      note: `${visible(body)}: sound, and written anew without extensions`,
      bytes: begun + body,
      expect: { ...served('POST /public/x|hello'), has: ['transfer-encoding: chunked'] },
    }),
  ),
  ...each('A12', { 'capital-digits': 'A', 'small-digits': 'a' }, (digits) => ({
    note: `a size of ${digits}`,
    bytes: `${begun}${digits}\r\nhellohello\r\n0\r\n\r\n`,
    expect: served('POST /public/x|hellohello'),
  })),
  one({
    id: 'A12.next-request-behind',
    note: 'a request right behind the last chunk is decided on its own',
    bytes: `${begun}5\r\nhello\r\n0\r\n\r\n${get('/app/x')}`,
    expect: { statuses: [200, 401], kept: true, seen: ['POST /public/x|hello'] },
  }),
  one({
    id: 'A12.in-single-bytes',
    note: 'the same in pieces that end anywhere',
    bytes: [begun.slice(0, 30), begun.slice(30), '5', '\r', '\nhel', 'lo\r', '\n0\r\n', '\r\n'],
    expect: served('POST /public/x|hello'),
  }),
]

/** What we hold of a disagreement. */
export interface Judgement {
  readonly title: string
  /** Who reads the request as the specification says. */
  readonly right: string
  readonly section: string
  /** Why ours is as it is. */
  readonly why: string
  /** Cases by id; a star at the end stands for every rest. */
  readonly ids: readonly string[]
}

export const judgements: readonly Judgement[] = [
  {
    title: 'A length beside a transfer coding',
    right: 'Proofgate and nginx; the others are allowed to',
    section: 'RFC 9112 6.1 and 6.3',
    why: 'A server may drop the length and go on, but then the next proxy may read the other one. Such a message is an attempt at smuggling, so it is refused and the connection ended.',
    ids: ['A01.*', 'A11.chunked-and-length'],
  },
  {
    title: 'Lengths that are repeated, or missing their digits',
    right: 'all may; Caddy is wrong about the empty ones',
    section: 'RFC 9112 6.3 item 5, RFC 9110 8.6',
    why: 'Equal lengths may be folded into one or refused. We refuse: nobody who means well sends two.',
    ids: ['A02.twice-the-same', 'A02.three', 'A02.list-of-one-value', 'A02.empty', 'A02.blank'],
  },
  {
    title: 'Tabs around a value that frames the message',
    right: 'HAProxy and Caddy',
    section: 'RFC 9110 5.6.3',
    why: 'Blanks and tabs around a value are the same, but nginx and the parser of Node.js do not hold to that everywhere. A line on which readers differ about the end of a message is refused; nobody who means well writes a tab there.',
    ids: ['A02.tab*', 'A08.trailing-tab', 'A08.chunked-behind-tab'],
  },
  {
    title: 'Transfer codings with something empty in the list',
    right: 'Proofgate',
    section: 'RFC 9112 6.1',
    why: 'Only the exact value `chunked` passes, and it is written anew.',
    ids: ['A08.trailing-comma'],
  },
  {
    title: 'Other spellings of framing lines',
    right: 'all; ours is careful',
    section: 'RFC 9110 5.1',
    why: '`Transfer_Encoding` is no transfer coding, but services that fold names may take it for one, so it ends here. nginx drops such names as well.',
    ids: ['A08.*-alias', 'A08.alias-with-a-body-behind'],
  },
  {
    title: 'Transfer codings in HTTP/1.0',
    right: 'Proofgate and nginx',
    section: 'RFC 9112 6.1',
    why: 'HTTP/1.0 knows no transfer codings; a message with one has to count as badly framed.',
    ids: ['A11.chunked', 'A11.chunked-keep-alive'],
  },
  {
    title: 'Chunks that are not by the grammar',
    right: 'Proofgate',
    section: 'RFC 9112 7.1',
    why: 'A bare line feed behind a size or a chunk, control characters and missing names in extensions: what one reader forgives, another reads as data. They end the request, here and at the service.',
    ids: [
      'A12*.bare-line-feed',
      'A12*.two-carriage-returns',
      'A12*.data-too-short',
      'A12*.data-ends-in-line-feed',
      'A12*.last-chunk-*',
      'A12*.negative-after-data',
      'A12*.extension-carriage-return',
      'A12*.extension-two-carriage-returns',
      'A12*.extension-nul',
      'A12*.extension-control',
      'A12*.extension-name-missing',
      'A12*.extension-open-quote',
      'A12*.extension-high-byte',
    ],
  },
  {
    title: 'Blanks behind a chunk size',
    right:
      'the others where an extension follows (bad whitespace has to be read); Proofgate where none does',
    section: 'RFC 9112 7.1.1',
    why: 'A recipient that forgives them reads a size where the next may read none. No sender of today writes such blanks.',
    ids: ['A12*.trailing-blank', 'A12*.trailing-tab', 'A12*.extension-blank-before'],
  },
  {
    title: 'Chunk extensions of 100 kB, or that name nothing',
    right: 'all; a recipient should limit them, and ignores what it does not know',
    section: 'RFC 9112 7.1.1',
    why: 'Extensions are bounded and never passed on.',
    ids: ['A12*.extension-of-100-kb', 'A12*.extension-only-value'],
  },
  {
    title: 'Header lines that are none',
    right: 'Proofgate',
    section: 'RFC 9112 5 and 5.1, RFC 9110 5.1',
    why: 'nginx drops lines whose names are no tokens and goes on, Caddy reads a line without a name, HAProxy passes some of them. A line that two readers see differently ends the request here.',
    ids: [
      'A06.no-colon',
      'A06.no-name',
      'A06.only-colon',
      'A06.high-byte-in-name',
      'A06.delimiter-*',
      'A06.carriage-return-before-line',
    ],
  },
  {
    title: 'Folded lines',
    right: 'all may',
    section: 'RFC 9112 5.2',
    why: 'A server refuses them or replaces the fold by a blank. We refuse.',
    ids: ['A06.folded-*'],
  },
  {
    title: 'Control characters in values and hosts',
    right: 'Proofgate and Caddy',
    section: 'RFC 9110 5.5',
    why: 'CR, LF and NUL are dangerous and the other control characters are no part of a value. The others pass some of them to the service.',
    ids: [
      'A06.nul-in-value',
      'A06.bell-in-value',
      'A06.escape-in-value',
      'A06.vertical-tab-in-value',
      'A06.delete-in-value',
      'C16.nul',
    ],
  },
  {
    title: 'Bare line feeds between lines',
    right: 'all may',
    section: 'RFC 9112 2.2',
    why: 'A recipient may take a bare line feed for the end of a line. Ours does not, before a request either, and that closes a way to smuggle.',
    ids: [
      'A06.line-feed-in-value',
      'A06.line-feeds-only',
      'A06.line-feed-a*',
      'A06.line-feed-in-front',
    ],
  },
  {
    title: 'Blanks and tabs in the request line',
    right: 'all may',
    section: 'RFC 9112 3',
    why: 'A recipient may part the request line at any whitespace; then it is open where the target ends. One blank stands between two words here, and nothing else.',
    ids: [
      'A06.tab-after-method',
      'A06.tab-before-version',
      'A06.blank-after-version',
      'A06.two-blanks-*',
    ],
  },
  {
    title: 'Empty lines before a request',
    right: 'Proofgate, nginx and HAProxy',
    section: 'RFC 9112 2.2',
    why: 'A server should ignore at least one.',
    ids: ['A06.empty-line*'],
  },
  {
    title: 'Versions',
    right: 'Proofgate, except for HTTP/1.2, which should be served as HTTP/1.1',
    section: 'RFC 9110 2.5 and 6.2, RFC 9112 2.3',
    why: 'Only HTTP/1.0 and HTTP/1.1 are read: nobody speaks an HTTP/1.2, and what else looks like a version is another protocol.',
    ids: [
      'A11.http-2.0',
      'A11.http-0.9',
      'A11.http-1.2',
      'A11.http-1.10',
      'A11.http-1.01',
      'A11.rtsp-*',
    ],
  },
  {
    title: 'Dots in paths',
    right: 'all may; only Proofgate never forwards another path than it decided on',
    section: 'RFC 3986 5.2.4 and 6.2.2.3',
    why: 'nginx and Caddy decide on the path without the dots and forward it with them; HAProxy decides on what is written, so `/public/../admin/x` is public. We refuse dots in every spelling.',
    ids: ['C01.*', 'A34.refused-first'],
  },
  {
    title: 'Slashes and backslashes, encoded or not',
    right: 'all may; ours is careful',
    section: 'RFC 3986 2.2 and 3.3',
    why: 'An encoded slash is data and no separator, until a service decodes it. Backslashes are no part of a path and separators to some services.',
    ids: ['C02.*'],
  },
  {
    title: 'Parameters in segments of a path',
    right: 'all may; ours is careful',
    section: 'RFC 3986 3.3',
    why: 'Servlet containers cut `;x` off, and `..;` becomes `..`. A parameter on an empty or dot segment is refused, on a name it is part of the name. An encoded semicolon is no parameter.',
    ids: ['C03.*'],
  },
  {
    title: 'Empty segments',
    right: 'all may; ours is careful',
    section: 'RFC 3986 3.3',
    why: 'nginx and Caddy decide with the slashes merged and forward them as they are. We refuse.',
    ids: ['C04.*'],
  },
  {
    title: 'Characters and escapes that may not stand in a path',
    right: 'Proofgate; encoded control characters may be passed',
    section: 'RFC 3986 2.1 and 3.3, RFC 9112 3.2',
    why: 'A recipient should refuse an invalid target with 400 and not repair it (RFC 9112 3). Encoded control characters are valid but have no use in a path and break logs and services.',
    ids: [
      'C05.encoded-nul',
      'C05.encoded-line-feed',
      'C05.encoded-carriage-return',
      'C05.encoded-tab',
      'C05.encoded-delete',
      'C05.half-an-escape',
      'C05.no-escape',
      'C05.wrong-escape',
      'C05.high-byte',
      'C05.utf-8',
      'C05.quote',
      'C05.angle-brackets',
      'C05.caret',
      'C05.backquote',
      'C05.bar',
      'C05.braces',
      'C05.brackets',
      'C05.fragment*',
      'C09.fragment-in-query',
      'C09.high-byte-in-query',
    ],
  },
  {
    title: 'Escapes that need not be',
    right: 'Proofgate',
    section: 'RFC 3986 6.2.2.1 and 6.2.2.2',
    why: 'Equal paths have one form here: unreserved characters decoded, other escapes in capitals. That form is decided on, forwarded and recorded.',
    ids: ['C05.encoded-unreserved', 'C05.escape-in-small-letters', 'C05.encoded-route'],
  },
  {
    title: 'An empty query',
    right: 'the others',
    section: 'RFC 3986 6.2.3',
    why: 'Normalizing should not remove the question mark. Ours is lost because a target holds its query without it; no service is known that tells the two apart.',
    ids: ['C09.empty-query'],
  },
  {
    title: 'A prefix with nothing behind it',
    right: 'all',
    section: 'no specification',
    why: 'A route `/public/{rest+}` needs at least one segment behind `/public/`; the prefixes of the others do not.',
    ids: ['C11.empty-rest'],
  },
  {
    title: 'Targets in absolute form',
    right: 'Proofgate; all must take the form, and the authority in it counts',
    section: 'RFC 9112 3.2.2, RFC 9110 4.2.4',
    why: 'We take it when it names the scheme and host of the request exactly, and refuse the rest: another port, a user name, another scheme.',
    ids: [
      'A23.of-*',
      'A23.with-*',
      'A23.without-*',
      'A23.https',
      'A23.capital-*',
      'A23.one-slash',
      'A23.twice',
    ],
  },
  {
    title: 'Long targets and header sections',
    right: 'all',
    section: 'RFC 9112 3, RFC 9110 5.4',
    why: 'Limits are our own: 8 KiB for a target, 16 KiB and 100 lines for a header section.',
    ids: ['A23.longest-target', 'A23.too-long-target', 'D14.*'],
  },
  {
    title: 'Two hosts',
    right: 'Proofgate, nginx and Caddy',
    section: 'RFC 9112 3.2',
    why: 'More than one line has to be refused, also when they are equal.',
    ids: ['A20.*'],
  },
  {
    title: 'Spellings of the host',
    right: 'all',
    section: 'RFC 9110 4.2.1 and 7.2, RFC 3986 3.2.3',
    why: 'For us the port belongs to the host, and one trailing dot does not; the others were set up by name and pass over ports, also ones that are none.',
    ids: [
      'C16.trailing-dot',
      'C16.default-port-and-dot',
      'C16.*-port',
      'C16.port-*',
      'C16.word-as-port',
      'C16.two-ports',
      'C16.comma*',
    ],
  },
  {
    title: 'Names that services believe',
    right: 'all; it is what a gateway is for',
    section: 'no specification',
    why: 'Identity, address, host and method of a caller come from the gateway alone, in whatever spelling. The others pass them on unless told otherwise, nginx without `_` and `.` in names.',
    ids: ['C16.x-*', 'C16.forwarded-host', 'D01.*', 'D02.*'],
  },
  {
    title: 'Lines that concern one hop, and those that Connection names',
    right: 'Proofgate and, for most, Caddy',
    section: 'RFC 9110 7.6.1 and 11.7',
    why: "An intermediary has to remove them. On routes that know their caller the caller's `Authorization` ends here as well.",
    ids: ['D03.*'],
  },
  {
    title: 'Two credentials, and lines that must be one',
    right: 'Proofgate',
    section: 'RFC 9110 5.3, RFC 9449 4.3, RFC 6265 5.4',
    why: "Which of two counts would be anybody's guess, so neither does.",
    ids: [
      'D09.two-*',
      'D09.list',
      'D09.list-of-tokens',
      'D09.content-type',
      'D09.cookie',
      'D09.expect',
    ],
  },
  {
    title: 'Schemes of credentials',
    right: 'Proofgate',
    section: 'RFC 9110 11.1',
    why: 'They are compared without case. The others were set up with a plain comparison.',
    ids: ['D09.lower-case-scheme'],
  },
  {
    title: 'Methods',
    right: 'all; unknown ones should be answered with 501',
    section: 'RFC 9110 9.1, 9.3.6, 9.3.8 and 15.6.2',
    why: 'Seven methods are served. Every other token is a method that we do not serve, in whatever spelling; TRACE and CONNECT are never forwarded.',
    ids: ['A25.*'],
  },
  {
    title: 'Upgrades',
    right: 'all may; a proxy has to remove the line',
    section: 'RFC 9110 7.8, RFC 6455 4.2.1',
    why: 'Only a WebSocket handshake on a route for it may change protocols. Everything else that asks for one is an ordinary request and the last of its connection, and nothing of it goes on.',
    ids: ['A27.*', 'A28.*'],
  },
  {
    title: 'Expectations',
    right: 'all may',
    section: 'RFC 9110 10.1.1',
    why: 'We answer `100-continue` ourselves, when the request is admitted, and refuse every other.',
    ids: ['A29.*'],
  },
  {
    title: 'Trailers',
    right: 'Proofgate; they may always be dropped, and some must not be merged',
    section: 'RFC 9110 6.5.1, RFC 9112 7.1.2',
    why: 'Trailers of a caller are passed on, apart from those that concern identity, framing or one hop. nginx and Caddy drop all of them and forgive malformed ones; HAProxy passes all of them, `X-Proofgate-User` among them.',
    ids: ['D15.*'],
  },
]

/** Every judgement on a case. */
export function judgementsOn(id: string): readonly Judgement[] {
  return judgements.filter(({ ids }) => ids.some((pattern) => matches(pattern, id)))
}

function matches(pattern: string, id: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  if (!id.startsWith(first)) return false
  let at = first.length
  for (const part of rest) {
    at = part === '' ? id.length : id.indexOf(part, at)
    if (at === -1) return false
    at += part.length
  }
  return at >= id.length
}

import { HeaderSection } from './header-section.ts'
import type { RecentSections } from './recent-sections.ts'
import { lowerName } from './names.ts'
import { isToken } from './alphabet.ts'

/** The first line of a request and what follows it up to the body. */
export interface RequestHead {
  readonly method: string
  /** As written: nothing but visible characters and bytes above ASCII. */
  readonly target: string
  readonly section: HeaderSection
}

const target = /^[\x21-\x7e\x80-\xff]+$/
/** Neither in a value nor at the end of a line. */
const notInSection = /[^\t\r\n\x20-\x7e\x80-\xff]|\r(?!\n)|(?<!\r)\n/

/**
 * Parses the head of a request (RFC 9112 3 and 5), refusing whatever two parsers could read in two ways: folded
 * lines, blanks before a colon, bare CR or LF, other versions.
 *
 * @param text - from the first line to the empty line, which ends it.
 * @param before - the section that came before on the same connection: the same text is not read again.
 * @param recent - those that came on other connections: the same.
 * @returns what is wrong, as text, if anything is.
 */
export function parseRequestHead(
  text: string,
  before: HeaderSection | undefined,
  recent?: RecentSections,
): RequestHead | string {
  const lineEnd = text.indexOf('\r\n')
  const methodEnd = text.indexOf(' ')
  const targetEnd = text.indexOf(' ', methodEnd + 1)
  // `HTTP/1.1` follows the second blank, and ends the line.
  if (methodEnd < 1 || targetEnd < 0 || targetEnd + 9 !== lineEnd) return 'malformed request line'
  const isCurrent = text.startsWith('HTTP/1.1', targetEnd + 1)
  if (!isCurrent && !text.startsWith('HTTP/1.0', targetEnd + 1)) return 'not an HTTP/1.x request'
  const method = text.slice(0, methodEnd)
  const asked = text.slice(methodEnd + 1, targetEnd)
  if (!isToken(method) || !target.test(asked)) return 'malformed request line'
  const block = text.slice(lineEnd + 2)
  if (before !== undefined && before.isCurrent === isCurrent && before.text === block) {
    before.recurs = true
    return { method, target: asked, section: before }
  }
  const section = parseSection(block, isCurrent, recent)
  return typeof section === 'string' ? section : { method, target: asked, section }
}

function parseSection(
  block: string,
  isCurrent: boolean,
  recent: RecentSections | undefined,
): HeaderSection | string {
  const known = recent?.find(block, isCurrent)
  const lines = known?.lines ?? parseLines(block)
  if (typeof lines === 'string') return lines
  const section = known ?? new HeaderSection(block, isCurrent, lines)
  recent?.keep(section)
  return section
}

/**
 * Parses field lines up to the empty line that ends them.
 *
 * @returns flat name, value pairs; or what is wrong, as text.
 */
export function parseLines(block: string): string[] | string {
  if (notInSection.test(block)) return 'a control character in a header'
  const lines: string[] = []
  let at = 0
  for (;;) {
    const end = block.indexOf('\r\n', at)
    if (end === at) return end + 2 === block.length ? lines : 'lines behind the last'
    const colon = block.indexOf(':', at)
    if (end < 0 || colon < 0 || colon > end) return 'malformed header line'
    const name = block.slice(at, colon)
    if (lowerName(name) === undefined) return 'malformed header name'
    lines.push(name, valueIn(block, colon + 1, end))
    at = end + 2
  }
}

/** Without the blanks around it (RFC 9110 5.5). */
function valueIn(block: string, start: number, end: number): string {
  let from = start
  let to = end
  while (from < to && isBlank(block.charCodeAt(from))) from++
  while (to > from && isBlank(block.charCodeAt(to - 1))) to--
  return block.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}

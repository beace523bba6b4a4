/**
 * The grammar of HTTP/1.1 (RFC 9112), strict: what two parsers could read in two ways is refused. Requests of
 * callers are parsed here; answers of services in `upstream`, by the same rules. Knows nothing of sockets.
 */
export { isFieldValue, isToken, tokenByte, valueByte } from './alphabet.ts'
export { ChunkedDecoder } from './chunked.ts'
export { HeaderSection, singularFields } from './header-section.ts'
export { lowerName, NameMemory } from './names.ts'
export { RecentSections } from './recent-sections.ts'
export { parseLines, parseRequestHead } from './request-head.ts'
export type { RequestHead } from './request-head.ts'
export { RequestParser } from './request-parser.ts'
export type { RequestEvents } from './request-parser.ts'
export { belongsInTrailers, encodeTrailers } from './trailers.ts'

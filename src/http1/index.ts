/**
 * The grammar of HTTP/1.1 (RFC 9112), strict: what two parsers could read in two ways is refused. Knows nothing
 * of sockets.
 */
export { isFieldValue, isToken, tokenByte, valueByte } from './alphabet.ts'
export { ChunkedDecoder } from './chunked.ts'
export { NameMemory } from './names.ts'
export { belongsInTrailers, encodeTrailers } from './trailers.ts'

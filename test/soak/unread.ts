/**
 * The connection was closed under a request, before the first byte of an answer, and had carried others before:
 * it may have been closed while the request was on its way to it (RFC 9112 9.3.1). The records tell whether the
 * gateway had read it.
 */
export class UnreadError extends Error {}

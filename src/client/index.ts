/**
 * The client half of the command line: signing in to an issuer, keeping what it gives, and calling APIs
 * with it. Guarantees that tokens are bound to a key of this machine (RFC 9449), go nowhere but to their
 * API and issuer, over https or loopback only, and that processes side by side never use one refresh token
 * twice. Speaks RFC 8252 with PKCE and `iss`, RFC 8628, RFC 7009, RFC 8707 and RFC 9728. It decides nothing:
 * the issuer and the gateway do.
 */
export { registerClientCommands } from './register.ts'

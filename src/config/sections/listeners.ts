import type { Draft } from '../draft.ts'
import type { Configuration } from '../model.ts'
import { readAmount, readFlag } from '../scalars.ts'
import type { PolicyFiles } from './access/documents.ts'
import { resolveTls } from './tls.ts'

/** Addresses and ports, and what connections to the public listener begin with. */
export function resolveListeners(draft: Draft, files: PolicyFiles): Configuration['listeners'] {
  const { public: open, admin } = draft.shape.listeners
  return {
    public: {
      address: open.address,
      port: readAmount(open.port),
      tls: resolveTls(draft, files),
      proxyProtocol: open.proxyProtocol,
      h2c: resolveH2c(draft),
      halfClose: readFlag(open.halfClose),
    },
    admin: { address: admin.address, port: readAmount(admin.port) },
  }
}

/** With TLS the handshake says which protocol it is, and nothing without it is read at this port. */
function resolveH2c(draft: Draft): boolean {
  const { h2c, tls } = draft.shape.listeners.public
  const wanted = readFlag(h2c)
  if (wanted && tls !== undefined) {
    draft.report(['listeners', 'public', 'h2c'], {
      code: 'config.h2c-tls',
      message: 'found `h2c` at a listener with TLS, expected one of them',
      hint: 'Remove `h2c`: with TLS, HTTP/2 is offered to every caller.',
    })
  }
  return wanted
}

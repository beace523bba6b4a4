import type { Draft } from '../draft.ts'
import type { Configuration } from '../model.ts'
import { readAmount } from '../scalars.ts'
import type { PolicyFiles } from './policies.ts'
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
    },
    admin: { address: admin.address, port: readAmount(admin.port) },
  }
}

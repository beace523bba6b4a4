import type { Provider } from 'oidc-provider'
import type { IssuerParts, IssuerSettings } from './issuer.ts'

/** The provider of one configuration, built when it is first asked for; a failure is tried again then. */
export type Issuer = () => Promise<Provider>

/**
 * The issuer for one configuration. Its library is loaded for the first request that needs it: that takes as
 * long as loading all the rest and a quarter of the memory, which a process that nobody signs in at saves.
 */
export function issuerOnDemand(settings: () => IssuerSettings, parts: IssuerParts): Issuer {
  let built: Promise<Provider> | undefined
  const build = async (): Promise<Provider> => {
    const { createIssuer } = await import('./issuer.ts')
    return createIssuer(settings(), parts)
  }
  return () => {
    built ??= build().catch((error: unknown) => {
      built = undefined
      throw error
    })
    return built
  }
}

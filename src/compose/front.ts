import type { Configuration, ConfiguredTls } from '../config/index.ts'
import { trustedProxies } from '../gateway/index.ts'
import type { FrontSettings } from '../listener/index.ts'

/** What connections begin with; `undefined` when it is HTTP at once. */
export function frontOf(
  configuration: Configuration,
): Pick<FrontSettings, 'isProxy' | 'tls' | 'h2c'> | undefined {
  const { tls, proxyProtocol, h2c } = configuration.listeners.public
  if (tls === undefined && proxyProtocol === undefined && !h2c) return undefined
  return { tls, h2c, isProxy: trustedProxies(proxyProtocol?.from ?? []) }
}

export function isSameTls(one: ConfiguredTls, other: ConfiguredTls): boolean {
  return material(one) === material(other)
}

/** Everything TLS depends on as one text; for comparing only, because keys are in it. */
function material(tls: ConfiguredTls): string {
  const keys = tls.certificates.map(({ key }) => key.reveal())
  return JSON.stringify([tls, keys])
}

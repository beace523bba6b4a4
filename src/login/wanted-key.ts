import type { WantedKey } from '../pages/index.ts'
import { authenticatorName } from '../webauthn/index.ts'
import type { AuthenticatorPolicy, AuthenticatorRules } from './authenticator-rules.ts'

const noStatement = { chain: [], namesModel: false, weakness: undefined } as const

/** Which new passkey would be kept, as a page says it before the touch and after a refusal. */
export function wantedKey(
  { modelOf }: Pick<AuthenticatorPolicy, 'modelOf'>,
  rules: AuthenticatorRules,
): WantedKey {
  const named = (aaguid: string): string =>
    authenticatorName(aaguid) ?? modelOf(aaguid, noStatement)?.description ?? aaguid
  return {
    kind: rules.allow,
    lists: rules.models.allow.map(({ aaguids, makers }) => ({
      models: [...new Set(aaguids.filter((one) => !isDenied(rules, one)).map(named))],
      makers,
    })),
    certification: rules.certification,
    own: rules.serials !== undefined,
  }
}

function isDenied({ models }: AuthenticatorRules, aaguid: string): boolean {
  return models.deny.aaguids.includes(aaguid)
}

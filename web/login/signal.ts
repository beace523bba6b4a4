/** What a browser is told of the passkeys an account has. */
import type { Answer } from './passkey.ts'

/**
 * Tells the keepers of passkeys what is left and who it belongs to (WebAuthn L3 5.1.10). It is a
 * courtesy: a browser that cannot or will not changes nothing.
 */
export async function signal(facts: Answer['signal']): Promise<void> {
  if (facts === undefined) return
  const { rpId, userHandle: userId, credentialIds } = facts
  const person = document.getElementById('person')?.dataset
  try {
    const allAcceptedCredentialIds = [...credentialIds]
    await PublicKeyCredential.signalAllAcceptedCredentials({
      rpId,
      userId,
      allAcceptedCredentialIds,
    })
    if (person === undefined) return
    const { username: name = '', name: displayName = '' } = person
    await PublicKeyCredential.signalCurrentUserDetails({ rpId, userId, name, displayName })
  } catch {
    // The account is changed either way.
  }
}

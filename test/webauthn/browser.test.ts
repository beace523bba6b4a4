import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'

import {
  parseAuthenticationResponse,
  parseRegistrationResponse,
  verifyAuthentication,
  verifyRegistration,
} from '../../src/webauthn/index.ts'
import type { CoseAlgorithm, ExpectedCeremony } from '../../src/webauthn/index.ts'
import { withBrowser } from '../kit/browser.ts'
import {
  accepted,
  expectedFor,
  newCreationOptions,
  newRequestOptions,
  userHandle,
} from './fixture.ts'

/** What the virtual authenticator of Chromium knows; it refuses ML-DSA. */
const algorithms: readonly CoseAlgorithm[] = [-7, -8, -257]

// What runs in the page; names of the browser that the server's types do not know.
const createInPage = `(options) => navigator.credentials
  .create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
  .then((credential) => credential.toJSON())`
const getInPage = `(options) => navigator.credentials
  .get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) })
  .then((credential) => credential.toJSON())`

test('a real browser registers and signs in with our options, every algorithm it knows and both formats', async () => {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end('<!doctype html><title>ceremony</title>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const origin = `http://auth.proofgate.localhost:${port}`
  const expected = (challenge: string): ExpectedCeremony =>
    expectedFor(challenge, { origins: [origin] })
  try {
    await withBrowser(async (kit) => {
      const persona = await kit.newPersona()
      await persona.page.goto(origin)
      const run = (script: string, options: unknown): Promise<unknown> =>
        persona.page.evaluate(`(${script})(${JSON.stringify(options)})`)
      for (const algorithm of algorithms) {
        for (const attestation of ['none', 'direct']) {
          const creation = newCreationOptions([algorithm])
          const created = await run(createInPage, { ...creation, attestation })
          const registration = parseRegistrationResponse(created)
          accepted(registration)
          const verified = verifyRegistration(registration, expected(creation.challenge))
          accepted(verified)
          assert.equal(verified.algorithm, algorithm)
          assert.equal(verified.attestationFormat, attestation === 'none' ? 'none' : 'packed')
          assert.equal(verified.discoverable, true)

          const request = newRequestOptions([verified.credentialId])
          const assertion = parseAuthenticationResponse(await run(getInPage, request))
          accepted(assertion)
          const found = verifyAuthentication(
            assertion,
            expected(request.challenge),
            { ...verified, userHandle },
            { allowCredentials: [verified.credentialId] },
          )
          accepted(found)
          assert.equal(found.userVerified, true)
          assert.equal(found.cloneSuspected, false)
        }
      }
      await persona.close()
    })
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

import assert from 'node:assert/strict'
import test from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { manualClock, millis } from '../../src/core/index.ts'
import { IssuerKeys } from '../../src/token/index.ts'
import { selfSigned } from './certificate.ts'
import { p256 } from './forge.ts'
import { discoveryPath, json, jwkOf, keysPath, startIssuer } from './issuer-server.ts'

const keys = [jwkOf(p256().publicKey, { kid: 'k' })]

const openKeys = (issuer: string, allowHttp: boolean) =>
  new IssuerKeys({
    issuer,
    clock: manualClock(),
    allowHttp,
    isForbiddenAddress: () => false,
    timeout: millis(20_000),
    refreshAfter: millis(600_000),
    staleAfter: millis(7_200_000),
  })

test('an https issuer is believed only with a trusted certificate', async (t) => {
  const certificate = selfSigned()
  const { issuer, requests } = await startIssuer(t, keys, certificate)
  for (const allowHttp of [false, true]) {
    await assert.rejects(async () => openKeys(issuer, allowHttp).find('k', 'ES256'), {
      code: 'token.issuer_unreachable',
    })
  }
  assert.deepEqual(requests, [])
  const trusted = getCACertificates('default')
  setDefaultCACertificates([...trusted, certificate.cert])
  t.after(() => setDefaultCACertificates(trusted))
  assert.notEqual(await openKeys(issuer, false).find('k', 'ES256'), undefined)
})

test('Q08: an https issuer cannot hand its keys over to http, even where http is allowed', async (t) => {
  const certificate = selfSigned()
  const secure = await startIssuer(t, keys, certificate)
  const plain = await startIssuer(t, keys)
  const trusted = getCACertificates('default')
  setDefaultCACertificates([...trusted, certificate.cert])
  t.after(() => setDefaultCACertificates(trusted))
  const document = { issuer: secure.issuer, jwks_uri: `${plain.issuer}${keysPath}` }
  secure.answers.set(discoveryPath, json(document))
  await assert.rejects(async () => openKeys(secure.issuer, true).find('k', 'ES256'), /only https/)
  assert.deepEqual(secure.requests, [discoveryPath])
  assert.deepEqual(plain.requests, [])
})

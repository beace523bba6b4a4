import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { contextOf } from '../../src/gateway/caller/context.ts'
import type { ContextCall } from '../../src/gateway/caller/context.ts'
import type { PrincipalFacts } from '../../src/gateway/caller/principal.ts'
import { ageless } from '../../src/identity/index.ts'
import { nobody } from '../../src/policy/index.ts'

const principal: PrincipalFacts = {
  kind: 'person',
  key: 'p-1',
  issuer: 'http://auth',
  subject: 'p-1',
  username: 'alice',
  groups: ['admins'],
  session: 's-1',
  clientId: 'cli',
  acr: 'phr',
  amr: ['pop', 'mfa'],
  authTime: 1_700_000_000_000,
  provedAt: 1_700_000_000_000,
  credential: 'c-1',
  tokenId: 't-1',
  issuedAt: 1_700_000_001_000,
  expiresAt: 1_700_000_301_000,
  scopes: ['invoke'],
  openedAt: undefined,
  registeredAt: undefined,
  transports: [],
  claims: { uv: 'true', be: 7, aaguid: 'a' },
  tags: new Map([['team', 'payments']]),
  names: nobody,
}

function look(
  key: string,
  more: Partial<PrincipalFacts> = {},
  headers: Record<string, string> = {},
  peer: ContextCall['incoming']['peer'] = {},
): string | readonly string[] | undefined {
  const call: ContextCall = {
    incoming: {
      address: '203.0.113.1',
      receivedAt: 1_700_000_060_500,
      request: { headers, rawHeaders: Object.entries(headers).flat() },
      peer,
    },
    api: { secure: false, region: 'local', ageing: ageless },
    route: { conditions: undefined, authorizer: { kind: 'open' } },
    target: { query: '' },
  }
  return contextOf(call, { ...principal, ...more })(key)
}

describe('what conditions can see of a client certificate', () => {
  const certificate = {
    subject: 'CN=alice,O=Example',
    issuer: 'CN=Example CA',
    alternativeNames: ['URI:spiffe://example/alice', 'email:alice@example.com'],
    fingerprint: 'ab'.repeat(32),
    thumbprint: 'q'.repeat(43),
    serial: '0a1b',
  }
  const seen = (key: string): ReturnType<typeof look> => look(key, {}, {}, { certificate })

  it('is what it says, once it was verified', () => {
    assert.equal(seen('proofgate:clientcertificateverified'), 'true')
    assert.equal(seen('proofgate:clientcertificatesubject'), certificate.subject)
    assert.equal(seen('proofgate:clientcertificateissuer'), certificate.issuer)
    assert.deepEqual(seen('proofgate:clientcertificatesan'), certificate.alternativeNames)
    assert.equal(seen('proofgate:clientcertificatefingerprint'), certificate.fingerprint)
    assert.equal(seen('proofgate:clientcertificateserial'), certificate.serial)
  })

  it('is that there is none, and nothing else, without one', () => {
    assert.equal(look('proofgate:clientcertificateverified'), 'false')
    for (const part of ['subject', 'issuer', 'san', 'fingerprint', 'serial']) {
      assert.equal(look(`proofgate:clientcertificate${part}`), undefined, part)
    }
  })

  it('is nothing that a header could say', () => {
    const headers = { 'x-forwarded-client-cert': 'Subject="CN=alice"', 'client-cert': ':MII=:' }
    assert.equal(look('proofgate:clientcertificateverified', {}, headers), 'false')
  })
})

describe('what conditions can see of a request', () => {
  it('is what the gateway knows, in the text form of IAM', () => {
    for (const [key, value] of [
      ['aws:sourceip', '203.0.113.1'],
      ['aws:currenttime', '2023-11-14T22:14:20.500Z'],
      ['aws:epochtime', '1700000060'],
      ['aws:securetransport', 'false'],
      ['aws:username', 'alice'],
      ['aws:userid', 'p-1'],
      ['aws:principaltype', 'User'],
      ['aws:tokenissuetime', '2023-11-14T22:13:21.000Z'],
      ['aws:multifactorauthpresent', 'true'],
      ['aws:multifactorauthage', '60'],
      ['proofgate:authage', '60'],
      ['proofgate:userverified', 'true'],
      ['proofgate:credentialid', 'c-1'],
    ] as const) {
      assert.equal(look(key), value, key)
    }
    assert.deepEqual(look('proofgate:group'), ['admins'])
    assert.deepEqual(look('proofgate:scope'), ['invoke'])
  })

  it('is missing, not empty, where nothing is known', () => {
    assert.equal(look('aws:useragent'), undefined)
    assert.equal(look('aws:username', { username: undefined }), undefined)
    assert.equal(look('aws:multifactorauthage', { authTime: undefined }), undefined)
    assert.equal(look('proofgate:backupeligible'), undefined, 'a claim that is no text')
    for (const key of ['aws:nothing', '__proto__', 'constructor', '', 'aws:SourceIp']) {
      assert.equal(look(key), undefined, key)
    }
  })

  it('takes no address, name or group from a header', () => {
    const headers = {
      'x-forwarded-for': '10.0.0.1',
      'x-proofgate-user': 'bob',
      'x-amz-date': 'x',
      'user-agent': 'agent',
    }
    assert.equal(look('aws:sourceip', {}, headers), '203.0.113.1')
    assert.equal(look('aws:username', {}, headers), 'alice')
    assert.equal(look('aws:useragent', {}, headers), 'agent')
  })

  it('is no, not missing, where the answer would be good news', () => {
    assert.equal(look('proofgate:acr', { acr: undefined }), 'none')
    assert.equal(look('proofgate:userverified', { claims: {} }), 'false')
    assert.equal(look('proofgate:aaguid', { claims: { aaguid: 7 } }), 'none')
  })

  it('never counts the age of a proof below zero', () => {
    assert.equal(look('proofgate:authage', { authTime: 1_700_000_099_000 }), '0')
  })

  it('says of nobody that they used more than one factor', () => {
    const nobody = { kind: 'anonymous', amr: [], authTime: undefined } as const
    assert.equal(look('aws:multifactorauthpresent', nobody), 'false')
    assert.equal(look('aws:principaltype', nobody), 'Anonymous')
  })
})

describe('what conditions can see of a proof of the request', () => {
  const call = (proof?: ContextCall['proof']): ContextCall => ({
    incoming: {
      address: '203.0.113.1',
      receivedAt: 1_700_000_060_500,
      request: { headers: {}, rawHeaders: [] },
      peer: {},
    },
    api: { secure: false, region: 'local', ageing: ageless },
    route: { conditions: undefined, authorizer: { kind: 'open' } },
    target: { query: '' },
    proof,
  })

  it('is who approved it and when', () => {
    const proof = {
      touchedAt: 1_700_000_050_000,
      approvedBy: ['bob'],
      approvedByGroups: ['ops', 'leads'],
    }
    const seen = contextOf(call(proof), principal)
    assert.equal(seen('proofgate:proofboundtorequest'), 'true')
    assert.equal(seen('proofgate:proofage'), '10')
    assert.deepEqual(seen('proofgate:approvedby'), ['bob'])
    assert.deepEqual(seen('proofgate:approvedbygroup'), ['ops', 'leads'])
    assert.equal(
      contextOf(call({ ...proof, touchedAt: 1_800_000_000_000 }), principal)('proofgate:proofage'),
      '0',
    )
  })

  it('is that there is none without one, however fresh the sign-in', () => {
    const seen = contextOf(call(), principal)
    assert.equal(seen('proofgate:proofboundtorequest'), 'false')
    assert.equal(seen('proofgate:proofage'), '60')
    assert.equal(seen('proofgate:approvedby'), undefined)
    assert.equal(seen('proofgate:approvedbygroup'), undefined)
  })
})

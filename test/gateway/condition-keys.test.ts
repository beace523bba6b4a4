import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { contextOf, readKeys } from '../../src/gateway/caller/context.ts'
import type { ContextCall } from '../../src/gateway/caller/context.ts'
import type { PrincipalFacts } from '../../src/gateway/caller/principal.ts'
import { millis } from '../../src/core/index.ts'
import { ageless } from '../../src/identity/index.ts'
import type { Ageing } from '../../src/identity/index.ts'
import { contextKeys, nobody } from '../../src/policy/index.ts'

type Fact = string | readonly string[] | undefined

const now = 1_700_000_060_500

const person: PrincipalFacts = {
  kind: 'person',
  key: 'p-1',
  issuer: 'http://auth',
  subject: 'p-1',
  username: 'alice',
  groups: ['admins', 'staff'],
  session: 's-1',
  clientId: 'cli',
  acr: 'phrh',
  amr: ['pop', 'user', 'hwk', 'mfa'],
  authTime: 1_700_000_000_000,
  provedAt: 1_700_000_000_000,
  credential: 'c-1',
  tokenId: 't-1',
  issuedAt: 1_700_000_001_000,
  expiresAt: 1_700_000_301_000,
  scopes: ['invoke', 'openid'],
  openedAt: 1_699_999_960_000,
  registeredAt: 1_600_000_060_000,
  transports: ['usb', 'nfc'],
  claims: {
    uv: 'true',
    be: 'false',
    bs: 'false',
    aaguid: '2fc0579f-8113-47ea-b116-bb5a8db9202a',
    attestation: 'packed',
    attestation_trusted: 'true',
    certification: 'L2+',
  },
  tags: new Map([['team', 'payments']]),
  names: {
    arn: 'arn:aws:iam::000000000000:user/alice',
    role: undefined,
    account: '000000000000',
    federated: undefined,
  },
}

/** Says of itself whatever a person of ours could say, which is worth nothing here. */
const external: PrincipalFacts = {
  ...person,
  kind: 'external',
  key: 'https://idp.example|u-1',
  issuer: 'https://idp.example',
  subject: 'u-1',
  groups: [],
  session: undefined,
  clientId: undefined,
  acr: undefined,
  amr: [],
  authTime: undefined,
  provedAt: undefined,
  credential: undefined,
  scopes: [],
  openedAt: undefined,
  registeredAt: undefined,
  transports: [],
  claims: {
    ...person.claims,
    department: 'payments',
    level: 7,
    manager: true,
    roles: ['a', 2, false],
    none: [],
    nothing: null,
    address: { country: 'CH' },
    mixed: ['a', {}],
  },
  tags: new Map(),
  names: {
    arn: 'arn:aws:sts::000000000000:federated-user/alice',
    role: undefined,
    account: '000000000000',
    federated: 'https://idp.example',
  },
}

const anonymous: PrincipalFacts = {
  ...external,
  kind: 'anonymous',
  subject: 'anonymous',
  username: undefined,
  issuedAt: undefined,
  claims: {},
  names: nobody,
}

const certificate = {
  subject: 'CN=alice',
  issuer: 'CN=Example CA',
  alternativeNames: ['DNS:alice.example'],
  fingerprint: 'ab'.repeat(32),
  thumbprint: 'q'.repeat(43),
  serial: '0a',
}

const day = 86_400_000

interface Request {
  /** Flat name, value pairs. */
  readonly lines?: readonly string[]
  readonly query?: string
  readonly hasCertificate?: boolean
  readonly ageing?: Ageing
}

const claims = ['department', 'level', 'manager', 'roles', 'none', 'nothing', 'address', 'mixed']

function look(key: string, principal: PrincipalFacts, request: Request = {}): Fact {
  const { lines = [], query = '', hasCertificate = false, ageing = ageless } = request
  const headers: Record<string, string> = {}
  for (let at = 0; at < lines.length; at += 2) headers[lines[at]!.toLowerCase()] ??= lines[at + 1]!
  const call: ContextCall = {
    incoming: {
      address: '203.0.113.1',
      receivedAt: now,
      request: { headers, rawHeaders: lines },
      peer: hasCertificate ? { certificate } : {},
    },
    api: { secure: true, region: 'local', ageing },
    route: {
      conditions: {
        tags: new Map([['proofgate:routetag/sensitivity', 'low']]),
        headers: new Map([['proofgate:header/x-tenant', 'x-tenant']]),
        parameters: new Map([['proofgate:query/status', 'status']]),
      },
      authorizer: {
        kind: 'issuer',
        issuer: 'https://id.example',
        realm: { account: '000000000000', namespace: undefined },
        name: 'idp',
        claims: new Map(claims.map((claim) => [`idp:${claim}`, claim])),
      },
    },
    target: { query },
  }
  return contextOf(call, principal)(key.toLowerCase())
}

/** What each kind of caller's request says, of a request with everything and of one with nothing. */
const table: Readonly<Record<string, readonly [person: Fact, external: Fact, anonymous: Fact]>> = {
  'aws:SourceIp': ['203.0.113.1', '203.0.113.1', '203.0.113.1'],
  'aws:CurrentTime': everywhere('2023-11-14T22:14:20.500Z'),
  'aws:EpochTime': everywhere('1700000060'),
  'aws:SecureTransport': everywhere('true'),
  'aws:RequestedRegion': everywhere('local'),
  'aws:UserAgent': everywhere(undefined),
  'aws:Referer': everywhere(undefined),
  'aws:PrincipalType': ['User', 'FederatedUser', 'Anonymous'],
  'aws:PrincipalArn': [person.names.arn, external.names.arn, undefined],
  'aws:userid': ['p-1', 'u-1', 'anonymous'],
  'aws:username': ['alice', undefined, undefined],
  'proofgate:Group': [['admins', 'staff'], [], []],
  'proofgate:ClientId': ['cli', undefined, undefined],
  'proofgate:Scope': [['invoke', 'openid'], [], []],
  'aws:TokenIssueTime': ['2023-11-14T22:13:21.000Z', '2023-11-14T22:13:21.000Z', undefined],
  'aws:MultiFactorAuthPresent': ['true', 'false', 'false'],
  'aws:MultiFactorAuthAge': ['60', undefined, undefined],
  'proofgate:Acr': ['phrh', 'none', 'none'],
  'proofgate:Amr': [['pop', 'user', 'hwk', 'mfa'], [], []],
  'proofgate:AuthAge': ['60', undefined, undefined],
  'proofgate:SessionId': ['s-1', undefined, undefined],
  'proofgate:SessionAge': ['100', undefined, undefined],
  'proofgate:UserVerified': ['true', 'false', 'false'],
  'proofgate:Aaguid': ['2fc0579f-8113-47ea-b116-bb5a8db9202a', 'none', 'none'],
  'proofgate:AttestationTrusted': ['true', 'false', 'false'],
  'proofgate:AttestationType': ['packed', 'none', 'none'],
  'proofgate:CertificationLevel': ['L2+', 'none', 'none'],
  'proofgate:BackupEligible': ['false', undefined, undefined],
  'proofgate:BackupState': ['false', undefined, undefined],
  'proofgate:CredentialAge': ['100000000', undefined, undefined],
  'proofgate:CredentialStanding': ['current', 'none', 'none'],
  'proofgate:CredentialId': ['c-1', undefined, undefined],
  'proofgate:Transport': [['usb', 'nfc'], [], []],
  'proofgate:ProofAge': ['60', undefined, undefined],
  'proofgate:ProofBoundToRequest': everywhere('false'),
  'proofgate:ApprovedBy': everywhere(undefined),
  'proofgate:ApprovedByGroup': everywhere(undefined),
  'proofgate:ClientCertificateVerified': everywhere('false'),
  'proofgate:ClientCertificateSubject': everywhere(undefined),
  'proofgate:ClientCertificateSan': everywhere(undefined),
  'proofgate:ClientCertificateIssuer': everywhere(undefined),
  'proofgate:ClientCertificateFingerprint': everywhere(undefined),
  'proofgate:ClientCertificateSerial': everywhere(undefined),
}

function everywhere(fact: Fact): readonly [Fact, Fact, Fact] {
  return [fact, fact, fact]
}

const callers = { person, external, anonymous }

describe('the facts behind condition keys', () => {
  it('has a row for every key, and reads every key of the schema and no other', () => {
    const names = contextKeys.map(({ name }) => name)
    assert.deepEqual(Object.keys(table), names)
    const read = new Set(readKeys)
    assert.deepEqual(read, new Set(names.map((name) => name.toLowerCase())))
  })

  for (const [key, facts] of Object.entries(table)) {
    it(`says of ${key} what its row says, for a person, an external caller and nobody`, () => {
      for (const [index, [kind, principal]] of Object.entries(callers).entries()) {
        assert.deepEqual(look(key, principal), facts[index], kind)
      }
    })
  }

  it('is never absent when the schema says that every request has it', () => {
    const bare: PrincipalFacts = { ...person, acr: undefined, amr: [], claims: {} }
    for (const { name, presence } of contextKeys) {
      if (presence !== 'always') continue
      for (const principal of [bare, external, anonymous]) {
        assert.equal(typeof look(name, principal), 'string', `${name} of ${principal.kind}`)
      }
    }
  })

  it('is a list exactly where the schema says so', () => {
    const request = { lines: ['User-Agent', 'x', 'Referer', 'y'], hasCertificate: true }
    for (const { name, several } of contextKeys) {
      const fact = look(name, person, request)
      if (fact === undefined) continue
      assert.equal(Array.isArray(fact), several === 'always', name)
    }
  })

  it('takes the certificate and the headers of the request', () => {
    const request = {
      lines: ['User-Agent', 'app/1', 'Referer', 'https://a/'],
      hasCertificate: true,
    }
    assert.equal(look('aws:UserAgent', anonymous, request), 'app/1')
    assert.equal(look('aws:Referer', anonymous, request), 'https://a/')
    assert.equal(look('proofgate:ClientCertificateVerified', anonymous, request), 'true')
    assert.equal(look('proofgate:ClientCertificateSubject', anonymous, request), 'CN=alice')
    assert.deepEqual(look('proofgate:ClientCertificateSan', anonymous, request), [
      'DNS:alice.example',
    ])
  })

  it('knows no age of a sign-in with more than one factor from one with less', () => {
    assert.equal(look('aws:MultiFactorAuthAge', { ...person, amr: ['pop', 'user'] }), undefined)
    assert.equal(look('proofgate:AuthAge', { ...person, amr: ['pop', 'user'] }), '60')
  })

  it('says where a credential stands by its age, and never that one of unknown age is current', () => {
    const ageing = {
      rotateAfter: millis(100 * day),
      warnBefore: millis(10 * day),
      graceAfter: millis(5 * day),
      unusedFor: undefined,
    }
    const standing = (age: number | undefined, more: Partial<PrincipalFacts> = {}): Fact => {
      const registeredAt = age === undefined ? undefined : now - age * day
      const principal = { ...person, ...more, registeredAt }
      return look('proofgate:CredentialStanding', principal, { ageing })
    }
    assert.deepEqual(
      [0, 89.9, 90, 99.9, 100, 104.9, 105, 5000].map((age) => standing(age)),
      ['current', 'current', 'due', 'due', 'overdue', 'overdue', 'lapsed', 'lapsed'],
    )
    assert.equal(standing(undefined), 'none')
    assert.equal(standing(1, { kind: 'external' }), 'none')
    assert.equal(standing(1, { credential: undefined }), 'none')
  })

  it('takes no touch of the far future for one, and one by a clock that is ahead for one just now', () => {
    assert.equal(look('proofgate:ProofAge', { ...person, provedAt: now + 59_000 }), '0')
    assert.equal(look('proofgate:ProofAge', { ...person, provedAt: now + 61_000 }), undefined)
  })

  it('counts no age below zero', () => {
    const early = { ...person, openedAt: now + 9000, registeredAt: now + 9000 }
    assert.equal(look('proofgate:SessionAge', early), '0')
    assert.equal(look('proofgate:CredentialAge', early), '0')
  })
})

describe('the facts that a configuration declares', () => {
  it('has the tags of the person, and those of nobody else', () => {
    assert.equal(look('aws:PrincipalTag/Team', person), 'payments')
    assert.equal(look('aws:PrincipalTag/other', person), undefined)
    assert.equal(look('aws:PrincipalTag/team', external), undefined)
    assert.equal(look('aws:PrincipalTag/', person), undefined)
  })

  it('has the tags of the route', () => {
    assert.equal(look('proofgate:RouteTag/Sensitivity', anonymous), 'low')
    assert.equal(look('proofgate:RouteTag/other', anonymous), undefined)
  })

  it('has every line of a declared header, under every name a service folds into it', () => {
    const lines = ['X-Tenant', 'blue', 'x_tenant', 'green', 'X-TENANT', 'red', 'x-other', 'no']
    assert.deepEqual(look('proofgate:Header/X-Tenant', person, { lines }), ['blue', 'green', 'red'])
    assert.deepEqual(look('proofgate:Header/x-tenant', person), [])
    assert.equal(look('proofgate:Header/x-other', person, { lines }), undefined)
  })

  it('has every value of a declared parameter, under every name a service may take for it', () => {
    const query = 'a=1&status=open&Status=closed&status%5B%5D=a%20b+c&status&statusx=no&&=x'
    assert.deepEqual(look('proofgate:Query/status', person, { query }), [
      'open',
      'closed',
      'a b c',
      '',
    ])
    assert.deepEqual(look('proofgate:Query/status', person), [])
    assert.equal(look('proofgate:Query/a', person, { query }), undefined)
  })

  it('denies when a query with a declared parameter can be read in several ways', () => {
    for (const query of ['a=1;status=open', 'status=%zz', 'stat%us=1', 'status=a%00b', 'x%00=1']) {
      assert.throws(() => look('proofgate:Query/status', person, { query }), TypeError, query)
    }
  })

  it('has declared claims of the issuer that vouches for the caller, as text', () => {
    assert.equal(look('idp:department', external), 'payments')
    assert.equal(look('IDP:Level', external), '7')
    assert.equal(look('idp:manager', external), 'true')
    assert.deepEqual(look('idp:roles', external), ['a', '2', 'false'])
    assert.deepEqual(look('idp:none', external), [])
  })

  it('has no claim that is null, not declared, of another issuer, or of a person of ours', () => {
    assert.equal(look('idp:nothing', external), undefined)
    assert.equal(look('idp:uv', external), undefined)
    assert.equal(look('other:department', external), undefined)
    const claimant = { ...person, claims: { department: 'payments' } }
    assert.equal(look('idp:department', claimant), undefined)
    assert.equal(look('idp:toString', { ...external, claims: {} }), undefined)
  })

  it('denies when a declared claim holds what is no text', () => {
    assert.throws(() => look('idp:address', external), /the claim address holds what is no text/)
    assert.throws(() => look('idp:mixed', external), /the claim mixed holds what is no text/)
  })
})

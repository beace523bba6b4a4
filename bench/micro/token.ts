/** Tokens, proofs and assertions beside the bare cryptography in them: `node bench/micro/token.ts` */
import { generateKeyPairSync } from 'node:crypto'
import { isRefusal, millis, systemClock } from '../../src/core/index.ts'
import {
  AccessTokenVerifier,
  AssertionMinter,
  checkDpopProof,
  MemoryProofReplays,
  takeProof,
} from '../../src/token/index.ts'
import type { AssertionSubject, VerificationKeys } from '../../src/token/index.ts'
import { freshProof, oneSignature, oneVerification, tokenNeverSeen } from '../bare-cryptography.ts'
import type { Work } from '../bare-cryptography.ts'
import { ProofKey, signToken } from '../token.ts'
import type { ProofAlgorithm } from '../token.ts'
import { measureMicros } from './measure.ts'
import type { Micro } from './measure.ts'

const ISSUER = 'https://auth.example'
const AUDIENCE = 'https://api.example'
const URL = `${AUDIENCE}/orders/1`
const SIGNED = 4000
const clock = systemClock()
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const keys: VerificationKeys = { find: () => publicKey, revisionAt: () => 1 }

function verifierRemembering(cacheSize: number): AccessTokenVerifier {
  return new AccessTokenVerifier({
    issuer: ISSUER,
    audience: AUDIENCE,
    keys,
    clock,
    algorithms: ['ES256'],
    maximumLifetime: millis(600_000),
    clockSkew: millis(5000),
    cacheSize,
  })
}

function token(jkt?: string): string {
  return signToken({
    key: privateKey,
    keyId: 'key',
    issuer: ISSUER,
    audience: AUDIENCE,
    subject: 'somebody',
    lifetimeSeconds: 600,
    claims: { groups: ['readers'], ...(jkt === undefined ? {} : { cnf: { jkt } }) },
  })
}

const tokens = Array.from({ length: SIGNED }, () => token())

function verifying(name: string, cacheSize: number, among: readonly string[]): Micro {
  const verifier = verifierRemembering(cacheSize)
  for (const one of among) void verifier.verify(one)
  let at = 0
  return {
    name,
    run: (count) => {
      for (let done = 0; done < count; done += 1) {
        at = (at + 1) % among.length
        if (isRefusal(verifier.verify(among[at]!))) throw new Error('a good token is refused')
      }
    },
  }
}

/** With the check whether it was used before; all are forgotten after each turn. */
function proving(algorithm: ProofAlgorithm): Micro {
  const key = new ProofKey(algorithm)
  const accessToken = token(key.thumbprint)
  const proofs = Array.from({ length: SIGNED }, () => key.prove(URL, accessToken))
  // The time at which they were made, so that a slow machine may take longer than they last.
  const now = clock.now()
  let replays = new MemoryProofReplays(clock, 2 * SIGNED)
  let at = 0
  return {
    name: `DPoP proof ${algorithm}`,
    run: (count) => {
      for (let done = 0; done < count; done += 1) {
        at = (at + 1) % proofs.length
        if (at === 0) replays = new MemoryProofReplays(clock, 2 * SIGNED)
        const checked = checkDpopProof({
          proof: proofs[at]!,
          method: 'GET',
          url: URL,
          accessToken,
          expectedThumbprint: key.thumbprint,
          now,
          nonces: undefined,
        })
        if (isRefusal(checked) || takeProof(replays, checked) !== undefined) {
          throw new Error('a good proof is refused')
        }
      }
    },
  }
}

function bare(what: string, work: Work): Micro {
  let at = 0
  return {
    name: `the runtime alone: ${what}`,
    run: (count) => {
      for (let done = 0; done < count; done += 1) work(at++)
    },
  }
}

const signingKey = {
  keyId: 'key',
  algorithm: 'ES256',
  privateKey,
  publicKey,
} as unknown as ReturnType<ConstructorParameters<typeof AssertionMinter>[0]['keys']['active']>

function minting(name: string, subjectFor: (index: number) => AssertionSubject): Micro {
  const minter = new AssertionMinter({ issuer: ISSUER, keys: { active: () => signingKey }, clock })
  return {
    name,
    run: (count) => {
      for (let done = 0; done < count; done += 1) minter.mint(subjectFor(done), 'orders')
    },
  }
}

const subject: AssertionSubject = {
  issuer: ISSUER,
  subject: 'somebody',
  username: 'somebody',
  groups: ['readers'],
  session: 'session',
  clientId: 'client',
  acr: 'phr',
  amr: ['hwk'],
  authTime: clock.now(),
}

await measureMicros('tokens', [
  verifying('token remembered', 100_000, tokens.slice(0, 1)),
  verifying('token remembered, one of 4000', 100_000, tokens),
  verifying('token never seen', 0, tokens),
  proving('ES256'),
  proving('EdDSA'),
  minting('assertion remembered', () => subject),
  minting('assertion of somebody new', () => ({ ...subject })),
  bare('verify ES256', oneVerification('ES256')),
  bare('verify EdDSA', oneVerification('EdDSA')),
  bare('sign ES256', oneSignature('ES256')),
  bare('all of a token never seen', tokenNeverSeen()),
  bare('all of a DPoP proof ES256', freshProof('ES256')),
  bare('all of a DPoP proof EdDSA', freshProof('EdDSA')),
])

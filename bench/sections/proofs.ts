/**
 * Requests whose signature nobody can have verified before: a fresh DPoP proof each, or a token never seen.
 * What they cost more than a remembered token is put beside the bare cryptography, measured in the same run.
 */
import { createHash, generateKeyPairSync, sign, verify } from 'node:crypto'
import { join } from 'node:path'
import { writeRequests } from '../generator.ts'
import type { LoadOrder, PreparedRequest } from '../generator.ts'
import { median, round } from '../report.ts'
import { takeTurns } from '../rounds.ts'
import type { Side } from '../rounds.ts'
import type { Bench, Findings, Row, Section } from '../section.ts'
import { firstSeen, proven, remembered } from '../scenarios.ts'
import { isSignedBy, signedRequest, signingKey } from '../signature-v4.ts'
import { startGateway } from '../subjects/gateway.ts'
import type { ProofAlgorithm } from '../token.ts'

const REQUESTS_PER_ROUND = 8_000
const REQUESTS_PER_ROUND_FULL = 40_000
const SIGNATURES = 3000
const DOES_NOT_HOLD = 'a good signature does not hold'

export const proofs: Section = { name: 'proofs', run }

async function run(bench: Bench): Promise<Findings> {
  const surroundings = bench.surroundings('proofs')
  const gateway = await startGateway(surroundings)
  try {
    const count = bench.options.full ? REQUESTS_PER_ROUND_FULL : REQUESTS_PER_ROUND
    const side = (name: string, requests: () => Iterable<PreparedRequest>): Side => ({
      name,
      pids: [gateway.pid],
      order: (): LoadOrder => {
        const file = join(surroundings.directory, name.replaceAll(' ', '-'))
        writeRequests(file, requests())
        const { connections } = bench.options
        const order = { port: gateway.port, file, connections, seconds: 60, skipSeconds: 0 }
        return { ...order, once: true }
      },
    })
    const sides = [
      side('remembered token', () => remembered(gateway, count)),
      side('token never seen', () => firstSeen(gateway, count)),
      side('DPoP ES256', () => proven(gateway, 'ES256', count)),
      side('DPoP Ed25519', () => proven(gateway, 'EdDSA', count)),
    ]
    bench.progress('proofs: each request signed anew')
    const figures = await takeTurns(bench.generator, sides, bench.options.rounds)
    return conclude(figures)
  } finally {
    await gateway.stop()
  }
}

function conclude(figures: Awaited<ReturnType<typeof takeTurns>>): Findings {
  const crypto = { ES256: verifyMicros('ES256'), Ed25519: verifyMicros('EdDSA') }
  const plain = figures.get('remembered token')!.cpuMicrosPerRequest
  const rows: Row[] = []
  const ratios: Record<string, number> = {}
  for (const [name, { cpuMicrosPerRequest, requestsPerSecond }] of figures) {
    const bare = name.endsWith('Ed25519') ? crypto.Ed25519 : crypto.ES256
    const usual = {
      'CPU us/request': round(cpuMicrosPerRequest, 1),
      'requests/s': Math.round(requestsPerSecond),
    }
    if (name === 'remembered token') {
      rows.push({ name, figures: usual })
      continue
    }
    const added = cpuMicrosPerRequest - plain
    rows.push({
      name,
      figures: {
        ...usual,
        'added us': round(added, 1),
        'one verification us': round(bare, 1),
        'added over verification': round(added / bare, 2),
        'whole over verification': round(cpuMicrosPerRequest / bare, 2),
      },
    })
    ratios[`added ${name}/verification`] = round(added / bare, 3)
  }
  rows.push({
    name: 'shape of AWS Signature Version 4',
    figures: {
      'one verification us': round(signatureV4Micros(), 1),
      note: 'crypto alone, key kept; no such feature',
    },
  })
  return { title: 'Signatures verified with every request', rows, ratios }
}

/** The same of a feature that does not exist. */
function signatureV4Micros(): number {
  const key = signingKey()
  const signed = Array.from({ length: SIGNATURES }, (_, number) => signedRequest(number))
  return medianMicros(() => {
    if (!signed.every((one) => isSignedBy(key, one))) throw new Error(DOES_NOT_HOLD)
  })
}

/** CPU microseconds of one signature verification in this runtime, and of nothing else. */
function verifyMicros(algorithm: ProofAlgorithm): number {
  const { privateKey, publicKey } =
    algorithm === 'EdDSA'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const hash = algorithm === 'EdDSA' ? null : 'sha256'
  const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
  const signed = Array.from({ length: SIGNATURES }, (_, index) => {
    const input = createHash('sha512').update(String(index)).digest()
    return { input, signature: sign(hash, input, { ...key, key: privateKey }) }
  })
  return medianMicros(() => {
    for (const { input, signature } of signed) {
      if (!verify(hash, input, key, signature)) throw new Error(DOES_NOT_HOLD)
    }
  })
}

/** Of one of the signatures that are all verified in a round. */
function medianMicros(verifyAll: () => void): number {
  const rounds = Array.from({ length: 5 }, () => {
    const before = process.cpuUsage()
    verifyAll()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / SIGNATURES
  })
  return median(rounds)
}

/**
 * Requests whose signature nobody can have verified before: a fresh DPoP proof each, or a token never seen.
 * What they cost more than a remembered token is put beside the bare cryptography, measured in the same run: one
 * verification, and all that such a request needs (`bare-cryptography.ts`).
 */
import { join } from 'node:path'
import { freshProof, oneVerification, tokenNeverSeen } from '../bare-cryptography.ts'
import type { Work } from '../bare-cryptography.ts'
import { writeRequests } from '../generator.ts'
import type { LoadOrder, PreparedRequest } from '../generator.ts'
import { median, round } from '../report.ts'
import { takeTurns } from '../rounds.ts'
import type { Side } from '../rounds.ts'
import type { Bench, Findings, Row, Section } from '../section.ts'
import { firstSeen, proven, remembered } from '../scenarios.ts'
import { isSignedBy, signedRequest, signingKey } from '../signature-v4.ts'
import { startGateway } from '../subjects/gateway.ts'

const REQUESTS_PER_ROUND = 8_000
const REQUESTS_PER_ROUND_FULL = 40_000
const SIGNATURES = 3000

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

interface Bare {
  readonly verification: Work
  readonly all: Work
}

/** What each kind of request cannot do without. */
const needs: Readonly<Record<string, () => Bare>> = {
  'token never seen': () => ({ verification: oneVerification('ES256'), all: tokenNeverSeen() }),
  'DPoP ES256': () => ({ verification: oneVerification('ES256'), all: freshProof('ES256') }),
  'DPoP Ed25519': () => ({ verification: oneVerification('EdDSA'), all: freshProof('EdDSA') }),
}

function conclude(figures: Awaited<ReturnType<typeof takeTurns>>): Findings {
  const plain = figures.get('remembered token')!.cpuMicrosPerRequest
  const rows: Row[] = []
  const ratios: Record<string, number> = {}
  for (const [name, { cpuMicrosPerRequest: whole, requestsPerSecond }] of figures) {
    const usual = {
      'CPU us/request': round(whole, 1),
      'requests/s': Math.round(requestsPerSecond),
    }
    const bare = needs[name]?.()
    if (bare === undefined) {
      rows.push({ name, figures: usual })
      continue
    }
    const added = whole - plain
    const verification = medianMicros(bare.verification)
    const cryptography = medianMicros(bare.all)
    rows.push({
      name,
      figures: {
        ...usual,
        'added us': round(added, 1),
        'one verification us': round(verification, 1),
        'added over verification': round(added / verification, 2),
        'whole over verification': round(whole / verification, 2),
        'all its cryptography us': round(cryptography, 1),
        'added over its cryptography': round(added / cryptography, 2),
        'whole over remembered and its cryptography': round(whole / (plain + cryptography), 2),
      },
    })
    ratios[`added ${name}/verification`] = round(added / verification, 3)
    ratios[`added ${name}/its cryptography`] = round(added / cryptography, 3)
    ratios[`${name}/remembered and its cryptography`] = round(whole / (plain + cryptography), 3)
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
  return medianMicros((index) => {
    if (!isSignedBy(key, signed[index]!)) throw new Error('a good signature does not hold')
  })
}

/** CPU microseconds of one piece of work. */
function medianMicros(work: Work): number {
  const rounds = Array.from({ length: 5 }, () => {
    const before = process.cpuUsage()
    for (let index = 0; index < SIGNATURES; index += 1) work(index)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / SIGNATURES
  })
  return median(rounds)
}

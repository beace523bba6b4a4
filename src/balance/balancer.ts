import { unreachable } from '../core/index.ts'

/** How the next target is chosen. */
export type Balance = 'round-robin' | 'least-pending' | 'weighted' | 'sticky'

/** What a choice is made by. */
export interface Candidate {
  /** Above 0; how much of the traffic is meant for it, beside the others. */
  readonly weight: number
  /** Requests under way there. */
  readonly pending: number
  /** Tells it from the others for as long as its description stays the same. */
  readonly seed: number
}

/** Chooses one of those that can be used now; `undefined` when there is none. */
export type Choose<Target extends Candidate> = (
  among: readonly Target[],
  key: string | undefined,
) => Target | undefined

export function balancer<Target extends Candidate>(balance: Balance): Choose<Target> {
  switch (balance) {
    case 'round-robin':
      return roundRobin()
    case 'least-pending':
      return leastPending()
    case 'weighted':
      return weighted()
    case 'sticky':
      return sticky()
    default:
      return unreachable(balance)
  }
}

function roundRobin<Target>(): Choose<Target & Candidate> {
  let turn = 0
  return (among) => {
    turn = turn + 1 < among.length ? turn + 1 : 0
    return among[turn]
  }
}

/** The fewest requests per weight; among equals, in turn. */
function leastPending<Target extends Candidate>(): Choose<Target> {
  let turn = 0
  return (among) => {
    turn = turn + 1 < among.length ? turn + 1 : 0
    let best: Target | undefined
    let least = Infinity
    for (let step = 0; step < among.length; step++) {
      const target = among[(turn + step) % among.length]
      if (target === undefined) continue
      const load = (target.pending + 1) / target.weight
      if (load < least) {
        least = load
        best = target
      }
    }
    return best
  }
}

/**
 * In turn by weight, evenly spread: each turn everyone gains its weight, the richest is chosen and pays
 * for all. Over any round of the sum of weights each is chosen as often as its weight says.
 */
function weighted<Target extends Candidate>(): Choose<Target> {
  const credits = new WeakMap<Target, number>()
  return (among) => {
    let best: Target | undefined
    let most = -Infinity
    let total = 0
    for (const target of among) {
      const credit = (credits.get(target) ?? 0) + target.weight
      credits.set(target, credit)
      total += target.weight
      if (credit > most) {
        most = credit
        best = target
      }
    }
    if (best !== undefined) credits.set(best, most - total)
    return best
  }
}

/**
 * Weighted rendezvous hashing: each target draws a number from the key and itself, the best draw wins. When
 * a target leaves, only those who were with it go elsewhere; when it comes back, so do they.
 */
function sticky<Target extends Candidate>(): Choose<Target> {
  const withoutKey = weighted<Target>()
  return (among, key) => {
    if (key === undefined) return withoutKey(among, undefined)
    const hash = hashText(key)
    let best: Target | undefined
    let highest = -Infinity
    for (const target of among) {
      const draw = (mix(hash ^ target.seed) + 0.5) / 2 ** 32
      const score = -target.weight / Math.log(draw)
      if (score > highest) {
        highest = score
        best = target
      }
    }
    return best
  }
}

/** A 32-bit hash (FNV-1a, mixed at the end); spreads load, keeps no secret. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  }
  return mix(hash)
}

/** Every bit of the answer depends on every bit of the input (the finalizer of MurmurHash3). */
function mix(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

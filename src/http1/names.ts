import { isToken } from './alphabet.ts'

/** Names of this length or less are remembered; longer ones are rare. */
const longest = 64
const most = 1024

/**
 * Remembers what is thought of a name, by its spelling, so that each is judged once and not for every message.
 * Bounded, and holds on to nothing that a name was cut out of.
 */
export class NameMemory<Verdict> {
  readonly #judge: (name: string) => Verdict
  readonly #known = new Map<string, Verdict>()

  /** @param judge - says the same whenever it is asked for the same name, or throws. */
  constructor(judge: (name: string) => Verdict) {
    this.#judge = judge
  }

  of(name: string): Verdict {
    return this.#known.get(name) ?? this.#learn(name)
  }

  #learn(name: string): Verdict {
    if (name.length > longest) return this.#judge(name)
    const own = copyOf(name)
    const verdict = this.#judge(own)
    // Whoever fills it with names of their own costs the others one more judgement each.
    if (this.#known.size === most) this.#known.clear()
    this.#known.set(own, verdict)
    return verdict
  }
}

/** A slice of a text keeps the whole of it in memory. */
function copyOf(name: string): string {
  return Buffer.from(name, 'utf8').toString('utf8')
}

const lowerNames = new NameMemory((name) => (isToken(name) ? name.toLowerCase() : ''))

/** The lower case of a field name; `undefined` for what is no token (RFC 9110 5.1). */
export function lowerName(name: string): string | undefined {
  const lower = lowerNames.of(name)
  return lower === '' ? undefined : lower
}

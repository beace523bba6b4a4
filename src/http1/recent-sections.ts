import type { HeaderSection } from './header-section.ts'

/** Of each half. */
const most = 32
/** Longer ones are read anew. */
const longest = 4096

/**
 * Header sections with which connections began of late: a caller that opens a connection for each request sends
 * the same one again and again. Never more than twice 32, of at most 4 KiB.
 *
 * Invariant: a section is found by the whole of its text, and by nothing else.
 */
export class RecentSections {
  #sections = new Map<string, HeaderSection>()
  #before = new Map<string, HeaderSection>()

  find(text: string, isCurrent: boolean): HeaderSection | undefined {
    const found = this.#sections.get(text) ?? this.#before.get(text)
    if (found?.isCurrent !== isCurrent) return undefined
    found.recurs = true
    return found
  }

  /** It was met. */
  keep(section: HeaderSection): void {
    if (section.text.length > longest || this.#sections.get(section.text) === section) return
    if (this.#sections.size >= most) this.age()
    this.#sections.set(section.text, section)
  }

  /** Lets go of what was not met since the last time. */
  age(): void {
    this.#before = this.#sections
    this.#sections = new Map()
  }
}

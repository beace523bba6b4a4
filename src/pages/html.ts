import { invariant } from '../core/index.ts'

/**
 * A piece of HTML that is known to be well made. Only the `html` tag (and the style sheet we ship)
 * makes one, so a string can never pass for markup.
 */
export class Markup {
  readonly #text: string

  private constructor(text: string) {
    this.#text = text
  }

  /** Takes text as markup unescaped. Only for bytes that ship with Proofgate. */
  static trusted(text: string): Markup {
    return new Markup(text)
  }

  toString(): string {
    return this.#text
  }
}

/** What may stand in a template: text is escaped, markup passes, nothing prints nothing. */
export type Interpolation = string | number | Markup | undefined | false | readonly Interpolation[]

/**
 * Makes markup. Interpolations are escaped by type.
 *
 * Invariant: an interpolation in a tag stands between double quotes; an unquoted one would let a
 * space in a value start a new attribute.
 */
export function html(parts: TemplateStringsArray, ...values: readonly Interpolation[]): Markup {
  const own = templates.get(parts) ?? prepare(parts)
  let text = own[0] ?? ''
  for (const [index, value] of values.entries()) text += print(value) + (own[index + 1] ?? '')
  return Markup.trusted(text)
}

const templates = new WeakMap<TemplateStringsArray, readonly string[]>()

/** Checks a template once, and drops the indentation that only its author needs. */
function prepare(parts: TemplateStringsArray): readonly string[] {
  for (const part of parts.slice(0, -1)) {
    invariant(!/=\s*'?$/.test(part), 'an attribute value in a template lacks double quotes')
  }
  const own = parts.map((part) => part.replace(/\s*\n\s*/g, '\n'))
  templates.set(parts, own)
  return own
}

function print(value: Interpolation): string {
  if (value === undefined || value === false) return ''
  if (value instanceof Markup) return value.toString()
  if (typeof value === 'string') return escapeText(value)
  if (typeof value === 'number') return String(value)
  return value.map(print).join('')
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&#39;'],
  ['`', '&#96;'],
])

/**
 * Controls a browser drops or obeys: NUL and its kind, and the marks that reverse the reading
 * direction, with which one name can be made to look like another.
 */
const deceptive = /(?![\t\n])\p{Cc}|[\u2028-\u202e\u2066-\u2069\ufeff]/gu

function escapeText(text: string): string {
  return text
    .toWellFormed()
    .replace(deceptive, '\ufffd')
    .replace(/[&<>"'`]/g, (character) => escapes.get(character) ?? '')
}

/**
 * Puts values into the `{name}` places of a text of the catalogue. The text and values that are
 * strings are escaped; markup passes.
 */
export function fill(text: string, values: Readonly<Record<string, Interpolation>>): Markup {
  const pieces = text.split(/\{([a-zA-Z]+)\}/)
  return html`${pieces.map((piece, index) => {
    if (index % 2 === 0) return piece
    invariant(Object.hasOwn(values, piece), `no value for {${piece}} in a text`)
    return values[piece]
  })}`
}

/**
 * Gives back an address a link or form may lead to: a path of this host or an http(s) address.
 * Anything else (`javascript:`, `data:`, `//host`) is undefined.
 */
export function safeAddress(address: string | undefined): string | undefined {
  if (address === undefined) return undefined
  if (/^\/(?![/\\])[^\\\s]*$/.test(address)) return address
  if (!/^https?:\/\/[^\\\s]+$/i.test(address) || !URL.canParse(address)) return undefined
  return address
}

import { english } from '../../src/pages/index.ts'
import type { Strings } from '../../src/pages/index.ts'

/** The catalogue with every letter replaced, so that words from elsewhere stand out. */
export function pseudoLocale(): Strings {
  return { ...(translate(english) as Strings), language: 'en-XA' }
}

function translate(texts: object): object {
  return Object.fromEntries(
    Object.entries(texts).map(([key, value]: [string, unknown]) => [
      key,
      typeof value === 'string' ? pseudo(value) : translate(value as object),
    ]),
  )
}

/** Moves ASCII letters to letters a reader can still make out, and leaves `{places}` alone. */
function pseudo(text: string): string {
  return text
    .split(/(\{[a-zA-Z]+\})/)
    .map((piece, index) =>
      index % 2 === 1
        ? piece
        : piece.replace(/[A-Za-z]/g, (letter) =>
            String.fromCodePoint((letter < 'a' ? 0xff21 - 65 : 0xff41 - 97) + letter.charCodeAt(0)),
          ),
    )
    .join('')
}

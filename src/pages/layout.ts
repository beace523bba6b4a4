import { assetAddress } from './assets.ts'
import { html, Markup } from './html.ts'
import type { Interpolation } from './html.ts'
import type { Strings } from './strings.ts'

/** What every page is given. */
export interface PageView {
  /** The mount path: '' or one like '/.proofgate'. Every link, form and fetch starts with it. */
  readonly base: string
}

/** The frame around a page's content. */
export interface Document extends PageView {
  readonly strings: Strings
  /** Stands before the product's name in the window's title. */
  readonly title: string
  /** The page's script without ending, one of `web/login/`. */
  readonly script?: string
  /** Style sheets of the page's own, without ending, besides the one every page has. */
  readonly styles?: readonly string[]
  /** Roomier pages hold lists; narrow ones hold one question. */
  readonly width?: 'narrow' | 'wide'
  /** Stands in the header, opposite the word mark. */
  readonly aside?: Interpolation
  /** Replaces the linked style sheet, for a page that must stand alone. */
  readonly inlineStyle?: Markup
  readonly content: Interpolation
}

/** An arch with a tick in its doorway: what passes has been proven. */
const mark = html`<svg class="mark" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
  <path d="M5 29V14a11 11 0 0 1 22 0v15z" />
  <path d="m11 17.5 3.8 3.8 6.6-7.8" />
</svg>`

/** The same mark for the browser's tab, inside the page so that it costs no request. */
const icon = Markup.trusted(
  "data:image/svg+xml,%3csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3e" +
    "%3cpath d='M5 29V14a11 11 0 0 1 22 0v15z' fill='%230c6e5a'/%3e" +
    "%3cpath d='m11 17.5 3.8 3.8 6.6-7.8' fill='none' stroke='%23fff' stroke-width='3'/%3e%3c/svg%3e",
)

/** Prints the whole document. */
export function printDocument(page: Document): string {
  const { base, strings } = page
  const style =
    page.inlineStyle ??
    ['proofgate', ...(page.styles ?? [])].map(
      (name) => html`<link rel="stylesheet" href="${assetAddress(base, `${name}.css`)}" />`,
    )
  const script =
    page.script !== undefined &&
    html`<script type="module" src="${assetAddress(base, `${page.script}.js`)}"></script>`
  return html`<!doctype html>
    <html lang="${strings.language}" data-base="${base}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${page.title} · ${strings.brand}</title>
        <link rel="icon" href="${icon}" />
        ${style} ${script}
      </head>
      <body>
        <a class="skip" href="#main">${strings.skip}</a>
        <header class="top">
          <p class="brand">${mark}${strings.brand}</p>
          ${page.aside}
        </header>
        <main id="main" class="${page.width ?? 'narrow'}" tabindex="-1">${page.content}</main>
      </body>
    </html> `.toString()
}

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { invariant } from '../core/index.ts'
import { withoutTypes } from './without-types.ts'

/** One file a page loads, ready to be sent. */
export interface Asset {
  readonly body: Buffer
  /** The same, compressed: these files are public, so their length tells nothing. */
  readonly gzip: Buffer
  readonly contentType: string
  /** A strong entity tag, quotes included. */
  readonly etag: string
}

interface LoadedAsset extends Asset {
  /** Names the content in the address, so a new version is a new address. */
  readonly version: string
}

/** The same places seen from `src/pages/` and from the built package's `dist/pages/`. */
const source = new URL('../../web/login/', import.meta.url)
const sdk = new URL('../../web/sdk/', import.meta.url)

let loaded: ReadonlyMap<string, LoadedAsset> | undefined

/**
 * Reads the browser's files once; later calls do nothing. Called at start, so that a broken
 * installation shows then and not at the first sign-in.
 */
export function loadAssets(): ReadonlyMap<string, Asset> {
  loaded ??= readAssets()
  return loaded
}

/**
 * The file called `name` (`proofgate.css`, `sign-in.js`), or undefined. Only names found at start
 * are known; the name never reaches the file system.
 */
export function assetFor(name: string): Asset | undefined {
  return loadAssets().get(name)
}

/**
 * How long a browser may keep an asset. An address that carries the content's own version never
 * changes its meaning; any other is asked for again with the entity tag.
 */
export function assetCacheControl(name: string, version: string | undefined): string {
  const asset = assetMap().get(name)
  return asset !== undefined && asset.version === version
    ? 'public, max-age=31536000, immutable'
    : 'no-cache'
}

/** The address of an asset under the mount path `base`, with the content's version as `?v=`. */
export function assetAddress(base: string, name: string): string {
  const asset = assetMap().get(name)
  invariant(asset !== undefined, `there is no asset called ${name}`)
  return `${base}/assets/${name}?v=${asset.version}`
}

const scripts = new Map<string, Asset>()

/**
 * A script for pages of API hosts, by its name: `proofgate.js`, `react.js`. Read when the first page asks,
 * because most installations have none that does.
 */
export function sdkScript(name: string): Asset | undefined {
  if (name !== 'proofgate.js' && name !== 'react.js') return undefined
  const known = scripts.get(name)
  if (known !== undefined) return known
  const files = new Set(readdirSync(sdk))
  const text = readModule(name, files, sdk).replaceAll(
    /(\bfrom )'\.\/([a-z-]+)\.ts'/g,
    "$1'./$2.js'",
  )
  const asset = makeAsset(text, 'text/javascript')
  scripts.set(name, asset)
  return asset
}

function assetMap(): ReadonlyMap<string, LoadedAsset> {
  loaded ??= readAssets()
  return loaded
}

function readAssets(): ReadonlyMap<string, LoadedAsset> {
  const files = new Set(readdirSync(source))
  const assets = new Map<string, LoadedAsset>()
  for (const file of files) {
    if (file.endsWith('.css')) {
      assets.set(file, makeAsset(readStyle(file), 'text/css'))
    }
  }
  const modules = [...files].filter((file) => /^[a-z-]+\.(?:ts|js)$/.test(file))
  for (const name of new Set(modules.map((file) => file.replace(/\.ts$/, '.js')))) {
    loadModule(name, files, assets, [])
  }
  return assets
}

/**
 * Loads one module after those it imports: an import names its target's version, so a module's own
 * version covers everything it pulls in.
 */
function loadModule(
  name: string,
  files: ReadonlySet<string>,
  assets: Map<string, LoadedAsset>,
  importers: readonly string[],
): LoadedAsset {
  const known = assets.get(name)
  if (known !== undefined) return known
  invariant(!importers.includes(name), `${name} imports itself in a circle`)
  const text = readModule(name, files).replace(
    /(\bfrom |\bimport )'\.\/([a-z-]+)\.(?:ts|js)'/g,
    (_all, keyword: string, target: string) => {
      const imported = loadModule(`${target}.js`, files, assets, [...importers, name])
      return `${keyword}'./${target}.js?v=${imported.version}'`
    },
  )
  const asset = makeAsset(text, 'text/javascript')
  assets.set(name, asset)
  return asset
}

function readStyle(file: string): string {
  return shorten(readFileSync(new URL(file, source), 'utf8'))
    .replace(/\s*([{};])\s*/g, '$1')
    .replace(/;\}/g, '}')
    .replace(/(?<=[{;][a-z-]+:)\s+/g, '')
}

/** A built package holds JavaScript; a clone holds TypeScript, whose types are blanked out. */
function readModule(name: string, files: ReadonlySet<string>, folder = source): string {
  if (files.has(name)) return shorten(readFileSync(new URL(name, folder), 'utf8'))
  const original = readFileSync(new URL(name.replace(/\.js$/, '.ts'), folder), 'utf8')
  return shorten(withoutTypes(original))
}

/**
 * Drops comments that begin a line, indentation and empty lines. Our browser files hold no string
 * that spans lines, so nothing a browser acts on is changed.
 */
function shorten(text: string): string {
  return text
    .replace(/^[ \t]*\/\*[^]*?\*\/[ \t]*$/gm, '')
    .replace(/^[ \t]*\/\/.*$/gm, '')
    .replace(/[ \t]*\n\s*/g, '\n')
    .trim()
}

function makeAsset(text: string, type: string): LoadedAsset {
  const body = Buffer.from(text)
  const version = createHash('sha256').update(body).digest('base64url').slice(0, 16)
  return {
    body,
    gzip: gzipSync(body, { level: 9 }),
    contentType: `${type}; charset=utf-8`,
    etag: `"${version}"`,
    version,
  }
}

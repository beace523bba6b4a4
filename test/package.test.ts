import { test } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { publishedManifest } from '../scripts/package.ts'

interface Locked {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly hasInstallScript?: boolean
  readonly dev?: boolean
  readonly link?: boolean
}

const manifest = JSON.parse(read('package.json')) as Parameters<typeof publishedManifest>[0]
const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }
const locked = Object.entries(lock.packages).filter(([path]) => path !== '')

function read(path: string): string {
  return readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
}

test('every locked package is held to its content by a SHA-512', () => {
  assert.ok(locked.length > 20)
  for (const [path, { integrity, link }] of locked) {
    assert.match(integrity ?? '', /^sha512-[A-Za-z0-9+/]{86}==$/, path)
    assert.notEqual(link, true, path)
  }
})

test('no locked package comes from a repository, a plain file or over plain http', () => {
  for (const [path, { resolved = 'https://' }] of locked) {
    assert.match(resolved, /^https:\/\//, path)
    assert.doesNotMatch(resolved, /github\.com|codeload|\.git(?:$|#)/, path)
  }
})

test('no locked package wants to run a script when it is installed', () => {
  const wanting = locked.filter(([, one]) => one.hasInstallScript === true).map(([path]) => path)
  assert.deepEqual(wanting, [])
})

test('a production install stays within 85 packages, named by us at most a dozen', () => {
  const production = locked.filter(([path, one]) => one.dev !== true && !/\/node-/.test(path))
  assert.ok(production.length <= 85, `${production.length} packages`)
  assert.ok(Object.keys(manifest.dependencies).length <= 12)
})

test('exact versions are named, or a patch range where we say why', () => {
  for (const [name, range] of Object.entries({
    ...manifest.dependencies,
    ...manifest.optionalDependencies,
  })) {
    assert.match(range, /^~?\d+\.\d+\.\d+$/, name)
  }
})

test('the published manifest carries no Node, no scripts, nothing for developers and is not private', () => {
  const published = publishedManifest(manifest)
  assert.deepEqual(Object.keys(published['optionalDependencies'] as object), ['@napi-rs/keyring'])
  for (const absent of ['private', 'scripts', 'devDependencies']) {
    assert.ok(!(absent in published), absent)
  }
  assert.deepEqual(published['engines'], { node: '^24.12.0 || >=26' })
  assert.deepEqual(published['bin'], { proofgate: 'bin/proofgate.cjs' })
  assert.deepEqual(published['dependencies'], manifest.dependencies)
  assert.deepEqual(published['exports'], {
    './verify-proof': {
      types: './dist/web/sdk/verify-proof.d.ts',
      default: './dist/web/sdk/verify-proof.js',
    },
    './package.json': './package.json',
  })
})

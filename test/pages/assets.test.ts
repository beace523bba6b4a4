import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { assetAddress } from '../../src/pages/assets.ts'
import { assetCacheControl, assetFor, loadAssets, sdkScript } from '../../src/pages/index.ts'

function bodyOf(name: string): string {
  const asset = assetFor(name)
  assert.ok(asset, name)
  return asset.body.toString('utf8')
}

test('scripts are served as JavaScript without types, under the ending .js', () => {
  assert.deepEqual([...loadAssets().keys()].sort(), [
    'account.css',
    'account.js',
    'approve.js',
    'bound.js',
    'ceremony.css',
    'enrol.js',
    'page.js',
    'passkey.js',
    'proofgate.css',
    'recoveries.js',
    'sign-in.js',
    'signal.js',
    'step-up.js',
  ])
  assert.equal(assetFor('sign-in.js')?.contentType, 'text/javascript; charset=utf-8')
  assert.equal(assetFor('proofgate.css')?.contentType, 'text/css; charset=utf-8')
  assert.doesNotMatch(bodyOf('account.js'), /interface |: HTMLFormElement|import type/)
})

test('an import names a script that is served, with the version of its content', () => {
  for (const name of ['sign-in.js', 'enrol.js', 'account.js', 'page.js']) {
    const imports = [...bodyOf(name).matchAll(/from '\.\/([^'?]+)\?v=([^']+)'/g)]
    assert.ok(imports.length > 0)
    for (const [, imported, version] of imports) {
      assert.equal(assetFor(imported!)?.etag, `"${version!}"`)
    }
    assert.doesNotMatch(bodyOf(name), /\.ts'/)
  }
})

test('an entity tag names the content', () => {
  for (const asset of loadAssets().values()) {
    const digest = createHash('sha256').update(asset.body).digest('base64url')
    assert.equal(asset.etag, `"${digest.slice(0, 16)}"`)
  }
})

test('nothing but the files found at start is served', () => {
  const names = [
    'sign-in.ts',
    '../tsconfig.json',
    '../../package.json',
    'sign-in.js/',
    '%2e%2e/package.json',
    'SIGN-IN.js',
    'constructor',
    '__proto__',
    '',
    'proofgate.css\0',
  ]
  for (const name of names) assert.equal(assetFor(name), undefined, name)
})

test('only an address with the current version may be kept for ever', () => {
  const address = new URL(assetAddress('/.proofgate', 'enrol.js'), 'http://localhost')
  assert.equal(address.pathname, '/.proofgate/assets/enrol.js')
  const version = address.searchParams.get('v')!
  assert.match(assetCacheControl('enrol.js', version), /immutable/)
  assert.equal(assetCacheControl('enrol.js', 'older'), 'no-cache')
  assert.equal(assetCacheControl('enrol.js', undefined), 'no-cache')
  assert.equal(assetCacheControl('unknown.js', undefined), 'no-cache')
})

test('a page that asks for a script that is not there is a bug', () => {
  assert.throws(() => assetAddress('', 'missing.js'), /no asset called missing\.js/)
})

test('scripts for pages of API hosts stand alone, and are short', () => {
  const script = sdkScript('proofgate.js')
  assert.ok(script !== undefined && script.body.length <= 4096, `${script?.body.length}`)
  assert.doesNotMatch(script.body.toString(), /\bimport\b|\binnerHTML\b|\beval\b/)
  assert.match(sdkScript('react.js')?.body.toString() ?? '', /from '\.\/proofgate\.js'/)
  for (const name of ['', 'sign-in.js', '../login/sign-in.js', 'proofgate.ts', '__proto__']) {
    assert.equal(sdkScript(name), undefined)
  }
})

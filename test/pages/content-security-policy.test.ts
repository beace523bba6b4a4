import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentSecurityPolicy } from '../../src/pages/index.ts'

test('the policy allows nothing inline, nothing from elsewhere and no frame', () => {
  assert.equal(
    contentSecurityPolicy(),
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
      "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; " +
      "require-trusted-types-for 'script'; trusted-types 'none'",
  )
})

test('a page before a redirect may name where its form leads', () => {
  const policy = contentSecurityPolicy({
    formAction: ['https://orders.example.test', 'http://127.0.0.1:49152', 'com.example.app:'],
  })
  assert.match(
    policy,
    /; form-action 'self' https:\/\/orders\.example\.test http:\/\/127\.0\.0\.1:49152 com\.example\.app:;/,
  )
})

test('a source that would change the policy is refused', () => {
  const sources = [
    "https://a.example; script-src 'unsafe-inline'",
    'https://a.example https://b.example',
    "'unsafe-inline'",
    'https://a.example,',
    '*',
    '',
    'https://a.example\nx',
  ]
  for (const source of sources) {
    assert.throws(() => contentSecurityPolicy({ formAction: [source] }), /malformed/, source)
  }
})

test('only the hash of a style sheet may allow an inline style', () => {
  const hash = `sha256-${'A'.repeat(43)}=`
  assert.match(
    contentSecurityPolicy({ inlineStyle: hash }),
    new RegExp(`style-src 'self' '${hash}';`),
  )
  for (const wrong of ['unsafe-inline', `${hash}'; script-src *`, 'sha256-', '']) {
    assert.throws(() => contentSecurityPolicy({ inlineStyle: wrong }), /malformed/, wrong)
  }
})

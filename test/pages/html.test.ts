import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { fill, html, Markup, safeAddress } from '../../src/pages/html.ts'
import type { Interpolation } from '../../src/pages/html.ts'

test('text is escaped in content and in attributes', () => {
  const probe = `"><img src=x onerror='a()'>&\``
  assert.equal(
    html`<p title="${probe}">${probe}</p>`.toString(),
    '<p title="&quot;&gt;&lt;img src=x onerror=&#39;a()&#39;&gt;&amp;&#96;">' +
      '&quot;&gt;&lt;img src=x onerror=&#39;a()&#39;&gt;&amp;&#96;</p>',
  )
})

test('markup passes, lists are joined, nothing prints nothing', () => {
  const items: readonly Interpolation[] = ['a<', html`<b>${'b'}</b>`, 3, undefined, false]
  assert.equal(html`[${items}]`.toString(), '[a&lt;<b>b</b>3]')
})

test('an object that looks like markup is not markup', () => {
  const forged = { toString: () => '<script>' } as unknown as Markup
  assert.throws(() => html`${forged}`, TypeError)
  const inherited = Object.create(Markup.prototype) as Markup
  assert.throws(() => html`${inherited}`.toString(), TypeError)
})

test('a template with an attribute value that is not in double quotes is refused', () => {
  // Called by another name, because the formatter mends what it knows to be HTML.
  const template = html
  assert.throws(() => template`<p title=${'x'}></p>`, /double quotes/)
  assert.throws(() => template`<p title='${'x'}'></p>`, /double quotes/)
  assert.throws(() => template`<p title= ${'x'}></p>`, /double quotes/)
})

test('indentation of a template is dropped, and that of a value is kept', () => {
  const template = html
  assert.equal(template`<p>\n    ${'a\n  b'}\n  </p>`.toString(), '<p>\na\n  b\n</p>')
})

test('controls and marks that reverse the reading direction are made visible', () => {
  for (const character of [
    '\0',
    '\b',
    '\u001b',
    '\u202e',
    '\u2066',
    '\u2028',
    '\u0085',
    '\ud800',
  ]) {
    assert.equal(html`${`a${character}b`}`.toString(), 'a\ufffdb')
  }
  assert.equal(html`${'a\n\tб 字 👩‍💻'}`.toString(), 'a\n\tб 字 👩‍💻')
})

test('no text at all leaves its place', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.doesNotMatch(html`${text}`.toString(), /[<>"'`\0]/)
    }),
  )
})

test('a text of the catalogue is filled in and escaped on both sides', () => {
  assert.equal(
    fill('<{a}> & {b}', { a: '<i>', b: html`<b>${'b'}</b>` }).toString(),
    '&lt;&lt;i&gt;&gt; &amp; <b>b</b>',
  )
})

test('a place of a text without a value is a bug, and prototypes have no values', () => {
  assert.throws(() => fill('{missing}', {}), /no value for \{missing\}/)
  assert.throws(() => fill('{constructor}', {}), /no value/)
})

test('a filled value is not filled again', () => {
  assert.equal(fill('{a}', { a: '{b}', b: 'no' }).toString(), '{b}')
})

test('only paths of this host and http addresses may be linked to', () => {
  for (const good of ['/', '/a?b#c', 'https://a.example/b', 'HTTP://localhost:8080', '/a//b']) {
    assert.equal(safeAddress(good), good)
  }
  const bad = [
    'javascript:alert(1)',
    ' javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    '//evil.example',
    '/\\evil.example',
    '/a\\b',
    '\\\\evil.example',
    '/\t/evil.example',
    'https:evil.example',
    'https://',
    'https://a b/',
    'ftp://a.example',
    'relative',
    '',
    undefined,
  ]
  for (const address of bad) assert.equal(safeAddress(address), undefined, String(address))
})

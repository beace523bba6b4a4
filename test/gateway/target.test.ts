import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isRefusal } from '../../src/core/index.ts'
import { originForm, parseTarget } from '../../src/gateway/incoming/target.ts'

/** `undefined` for a refusal. */
function path(raw: string): string | undefined {
  const target = parseTarget(raw)
  return isRefusal(target) ? undefined : target.path
}

describe('the normal form of a target', () => {
  it('leaves plain paths as they are', () => {
    for (const raw of [
      '/',
      '/a',
      '/a/',
      '/a/b.c/d-e_f~g',
      '/a:b@c',
      "/!$&'()*+,=",
      '/a.',
      '/...',
      '/a..b',
    ]) {
      assert.equal(path(raw), raw)
    }
  })

  it('refuses dot segments in every spelling', () => {
    const dots = ['.', '..', '%2e', '%2E', '.%2e', '%2e.', '%2E%2e', '.;a', '..;a=b', '%2e%2e;']
    for (const dot of dots) {
      for (const raw of [`/${dot}`, `/${dot}/`, `/a/${dot}`, `/a/${dot}/b`, `/${dot}/a`]) {
        assert.equal(path(raw), undefined, raw)
      }
    }
  })

  it('refuses empty segments but for one at the end', () => {
    for (const raw of ['//', '//a', '/a//', '/a//b', '/;', '/a/;x', '/;x/a']) {
      assert.equal(path(raw), undefined, raw)
    }
  })

  it('refuses other forms of target', () => {
    for (const raw of [
      '',
      'a',
      '*',
      'http://a/b',
      '//a/b',
      '?a',
      '\\a',
      'a:1',
      ' /a',
      '/a b',
      '/a\t',
    ]) {
      assert.equal(path(raw), undefined, raw)
    }
  })

  it('refuses broken escapes and those of separators and controls', () => {
    for (const escape of [
      '%',
      '%2',
      '%zz',
      '%2f',
      '%2F',
      '%5c',
      '%5C',
      '%00',
      '%0a',
      '%1f',
      '%7F',
      '%+2',
      '% 2',
    ]) {
      assert.equal(path(`/a${escape}x`), undefined, escape)
      assert.equal(path(`/a/${escape}`), undefined, escape)
    }
  })

  it('decodes once what never needs an escape and writes the rest in one way', () => {
    assert.equal(path('/%61%2d%7E'), '/a-~')
    assert.equal(path('/%e2%82%ac%3f%23'), '/%E2%82%AC%3F%23')
    assert.equal(path('/%252e%252e/'), '/%252e%252e/')
  })

  it('refuses characters written in more bytes than they need', () => {
    for (const escapes of ['%c0%ae', '%C1%9C', '%e0%80%af', '%F0%80%80%AF', '%c0%af']) {
      assert.equal(path(`/a/..${escapes}b`), undefined, escapes)
    }
    assert.equal(path('/%C0b/%c3%a4'), '/%C0b/%C3%A4')
  })

  it('bounds the length and keeps the query apart', () => {
    assert.equal(path(`/${'a'.repeat(8191)}`)?.length, 8192)
    assert.equal(path(`/${'a'.repeat(8192)}`), undefined)
    assert.equal(path(`/a?${'b'.repeat(8192)}`), undefined)
    const target = parseTarget('/a?b=/../c?d')
    assert.ok(!isRefusal(target))
    assert.deepEqual(target, { path: '/a', query: 'b=/../c?d' })
    for (const raw of ['/a?b#c', '/a#b', '/a?b c', '/a?\u0000', '/a?é', '/a?\u007f']) {
      assert.equal(path(raw), undefined, raw)
    }
  })

  it('is its own normal form, and never has a segment another program would fold', () => {
    const piece = fc.constantFrom(
      '/',
      '.',
      '..',
      '%2e',
      '%2f',
      '%5c',
      ';',
      'a',
      '%61',
      '%41',
      '%',
      '\\',
      '?',
      '#',
      '%00',
      '//',
      '%25',
      'é',
      ' ',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const found = path(`/${pieces.join('')}`)
        if (found === undefined) return
        assert.equal(path(found), found)
        assert.equal(new URL(found, 'http://h').pathname, found)
        assert.equal(new URL(found, 'http://h').host, 'h')
        assert.doesNotMatch(found, /%2f|%5c|%2e|\\|%00/i)
      }),
      { numRuns: 5000 },
    )
  })
})

describe('a target in absolute form', () => {
  it('is its path when it names the host and scheme that are asked', () => {
    assert.equal(originForm('http://a.example/b?c', 'http', 'a.example'), '/b?c')
    assert.equal(originForm('HTTPS://A.example:8', 'https', 'a.example:8'), '/')
    assert.equal(originForm('http://a.example?b', 'http', 'a.example'), '/?b')
  })

  it('stays what it is otherwise', () => {
    for (const raw of [
      'https://a.example/b',
      'http://b.example/b',
      'http://a.example:80/b',
      'http://u@a.example/b',
      'http://a.example#/b',
      'http://a.example\\b',
      'http:/a.example/b',
      'http:///b',
      'xhttp://a.example/b',
      '*',
    ]) {
      assert.equal(originForm(raw, 'http', 'a.example'), raw)
      assert.ok(isRefusal(parseTarget(raw)), raw)
    }
    assert.equal(originForm('http:///b', 'http', ''), 'http:///b')
  })
})

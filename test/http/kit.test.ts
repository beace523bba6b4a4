import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, test } from 'node:test'
import { isRefusal } from '../../src/core/index.ts'
import {
  checkSameOrigin,
  cookie,
  cookieName,
  FormTokens,
  httpErrors,
  matchPath,
  parseReturnTo,
  problemOf,
  readCookie,
  Router,
  withoutCookies,
} from '../../src/http/index.ts'

const requestWith = (headers: object): IncomingMessage =>
  ({ headers }) as unknown as IncomingMessage

describe('a return address', () => {
  for (const value of [
    undefined,
    null,
    '',
    'x',
    '//e',
    '/\\e',
    '\\e',
    'https://e',
    'https:e',
    'data:x',
    '/\te',
    '/a\nb',
    '/a b',
    '/%2fe',
    '/%2Fe',
    '/%5Ce',
    '/%09e',
    '/a/..//e',
    '/.//e',
    `/${'a'.repeat(2048)}`,
    '/ä',
    '/\u2028',
  ]) {
    test(`that is ${JSON.stringify(value)?.slice(0, 24)} is none`, () => {
      assert.equal(parseReturnTo(value, '/home'), '/home')
    })
  }

  test('that is a path of ours stays as it is', () => {
    for (const path of ['/', '/a', '/a?b=c&d=//e', '/a/%20b', '/a?x=https://e']) {
      assert.equal(parseReturnTo(path), path)
    }
  })
})

describe('cookies', () => {
  test('that occur twice, or in too long a header, are not read', () => {
    assert.equal(readCookie('a=1; b=2', 'b'), '2')
    assert.equal(readCookie('b=1; b=2', 'b'), undefined)
    assert.equal(readCookie('xb=1', 'b'), undefined)
    assert.equal(readCookie(`b=1; c=${'x'.repeat(9000)}`, 'b'), undefined)
    assert.equal(readCookie(undefined, 'b'), undefined)
  })

  test('are host-only, out of reach of scripts and bound to https where there is any', () => {
    const name = cookieName('pg', true)
    assert.equal(name, '__Host-pg')
    const line = cookie({ name, value: 'v', secure: true, sameSite: 'Strict', maxAge: 0 })
    assert.equal(line, '__Host-pg=v; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=0')
  })

  test('of ours are taken out and the others stay', () => {
    assert.equal(withoutCookies('a=1; pg=2; b=3', new Set(['pg'])), 'a=1; b=3')
    assert.equal(withoutCookies('pg=2; pg=3', new Set(['pg'])), undefined)
  })
})

describe('requests from elsewhere', () => {
  test('are told by what browsers say', () => {
    const origin = 'http://auth.test'
    for (const headers of [
      { origin: 'http://auth.test.evil' },
      { origin: 'null' },
      { origin: '' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin, 'sec-fetch-site': 'cross-site' },
    ]) {
      assert.ok(isRefusal(checkSameOrigin(requestWith(headers), origin)))
    }
    for (const headers of [{}, { origin }, { origin, 'sec-fetch-site': 'same-origin' }]) {
      assert.equal(checkSameOrigin(requestWith(headers), origin), undefined)
    }
  })

  test('do not know the form token, which is another in every session and process', () => {
    const tokens = new FormTokens()
    const token = tokens.issue('one')
    assert.equal(tokens.check('one', token), undefined)
    for (const wrong of [
      undefined,
      '',
      `${token}x`,
      tokens.issue('two'),
      new FormTokens().issue('one'),
    ]) {
      assert.ok(isRefusal(tokens.check('one', wrong)))
    }
  })
})

describe('routes', () => {
  test('match whole segments, decoded once, never empty', () => {
    assert.deepEqual({ ...matchPath('/a/{id}', '/a/x%2Fy') }, { id: 'x/y' })
    for (const path of ['/a', '/a/', '/a/x/y', '/A/x', '/a/%zz', '//a/x']) {
      assert.equal(matchPath('/a/{id}', path), undefined, path)
    }
    assert.equal(Object.getPrototypeOf(matchPath('/{__proto__}', '/x')), null)
  })

  test('tell a wrong method from a wrong path', () => {
    const router = new Router({ 'POST /a': () => undefined })
    const wrong = router.find('GET', '/a')
    assert.ok(isRefusal(wrong) && wrong.status === 405 && wrong.headers?.['allow'] === 'POST')
    const missing = router.find('POST', '/b')
    assert.ok(isRefusal(missing) && missing.status === 404)
  })
})

test('a problem discloses its fixed text and nothing that was found', () => {
  const refusal = httpErrors.refuse('malformed', 'secret detail')
  assert.ok(!JSON.stringify(problemOf(refusal, 'id')).includes('secret'))
})

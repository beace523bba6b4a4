import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { millis } from '../../src/core/index.ts'
import { RouteTree } from '../../src/gateway/index.ts'
import type { Route, RouteSegment } from '../../src/gateway/route.ts'

function route(id: string): Route {
  const [method = '', path = ''] = id.split(' ')
  const segments = path
    .split('/')
    .slice(1)
    .filter((text) => text !== '' || path.length > 1)
    .map((text): RouteSegment => {
      const name = /^\{(\w+)(\+?)\}$/.exec(text)
      if (name === null) return { kind: 'literal', text }
      return { kind: name[2] === '+' ? 'rest' : 'parameter', name: name[1] ?? '' }
    })
  const limit = { rate: 1, burst: 1 }
  return {
    id,
    key: id,
    method,
    segments: path === '/' ? [] : segments,
    authorizer: { kind: 'open' },
    proof: undefined,
    boundProof: undefined,
    throttle: { route: undefined, principal: limit },
    websocket: undefined,
    streams: { maxAge: millis(1), idle: millis(1), outlivesToken: false },
    shedLevel: 2,
    maxBody: 0,
    timeout: 1 as Route['timeout'],
    totalTimeout: undefined,
    rewrite: undefined,
    headers: undefined,
    cors: undefined,
    answer: undefined,
    maintenance: undefined,
    split: undefined,
    mirror: undefined,
    conditions: undefined,
  }
}

function finder(...ids: string[]): (method: string, path: string) => string | undefined {
  const tree = new RouteTree(ids.map((id) => route(id)))
  return (method, path) => tree.find(method, path)?.id
}

describe('the route tree', () => {
  it('prefers a literal to a parameter to the rest, segment by segment', () => {
    const find = finder('GET /a/b', 'GET /a/{x}', 'GET /a/{x+}', 'GET /{y}/b', 'GET /{z+}')
    assert.equal(find('GET', '/a/b'), 'GET /a/b')
    assert.equal(find('GET', '/a/c'), 'GET /a/{x}')
    assert.equal(find('GET', '/a/c/d'), 'GET /a/{x+}')
    assert.equal(find('GET', '/c/b'), 'GET /{y}/b')
    assert.equal(find('GET', '/c/d'), 'GET /{z+}')
  })

  it('prefers a named method to ANY, and looks on when only the method does not fit', () => {
    const find = finder('ANY /a', 'GET /a', 'POST /{x}', 'DELETE /{x+}')
    assert.equal(find('GET', '/a'), 'GET /a')
    assert.equal(find('PUT', '/a'), 'ANY /a')
    assert.equal(find('POST', '/b'), 'POST /{x}')
    assert.equal(find('DELETE', '/b'), 'DELETE /{x+}')
    assert.equal(find('GET', '/b'), undefined)
    assert.equal(find('get', '/b'), undefined)
  })

  it('fills no parameter with nothing and tells a slash at the end apart', () => {
    const find = finder('GET /a/{x}', 'GET /a/{x}/{y+}', 'GET /s/', 'GET /')
    assert.equal(find('GET', '/a/'), undefined)
    assert.equal(find('GET', '/a'), undefined)
    assert.equal(find('GET', '/a/b/'), undefined)
    assert.equal(find('GET', '/s/'), 'GET /s/')
    assert.equal(find('GET', '/s'), undefined)
    assert.equal(find('GET', '/'), 'GET /')
  })

  it('knows no route by the name of something every object has', () => {
    const find = finder('GET /a')
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      assert.equal(find('GET', `/${name}`), undefined)
      assert.equal(find(name, '/a'), undefined)
    }
  })

  it('takes literals literally and compares them with case', () => {
    const find = finder('GET /a*b/x', 'GET /A')
    assert.equal(find('GET', '/a*b/x'), 'GET /a*b/x')
    assert.equal(find('GET', '/aXb/x'), undefined)
    assert.equal(find('GET', '/a'), undefined)
  })

  it('gives up on paths that are too deep, and finds its way without trying every one', () => {
    const find = finder(
      'GET /{x+}',
      ...Array.from({ length: 12 }, (_, n) => `POST ${'/a'.repeat(n)}/{x}/a`),
    )
    assert.equal(find('GET', '/a'.repeat(128)), 'GET /{x+}')
    assert.equal(find('GET', '/a'.repeat(129)), undefined)
  })
})

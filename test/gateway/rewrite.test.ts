import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isRefusal } from '../../src/core/index.ts'
import { parseTarget } from '../../src/gateway/incoming/target.ts'
import { editHeaders } from '../../src/gateway/rewrite/header-edits.ts'
import type { HeaderEdits } from '../../src/gateway/rewrite/header-edits.ts'
import { editQuery, reservedNames } from '../../src/gateway/rewrite/query.ts'
import type { QueryEdits } from '../../src/gateway/rewrite/query.ts'
import { rewriteTarget } from '../../src/gateway/rewrite/rewrite.ts'
import type { PathRewrite } from '../../src/gateway/rewrite/rewrite.ts'
import { fillIn, headerEncoding, queryEncoding } from '../../src/gateway/rewrite/values.ts'
import type { Value, ValueFacts } from '../../src/gateway/rewrite/values.ts'

function facts(path = '/', principal: Partial<ValueFacts['principal']> = {}): ValueFacts {
  return {
    incoming: { requestId: 'request-1' },
    api: { name: 'orders' },
    route: { id: 'GET /orders/{id}' },
    target: { path },
    principal: { kind: 'person', username: 'alice', subject: 'p1', ...principal },
  }
}

const username: Value = [{ fact: 'principal.username' }]

/** A path as the gateway takes it; `undefined` when it does not. */
function canonical(raw: string): string | undefined {
  const target = parseTarget(raw)
  return isRefusal(target) ? undefined : target.path
}

function rewritten(raw: string, path: PathRewrite): string | undefined {
  const target = parseTarget(raw)
  if (isRefusal(target)) return undefined
  const made = rewriteTarget(target, { path, query: undefined }, facts(target.path))
  return isRefusal(made) ? made.code : made.path + (made.query === '' ? '' : `?${made.query}`)
}

describe('a path rewritten by a template', () => {
  const template: PathRewrite = {
    kind: 'template',
    parts: ['/internal/', { segment: 1, rest: false }, '/x/', { segment: 2, rest: true }],
  }

  it('takes parts of the path as they stand in their canonical form', () => {
    for (const [sent, made] of [
      ['/api/1/a/b', '/internal/1/x/a/b'],
      ['/api/%41/a%20b', '/internal/A/x/a%20b'],
      ['/api/a;v=1/%c3%a4', '/internal/a;v=1/x/%C3%A4'],
      ['/api/%252e%252e/b', '/internal/%252e%252e/x/b'],
      ['/api/1/b/', '/internal/1/x/b/'],
      ['/api/1/b?q=/../%2e&&x', '/internal/1/x/b?q=/../%2e&&x'],
      ['/api/.../b', '/internal/.../x/b'],
    ] as const) {
      assert.equal(rewritten(sent, template), made, sent)
    }
  })

  it('refuses what would have another form, and what became too long', () => {
    const inside: PathRewrite = {
      kind: 'template',
      parts: ['/a/', { segment: 0, rest: true }, '/b'],
    }
    assert.equal(rewritten('/x/', inside), 'gateway.ambiguous_path')
    assert.equal(rewritten('/x', { kind: 'template', parts: ['/%7E'] }), 'gateway.ambiguous_path')
    const twice: PathRewrite = {
      kind: 'template',
      parts: ['/', { segment: 0, rest: false }, '/', { segment: 0, rest: false }],
    }
    assert.equal(rewritten(`/${'a'.repeat(5000)}`, twice), 'gateway.target_too_long')
  })

  it('makes a path in normal form or none, whatever is sent', () => {
    const segment = fc.stringMatching(/^[A-Za-z0-9.;%~!$&'()*+,=:@/-]{0,12}$/)
    fc.assert(
      fc.property(segment, segment, segment, (a, b, c) => {
        const sent = `/${a}/${b}/${c}`
        const path = canonical(sent)
        if (path === undefined || path.split('/').length < 4) return
        const made = rewritten(sent, template)
        if (made === undefined || made.startsWith('gateway.')) return
        assert.equal(canonical(made), made)
        assert.ok(made.startsWith('/internal/'))
        assert.equal(made.split('/')[2], path.split('/')[2])
        assert.ok(!/\/\.{1,2}(?:[/;]|$)/.test(made), made)
      }),
      { numRuns: 5000 },
    )
  })
})

describe('a path rewritten by prefixes', () => {
  it('cuts off and puts before, and never makes an empty path', () => {
    for (const [strip, add, sent, made] of [
      ['/api', '', '/api/orders', '/orders'],
      ['/api', '', '/api', '/'],
      ['/api', '', '/api/', '/'],
      ['/api', '/v2', '/api', '/v2'],
      ['/api', '/v2', '/api/', '/v2/'],
      ['/api', '/v2', '/api/a?b=c', '/v2/a?b=c'],
      ['', '/v2', '/', '/v2/'],
      ['/a/b', '', '/a/b/c', '/c'],
    ] as const) {
      assert.equal(rewritten(sent, { kind: 'prefix', strip, add }), made, `${strip} ${add} ${sent}`)
    }
  })
})

const noEdits: Omit<QueryEdits, 'reserved'> = {
  keep: undefined,
  remove: new Set(),
  rename: new Map(),
  set: new Map(),
  add: new Map(),
}

/** The code of a refusal, or the new query. */
function edited(query: string, edits: Partial<QueryEdits>, more = facts('/orders/1')): string {
  const all = { ...noEdits, ...edits }
  const made = editQuery(query, { ...all, reserved: reservedNames(all) }, more)
  return isRefusal(made) ? made.code : made
}

describe('changes to a query', () => {
  it('leave what they do not touch as it was sent, byte for byte', () => {
    for (const query of [
      'a=1&b=%2f%2F&c=+%20&d',
      'a&&b=&=c&a=2',
      "x=a'b(c)*!~:@/?",
      '%61=1',
      '&',
      '',
    ]) {
      assert.equal(edited(query, { remove: new Set(['no']) }), query)
    }
  })

  it('remove a name in every spelling and every copy', () => {
    const remove = new Set(['role', 'a b', 'ä'])
    for (const query of [
      'role=1',
      'role',
      'role=1&role=2',
      'r%6fle=1',
      '%72%6F%6C%65=1&x=1&role',
      'a+b=1',
      'a%20b=1',
      '%C3%A4=1',
    ]) {
      const rest = edited(query, { remove })
      assert.ok(rest === '' || rest === 'x=1', `${query}: ${rest}`)
    }
    assert.equal(
      edited('roles=1&Role=1&rol=e&x[role]=1&[role]=1', { remove }),
      'roles=1&Role=1&rol=e&x[role]=1&[role]=1',
    )
  })

  it('leave no copy that a service would read as a list, a map or a variable of the name', () => {
    const set = new Map<string, Value>([['user_id', username]])
    const remove = new Set(['role', 'filter[admin]'])
    const rename = new Map([['q', 'search']])
    for (const query of [
      'role[]=1',
      'role%5B%5D=1',
      'role[0]=1&role[a][b]=1',
      '%20role=1&+role[]=1',
      'user_id[]=eve',
      'user_id[x]=eve&user.id=eve&user+id=eve&user[id=eve',
      'search[]=evil&search[a]=evil',
      'filter[admin]=1&filter%5Badmin%5D[]=1',
    ]) {
      assert.equal(edited(query, { remove, rename, set }), 'user_id=alice', query)
    }
    const kept = 'filter[name]=1&roles[]=1&id[user]=1'
    assert.equal(edited(kept, { remove, rename }), kept)
    assert.equal(edited(`${'['.repeat(8000)}=1`, { remove }).length, 8002)
  })

  it('set a name that another is renamed to, so that only one of them is left', () => {
    const rename = new Map([['who', 'user']])
    const set = new Map<string, Value>([['user', username]])
    assert.equal(edited('who=eve&a=1', { rename, set }), 'a=1&user=alice')
  })

  it('refuse a name with a zero byte, where some programs end it', () => {
    assert.equal(edited('role%00x=1', { remove: new Set(['role']) }), 'gateway.ambiguous_query')
  })

  it('keep only what is named', () => {
    const keep = new Set(['a', 'b'])
    assert.equal(edited('a=1&c=2&b&%61=3&&d=4', { keep }), 'a=1&b&%61=3')
    assert.equal(edited('c=1', { keep }), '')
  })

  it('refuse a query that could be divided or read in another way', () => {
    for (const query of ['a=1;role=admin', ';', 'a=b;', '%zz=1', '%=1', '%c3=1', 'a=1&%ff']) {
      assert.equal(edited(query, { remove: new Set(['role']) }), 'gateway.ambiguous_query', query)
    }
    assert.equal(edited('a=%zz&b=%ff', { remove: new Set(['role']) }), 'a=%zz&b=%ff')
    assert.equal(edited('a=1%3Brole=admin', { remove: new Set(['role']) }), 'a=1%3Brole=admin')
  })

  it('rename without touching the value, and drop a copy under the new name', () => {
    const rename = new Map([['q', 'search']])
    assert.equal(edited('q=a%2fb+c&x=1', { rename }), 'search=a%2fb+c&x=1')
    assert.equal(edited('search=evil&q=a&se%61rch=evil', { rename }), 'search=a')
    assert.equal(edited('search=evil', { rename }), '')
    assert.equal(edited('q', { rename }), 'search')
  })

  it('set a name once, whatever the caller sent', () => {
    const set = new Map<string, Value>([['user', username]])
    assert.equal(edited('user=bob&a=1&us%65r=eve&user', { set }), 'a=1&user=alice')
    assert.equal(edited('', { set }), 'user=alice')
  })

  it('remove what the caller sent when there is no value to set', () => {
    const set = new Map<string, Value>([['user', username]])
    const nobody = facts('/', { kind: 'anonymous', username: undefined, subject: 'anonymous' })
    assert.equal(edited('user=bob&a=1', { set }, nobody), 'a=1')
    const subject = new Map<string, Value>([['s', [{ fact: 'principal.subject' }]]])
    assert.equal(edited('s=p1', { set: subject }, nobody), '')
  })

  it('add behind what the caller sent', () => {
    const add = new Map<string, Value>([['tag', ['gateway']]])
    assert.equal(edited('tag=a', { add }), 'tag=a&tag=gateway')
  })

  it('never let a value end its place, whoever chose it', () => {
    const set = new Map<string, Value>([
      ['id', [{ segment: 1, rest: false }]],
      ['by', username],
      ['with space', ['a&b=c#%+é']],
    ])
    const more = facts("/orders/1&admin=1;x=+%26'", { username: 'a&admin=1#\r\n%26+é' })
    assert.equal(
      edited('', { set }, more),
      'id=1%26admin%3D1%3Bx%3D%2B%26%27&by=a%26admin%3D1%23%0D%0A%2526%2B%C3%A9&with%20space=a%26b%3Dc%23%25%2B%C3%A9',
    )
  })

  it('decode to what was meant, for any text', () => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 })
    const names = text.filter((name) => !name.includes('\0'))
    fc.assert(
      fc.property(names, text, (name, value) => {
        const set = new Map<string, Value>([['v', username]])
        const query = edited(
          `${encodeURIComponent(name)}=1`,
          { set, remove: new Set([name]) },
          facts('/', { username: value }),
        )
        const read = new URLSearchParams(query)
        assert.deepEqual([...read], [['v', value]])
        assert.ok(!isRefusal(parseTarget(`/?${query}`)))
      }),
    )
  })
})

function edits(change: { remove?: string[]; write?: [string, Value][] }): HeaderEdits {
  return {
    removed: new Set(change.remove ?? []),
    written: (change.write ?? []).map(([name, value]) => ({ name, value })),
  }
}

describe('changes to headers', () => {
  it('remove every spelling that a service could take for the name', () => {
    const headers = ['X-User', 'a', 'x_user', 'b', 'X.USER', 'c', 'x-users', 'd', 'xuser', 'e']
    editHeaders(headers, [edits({ remove: ['x-user'] })], facts())
    assert.deepEqual(headers, ['x-users', 'd', 'xuser', 'e'])
  })

  it('remove a copy of the caller even when there is no value to set', () => {
    const headers = ['X-User', 'forged', 'a', '1']
    const set = edits({ remove: ['x-user'], write: [['x-user', username]] })
    editHeaders(headers, [set], facts('/', { username: undefined }))
    assert.deepEqual(headers, ['a', '1'])
    editHeaders(headers, [set], facts())
    assert.deepEqual(headers, ['a', '1', 'x-user', 'alice'])
  })

  it('apply one list after the other, so that a route has the last word', () => {
    const headers: string[] = []
    const first = edits({
      write: [
        ['a', ['api']],
        ['b', ['api']],
      ],
    })
    const second = edits({ remove: ['a'], write: [['a', ['route ', { fact: 'requestId' }]]] })
    editHeaders(headers, [first, second], facts())
    assert.deepEqual(headers, ['b', 'api', 'a', 'route request-1'])
  })

  it('hold no line break, list sign or half escape, whoever chose the value', () => {
    for (const [name, written] of [
      ['alice@example.com', 'alice@example.com'],
      ['auth0|a1', 'auth0|a1'],
      ['a\r\nX-Admin: 1', 'a%0D%0AX-Admin:%201'],
      ['a,admin', 'a%2Cadmin'],
      ['a;b="c"', 'a%3Bb=%22c%22'],
      ['Zoë', 'Zo%C3%AB'],
      ['Zo%C3%AB', 'Zo%25C3%25AB'],
      [' a ', '%20a%20'],
      ['\u0000\u007f\u2028', '%00%7F%E2%80%A8'],
      ['😀', '%F0%9F%98%80'],
    ] as const) {
      assert.equal(fillIn(username, facts('/', { username: name }), headerEncoding), written)
    }
    assert.equal(fillIn(username, facts('/', { username: 'a\ud800' }), headerEncoding), undefined)
    assert.equal(fillIn(username, facts('/', { username: '' }), queryEncoding), undefined)
  })

  it('write different people differently', () => {
    const write = (name: string) => fillIn(username, facts('/', { username: name }), headerEncoding)
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(text, text, (one, other) => {
        assert.equal(write(one) === write(other), one === other)
        assert.match(write(one) ?? '', /^[!-~]+$/)
        assert.equal(decodeURIComponent(write(one) ?? ''), one)
      }),
    )
  })

  it('take path parts in their canonical form, in which nothing is left that ends a value', () => {
    const value: Value = [{ segment: 0, rest: false }, '/', { segment: 1, rest: true }]
    assert.equal(canonical('/a%0d%0aX:1/b'), undefined)
    const path = canonical('/a%20b,c/%C3%A4/d') ?? ''
    assert.equal(fillIn(value, facts(path), headerEncoding), 'a%20b%2Cc/%C3%A4/d')
    const tenant: Value = ['tenant=', { segment: 0, rest: false }, ';role=user']
    const evil = canonical("/1;role=admin,x='y'") ?? ''
    assert.equal(
      fillIn(tenant, facts(evil), headerEncoding),
      "tenant=1%3Brole=admin%2Cx='y';role=user",
    )
  })
})

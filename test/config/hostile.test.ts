import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { printProblems, problemsJson, sampleConfiguration } from '../../src/config/index.ts'
import { filesOf, load, placed, problemsOf, small } from './given.ts'

const codes = (text: string): string[] => [...new Set(problemsOf(text).map(({ code }) => code))]

test('an alias bomb is refused', () => {
  const rows = Array.from({ length: 12 }, (_, index) => {
    const item = index === 0 ? '"x"' : `*a${index - 1}`
    return `a${index}: &a${index} [${Array.from({ length: 9 }, () => item).join(', ')}]`
  })
  assert.deepEqual(codes(`version: 1\n${rows.join('\n')}\n`), ['config.alias'])
})

test('an alias to what it stands in is refused', () => {
  assert.deepEqual(codes('version: 1\npeople: &a [*a]\n'), ['config.too-deep'])
  assert.ok(codes('version: 1\npeople: &a [*a, *a, *a]\n').length > 0)
})

test('many aliases are refused, a few are not', () => {
  const text = (count: number): string =>
    `version: 1\npeople:\n  - { username: x, groups: &g [] }\n${Array.from({ length: count }, (_, index) => `  - { username: u${index}, groups: *g }\n`).join('')}`
  assert.deepEqual(codes(text(100)), [])
  assert.deepEqual(codes(text(101)), ['config.alias'])
})

test('nesting of 10,000 is refused, in every way to write it', () => {
  for (const opening of ['[', '- ', '{a: ', '? ', '[[', '- - ', '- [']) {
    assert.deepEqual(codes(`a: ${opening.repeat(10_000)}`).length, 1, opening)
  }
  assert.deepEqual(codes('['.repeat(10_000)), ['config.too-deep'])
  const indented = Array.from({ length: 1000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')
  assert.deepEqual(codes(indented), ['config.too-deep'])
  assert.deepEqual(codes(`a: ${'['.repeat(70)}${']'.repeat(70)}`), ['config.too-deep'])
})

test('ten megabytes are refused', () => {
  assert.deepEqual(codes('#'.repeat(10_000_000)), ['config.too-large'])
  assert.deepEqual(codes(`version: 1\nregion: "${'a'.repeat(10_000_000)}"\n`), ['config.too-large'])
})

test('a heap of symbols is refused', () => {
  for (const piece of [',', ']', '"', '&a ', '%a\n', '---\n', '*a,', ': ']) {
    assert.ok(codes(`[${piece.repeat(120_000 / piece.length)}`).length > 0, piece)
  }
})

test('very many symbols, and very many values through few aliases, are refused', () => {
  const symbols = `version: 1\ntrustedProxies: [${'1,'.repeat(61_000)}1]\n`
  assert.deepEqual(codes(symbols), ['config.too-large'])
  const aliases = Array.from({ length: 90 }, () => '*a').join(', ')
  const values = `version: 1\ntrustedProxies: &a [${'1,'.repeat(1000)}1]\npeople: [${aliases}]\n`
  assert.deepEqual(codes(values), ['config.too-large'])
})

test('the environment cannot blow a small file up', () => {
  const text = `version: 1\ntrustedProxies: [${Array.from({ length: 100 }, () => '"${A}"').join(',')}]\n`
  const problems = problemsOf(text, { environment: { A: 'a'.repeat(100_000) } })
  assert.ok(problems.some(({ code }) => code === 'config.too-large'))
})

test('more problems than anyone reads are counted, not listed', () => {
  const keys = Array.from({ length: 5000 }, (_, index) => `key${index}: 1`).join('\n')
  const problems = problemsOf(`version: 1\n${keys}\n`)
  assert.equal(problems.length, 201)
  assert.equal(problems.at(-1)?.code, 'config.too-many')
  assert.match(problems.at(-1)!.message, /4800/)
})

test('control characters of a file never reach a terminal', () => {
  const text = 'version: 1\n"\\e[31mred\\u202e": 1\nregion: "a\u009b31m\\u2028"\n'
  const result = load(text)
  assert.ok('problems' in result)
  const printed = printProblems(result.problems, result.sources)
  assert.doesNotMatch(printed.replaceAll('\n', ''), /[\p{Cc}\u2028\u2029\u202e]/u)
})

const readFile = filesOf({})
const environment = { A: 'x', B: '' }

function neverThrows(text: string): void {
  const result = load(text, { environment, readFile })
  if (!('problems' in result)) return
  for (const problem of result.problems) {
    assert.ok(
      problem.line >= 1 && problem.column >= 1 && problem.hint !== '',
      JSON.stringify(problem),
    )
  }
  assert.equal(typeof printProblems(result.problems, result.sources), 'string')
  JSON.stringify(problemsJson(result.problems))
}

test('no text makes loading throw', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), neverThrows), {
    numRuns: 300,
  })
})

test('no text made of YAML symbols makes loading throw', () => {
  const piece = fc.constantFrom(
    'version: 1',
    '\n',
    '  ',
    '- ',
    ': ',
    '? ',
    '[',
    ']',
    '{',
    '}',
    ',',
    '"',
    "'",
    '|',
    '>',
    '&a ',
    '*a',
    '!!str ',
    '!x',
    '%YAML 1.1',
    '---',
    '...',
    '#',
    '<<',
    '${A}',
    '${',
    '}',
    '\t',
    '\ufeff',
    'apis',
    'routes',
    'path: /',
    'null',
    '~',
    '0x1',
    '.nan',
    '1e999',
    '\ud800',
    '__proto__',
    'policies',
    'file',
    'Statement',
  )
  const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''))
  fc.assert(fc.property(text, neverThrows), { numRuns: 300 })
})

test('no change to a good file makes loading throw', () => {
  const good = sampleConfiguration()
  const change = fc.tuple(
    fc.nat(good.length),
    fc.nat(40),
    fc.constantFrom('', '[', '"', '\n', ': ', '- x', '{}', 'null', '&a', '*a', '${', '-1', '/'),
  )
  fc.assert(
    fc.property(change, ([at, length, put]) =>
      neverThrows(good.slice(0, at) + put + good.slice(at + length)),
    ),
    { numRuns: 300 },
  )
})

test('no value in the place of another makes loading throw', () => {
  const keys = [
    'version',
    'domain',
    'origin',
    'listeners',
    'identity',
    'relyingParty',
    'tokens',
    'people',
    'groups',
    'policies',
    'attachments',
    'upstreams',
    'issuers',
    'clients',
    'apis',
    'throttles',
    'limits',
    'sessions',
  ]
  const value = fc.jsonValue({ maxDepth: 4 })
  fc.assert(
    fc.property(fc.constantFrom(...keys), value, (key, put) =>
      neverThrows(JSON.stringify({ version: 1, [key]: put })),
    ),
    { numRuns: 200 },
  )
})

test('no file that a policy names makes loading throw', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (content) => {
      load('version: 1\npolicies: { p: { file: p.json } }\n', {
        readFile: filesOf({ '/etc/pg/p.json': content }),
      })
    }),
    { numRuns: 200 },
  )
})

test('a hostile policy file is refused like a hostile configuration', () => {
  const from = (content: string): string[] =>
    placed(
      problemsOf('version: 1\npolicies: { p: { file: p.json } }\n', {
        readFile: filesOf({ '/etc/pg/p.json': content }),
      }),
    )
  assert.deepEqual(
    from('['.repeat(10_000)).map((line) => line.split(' ')[1]),
    ['config.too-deep'],
  )
  assert.deepEqual(from('{}'.padEnd(2_000_000)), ['1:1 config.too-large'])
  assert.ok(from('{ "__proto__": {} }').includes('1:3 config.syntax'))
})

test('the same text always has the same problems', () => {
  assert.deepEqual(problemsOf(`${small}zzz: 1\n`), problemsOf(`${small}zzz: 1\n`))
})

import { test } from 'node:test'
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { commandsOf } from '../scripts/command-reference.ts'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

const documents = globSync('**/*.md', {
  exclude: ['node_modules/**', '**/node_modules/**', 'build/**', 'dist/**'],
}).sort()

function read(path: string): string {
  return readFileSync(path, 'utf8')
}

/** The text without what stands in fences: examples link to nothing and have no headings. */
function prose(text: string): string {
  return text.replace(/^( *)```[^\n]*\n[\s\S]*?^\1```/gm, '')
}

/** Bodies of the fenced blocks, each with its language. */
function fences(text: string): readonly { language: string; body: string }[] {
  return [...text.matchAll(/^( *)```([^\n]*)\n([\s\S]*?)^\1```/gm)].map(
    ([, , language = '', body = '']) => ({ language: language.trim(), body }),
  )
}

/** The anchors a page gets from its headings, as GitHub makes them. */
function anchorsOf(text: string): ReadonlySet<string> {
  const seen = new Map<string, number>()
  const anchors = [...prose(text).matchAll(/^#{1,6} +(.+?) *$/gm)].map(([, heading = '']) => {
    const plain = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-')
    const before = seen.get(plain) ?? 0
    seen.set(plain, before + 1)
    return before === 0 ? plain : `${plain}-${before}`
  })
  return new Set(anchors)
}

interface Link {
  readonly from: string
  readonly to: string
}

function linksOf(from: string): readonly Link[] {
  const text = prose(read(from)).replaceAll(/`[^`\n]*`/g, '')
  return [...text.matchAll(/!?\[[^\]]*\]\(([^)\s]+)\)/g)].map(([, to = '']) => ({ from, to }))
}

function isAddress(to: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/i.test(to)
}

/** What is wrong with a link, if anything is. */
function problemOf({ from, to }: Link): string | undefined {
  const [path = '', anchor] = to.split('#')
  const target = path === '' ? from : join(dirname(from), decodeURI(path))
  if (!existsSync(target)) return `${from}: ${to} leads nowhere`
  if (anchor === undefined) return undefined
  if (statSync(target).isFile() && anchorsOf(read(target)).has(anchor)) return undefined
  return `${from}: ${to} names no heading`
}

test('the documents that a repository needs are there and hold something', () => {
  const needed = [
    'README.md',
    'ARCHITECTURE.md',
    'SECURITY.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'LICENSE',
    'NOTICE',
  ]
  for (const path of needed) assert.ok(read(path).trim().length > 50, path)
  assert.match(read('LICENSE'), /Apache License\s+Version 2\.0, January 2004/)
})

test('every relative link and anchor in the documents resolves', () => {
  const links = documents.flatMap(linksOf).filter(({ to }) => !isAddress(to))
  assert.ok(links.length > 30, 'links are found at all')
  assert.deepEqual(
    links.map(problemOf).filter((problem) => problem !== undefined),
    [],
  )
})

test('links to other places are https, or plain http on this machine', () => {
  const wrong = documents
    .flatMap(linksOf)
    .filter(({ to }) => isAddress(to) && !to.startsWith('https://'))
    .filter(({ to }) => !/^http:\/\/([a-z]+\.)*localhost(:\d+)?(\/|$)/.test(to))
  assert.deepEqual(wrong, [])
})

test('pictures have a text for those who do not see them', () => {
  for (const path of documents) {
    for (const [, text = '', source = ''] of read(path).matchAll(/!\[([^\]]*)\]\(([^)]+)\)/g)) {
      assert.ok(text.length > 20, `${path}: ${source}`)
    }
  }
  assert.match(read('docs/journey.svg'), /<title [\s\S]*<desc /)
})

test('the README names exactly the two commands of npm that it promises', () => {
  const named = fences(read('README.md'))
    .flatMap(({ body }) => body.split('\n'))
    .map((line) => line.trim())
    .filter((line) => /^(npm|npx|yarn|pnpm) /.test(line))
  assert.deepEqual(named, ['npm start', 'npm test'])
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  assert.ok(typeof scripts['start'] === 'string' && typeof scripts['test'] === 'string')
})

test('every npm script that a document names exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  for (const path of documents) {
    for (const [, name = ''] of read(path).matchAll(/npm run (?:--?[a-z-]+ )*([a-z][a-z:-]*)/g)) {
      assert.ok(Object.hasOwn(scripts, name), `${path}: npm run ${name}`)
    }
  }
})

test('every `proofgate` command in the documents is one that exists', async () => {
  const known = new Set((await commandsOf()).map(({ path }) => path))
  const groups = new Set(
    (await commandsOf())
      .filter(({ command }) => command.commands.some((child) => child.name() !== 'help'))
      .map(({ path }) => path),
  )
  const used = documents
    .filter((path) => path !== 'docs/cli.md')
    .flatMap((path) =>
      [
        ...read(path).matchAll(
          /(?:^ *(?:\.\/)?|`(?:\.\/)?|sudo -u proofgate )proofgate ([^\n`]+)/gm,
        ),
      ].map(([, rest = '']) => ({ path, words: rest.trim().split(/\s+/) })),
    )
  assert.ok(used.length > 20, 'commands are found at all')
  for (const { path, words } of used) {
    const [first = '', second = ''] = words
    if (!/^[a-z]+$/.test(first)) continue
    assert.ok(known.has(`proofgate ${first}`), `${path}: proofgate ${words.join(' ')}`)
    if (!groups.has(`proofgate ${first}`) || !/^[a-z]+$/.test(second)) continue
    assert.ok(known.has(`proofgate ${first} ${second}`), `${path}: proofgate ${words.join(' ')}`)
  }
})

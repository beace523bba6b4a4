import { test } from 'node:test'
import assert from 'node:assert/strict'
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

/**
 * What each area may import, besides itself. Everything points down: from the surfaces to the areas with
 * state, from those to the pure ones, and from all of them to `core`.
 */
const allowed: Readonly<Record<string, string>> = {
  core: '',
  certificate: 'core',
  policy: 'core',
  simulation: 'core policy',
  roles: 'core policy',
  webauthn: 'core',
  http: 'core',
  http2: 'core',
  sockets: '',
  pages: 'core',
  identity: 'core',
  session: 'core identity',
  token: 'core',
  metadata: 'core webauthn token',
  throttle: 'core',
  proof: 'core webauthn identity',
  audit: 'core',
  oidc: 'core identity session token throttle',
  login: 'core http pages webauthn identity session proof throttle audit oidc',
  http1: 'core',
  upstream: 'core http1 http2 sockets',
  balance: 'core upstream',
  workers: 'core throttle audit',
  gateway:
    'core certificate http http1 pages policy roles webauthn identity session proof token throttle audit upstream',
  listener: 'core certificate http http1 http2 sockets gateway',
  analysis: 'core policy roles identity proof throttle audit gateway',
  signals: 'core http identity token audit upstream',
  admin:
    'core http policy roles webauthn metadata identity session token audit signals gateway analysis',
  config: 'core certificate policy webauthn metadata proof',
  storage: 'core metadata identity session proof token login oidc signals',
  compose:
    'core certificate http pages policy roles webauthn metadata identity session proof token throttle audit upstream balance workers oidc login signals gateway listener analysis admin config storage',
  client: 'core proof',
  cli: 'core certificate policy simulation metadata proof config gateway analysis audit admin client compose',
  'main.ts': 'core cli config',
}

/**
 * The packages we name, and the areas that know each: one, both halves of the command line, and `login` the shape
 * of what `oidc` hands it.
 */
const packages: Readonly<Record<string, string>> = {
  commander: 'cli client',
  uqr: 'cli client',
  '@napi-rs/keyring': 'client',
  yaml: 'config',
  zod: 'config',
  'oidc-provider': 'oidc login',
}

const sources = globSync('src/**/*.ts').sort()
const importing = /(?:\bfrom|\bimport|\bimport\()\s*'([^'\s]+)'/g

function importsOf(file: string): readonly string[] {
  return [...readFileSync(file, 'utf8').matchAll(importing)].map(([, name = '']) => name)
}

function areaOf(file: string): string {
  return file.split('/')[1] ?? ''
}

test('imports between areas point down only, as the table says', () => {
  assert.ok(sources.length > 100)
  const wrong = sources.flatMap((file) =>
    importsOf(file)
      .filter((name) => name.startsWith('.'))
      .map((name) => posix.join(dirname(file), name))
      .filter((target) => {
        const [from, to] = [areaOf(file), areaOf(target)]
        return from !== to && !(allowed[from] ?? '').split(' ').includes(to)
      })
      .map((target) => `${file} imports ${target}`),
  )
  assert.deepEqual(wrong, [])
})

test('areas are entered through an index.ts only', () => {
  const wrong = sources.flatMap((file) =>
    importsOf(file)
      .map((name) => posix.join(dirname(file), name))
      .filter((target) => target.startsWith('src/') && areaOf(target) !== areaOf(file))
      .filter((target) => posix.basename(target) !== 'index.ts' && file !== 'src/main.ts')
      .map((target) => `${file} imports ${target}`),
  )
  assert.deepEqual(wrong, [])
})

test('a package is known to the areas of the table only', () => {
  const wrong = sources.flatMap((file) =>
    importsOf(file)
      .filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
      .filter((name) => !(packages[name] ?? '').split(' ').includes(areaOf(file)))
      .map((name) => `${file} imports ${name}`),
  )
  assert.deepEqual(wrong, [])
})

test('every area begins with a comment that says what it is for', () => {
  for (const area of readdirSync('src', { withFileTypes: true }).filter((one) =>
    one.isDirectory(),
  )) {
    assert.ok(area.name in allowed, `src/${area.name} has no line in the table`)
    const index = join('src', area.name, 'index.ts')
    assert.ok(existsSync(index), `${index} is missing`)
    assert.match(readFileSync(index, 'utf8'), /^\/\*\*\n \* \S/, `${index} has no doc comment`)
    assert.doesNotMatch(readFileSync(index, 'utf8'), /export \*/, `${index} exports everything`)
  }
})

test('folders hold at most 20 files and files at most 400 lines', () => {
  const folders = new Map<string, number>()
  for (const file of sources) {
    folders.set(dirname(file), (folders.get(dirname(file)) ?? 0) + 1)
    assert.ok(readFileSync(file, 'utf8').split('\n').length <= 401, `${file} is too long`)
  }
  assert.deepEqual(
    [...folders].filter(([, count]) => count > 20),
    [],
  )
})

test('no folder is named after a kind of thing', () => {
  const named = /\/(?:utils?|helpers?|common|shared|lib|services?)\//
  assert.deepEqual(
    globSync('{src,test,web,scripts,examples}/**/*.ts').filter((file) => named.test(`/${file}`)),
    [],
  )
})

/** What is loaded with a file: what it imports, and what that does, but for types and for what is imported later. */
function loadedWith(file: string, known = new Set<string>()): ReadonlySet<string> {
  if (known.has(file)) return known
  known.add(file)
  const text = readFileSync(file, 'utf8')
  for (const [, name = ''] of text.matchAll(
    /^(?:import|export)(?! type)[^;'"]*?from '([^']+)'/gm,
  )) {
    if (name.startsWith('.')) loadedWith(posix.join(posix.dirname(file), name), known)
    else known.add(name)
  }
  return known
}

test('a process that serves holds no schema library, YAML parser or command that it does not run', () => {
  const roots = ['src/cli/index.ts', 'src/config/apart/index.ts', 'src/compose/index.ts']
  const loaded = new Set(roots.flatMap((root) => [...loadedWith(root)]))
  assert.ok(loaded.has('src/gateway/pipeline.ts') && loaded.has('commander'))
  const needless = ['zod', 'yaml', 'uqr', 'src/config/index.ts', 'src/cli/commands/others.ts']
  assert.deepEqual(
    needless.filter((name) => loaded.has(name)),
    [],
  )
  const reading = loadedWith('src/config/apart/answering.ts')
  assert.ok(reading.has('zod'))
  // What no configuration needs, everybody would wait for.
  const needlessAreas = ['identity', 'proof', 'token', 'webauthn'].map(
    (area) => `src/${area}/index.ts`,
  )
  assert.deepEqual(
    ['node:http', 'node:https', ...needlessAreas].filter((name) => reading.has(name)),
    [],
  )
  // It begins before anything else is loaded.
  assert.deepEqual(
    [...loadedWith('src/main.ts')].filter((name) => !name.startsWith('node:')).sort(),
    [
      'src/cli/reading-ahead.ts',
      'src/config/apart/begin.ts',
      'src/core/own-modules.ts',
      'src/main.ts',
    ],
  )
  assert.ok(!loadedWith('src/config/apart/index.ts').has('node:http'))
})

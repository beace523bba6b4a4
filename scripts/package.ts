import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/*
 * Makes what gets published: `build/package/` with plain JavaScript below `dist/`, and from it the tarball
 * `build/proofgate-VERSION.tgz`. The same sources give the same bytes.
 */

const root = fileURLToPath(new URL('..', import.meta.url))
const build = join(root, 'build')
const target = join(build, 'package')

interface Manifest {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly license: string
  readonly type: string
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string>>
  readonly engines: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly optionalDependencies: Readonly<Record<string, string>>
}

/** The manifest of the published package: what runs it, and nothing that builds, tests or brings Node. */
export function publishedManifest(manifest: Manifest): Readonly<Record<string, unknown>> {
  const { name, version, description, license, type, bin, engines, dependencies } = manifest
  const optionalDependencies = Object.fromEntries(
    Object.entries(manifest.optionalDependencies).filter(([one]) => !one.startsWith('node-')),
  )
  return {
    name,
    version,
    description,
    license,
    type,
    bin,
    engines,
    exports: publishedExports(manifest.exports),
    files: ['bin', 'dist'],
    dependencies,
    optionalDependencies,
  }
}

/** What others may import: a module of ours as JavaScript with its types, other files as they are. */
function publishedExports(exports: Manifest['exports']): Readonly<Record<string, unknown>> {
  const published = Object.entries(exports).map(([name, path]) => {
    if (!path.endsWith('.ts')) return [name, path]
    const module = path.replace('./', './dist/').replace(/\.ts$/, '')
    return [name, { types: `${module}.d.ts`, default: `${module}.js` }]
  })
  return Object.fromEntries(published) as Readonly<Record<string, unknown>>
}

/** Emits JavaScript; types were checked before, by `npm run check`. */
function emit(include: readonly string[], more: Readonly<Record<string, unknown>> = {}): void {
  const project = join(build, 'tsconfig.json')
  const compilerOptions = {
    noEmit: false,
    noCheck: true,
    outDir: join(target, 'dist'),
    rootDir: root,
    sourceMap: false,
    ...more,
  }
  writeFileSync(
    project,
    JSON.stringify({
      extends: join(root, 'tsconfig.json'),
      compilerOptions,
      include: include.map((folder) => join(root, folder)),
    }),
  )
  const compiler = join(root, 'node_modules', '.bin', 'tsc')
  execFileSync(compiler, ['--project', project], { stdio: 'inherit' })
  rmSync(project)
}

function copy(path: string, to = path): void {
  mkdirSync(dirname(join(target, to)), { recursive: true })
  copyFileSync(join(root, path), join(target, to))
}

/** Builds the folder and the tarball; answers the tarball's path. */
export function makePackage(): string {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
  const { exports } = manifest
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  emit(['src', 'examples/orders'])
  emit(['web'], { lib: ['es2023', 'dom', 'dom.iterable'], types: [] })
  for (const path of Object.values(exports).filter((one) => one.endsWith('.ts'))) {
    const types = { lib: ['es2023', 'dom', 'dom.iterable'], types: [] }
    emit([path], { ...types, declaration: true, emitDeclarationOnly: true })
  }
  for (const style of globSync('web/**/*.css', { cwd: root })) copy(style, join('dist', style))
  copy('bin/proofgate.cjs')
  for (const page of ['LICENSE', 'NOTICE', 'README.md']) {
    if (existsSync(join(root, page))) copy(page)
    else console.error(`there is no ${page}; do not publish without it`)
  }
  writeFileSync(
    join(target, 'package.json'),
    `${JSON.stringify(publishedManifest(manifest), null, 2)}\n`,
  )
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', build], {
    cwd: target,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  return join(build, nameIn(JSON.parse(packed)))
}

/** npm answers a list, newer ones an object by package name. */
function nameIn(packed: unknown): string {
  const [first] = Object.values(packed as Record<string, { filename: string }>)
  if (first === undefined) throw new Error('npm pack made nothing')
  return first.filename
}

if (import.meta.main) console.log(makePackage())

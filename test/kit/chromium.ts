import { randomBytes } from 'node:crypto'
import { constants, createReadStream, createWriteStream } from 'node:fs'
import { access, chmod, lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, normalize } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { brotliDecompressSync, createBrotliDecompress } from 'node:zlib'

/** A Chromium that can be started: where it is and what it needs around it. */
export interface ChromiumInstallation {
  readonly executable: string
  /** Added to the environment of the process. */
  readonly environment: Readonly<Record<string, string>>
}

/**
 * Finds a Chromium: the one `PROOFGATE_CHROMIUM` names, the system's, or the one an npm package
 * carries, unpacked once per user and package version into a private folder of the temp directory.
 */
export async function findChromium(): Promise<ChromiumInstallation> {
  const named = process.env['PROOFGATE_CHROMIUM']
  if (named !== undefined && named !== '') return { executable: named, environment: {} }
  const system = '/usr/bin/chromium'
  if (await executable(system)) return { executable: system, environment: {} }
  return await unpackChromium()
}

async function executable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}

async function unpackChromium(): Promise<ChromiumInstallation> {
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium')
  const packageRoot = join(dirname(entry), '..')
  const manifest: unknown = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8'))
  const { version } = manifest as { version: string }
  const user = process.getuid?.() ?? 0
  const folder = join(tmpdir(), `proofgate-chromium-${version}-${user}`)
  if (!(await isOurs(folder, user))) {
    // Unpacked aside and renamed, so that test processes at the same time see all of it or none.
    const aside = `${folder}.${randomBytes(6).toString('hex')}`
    await unpackInto(aside, join(packageRoot, 'bin'))
    await rename(aside, folder).catch(async (error: unknown) => {
      await rm(aside, { recursive: true, force: true })
      if (!(await isOurs(folder, user))) throw error
    })
  }
  const program = join(folder, 'chromium')
  return {
    executable: program,
    environment: {
      FONTCONFIG_PATH: process.env['FONTCONFIG_PATH'] ?? (await fontsFor(folder)),
      ...librariesFor(program, folder),
    },
  }
}

/** A folder someone else made in a shared temp directory must not be run from. */
async function isOurs(folder: string, user: number): Promise<boolean> {
  const found = await lstat(folder).catch(() => undefined)
  if (found === undefined) return false
  if (!found.isDirectory() || found.uid !== user || (found.mode & 0o022) !== 0) {
    throw new Error(`${folder} belongs to someone else: remove it or set PROOFGATE_CHROMIUM`)
  }
  return true
}

async function unpackInto(folder: string, archives: string): Promise<void> {
  await mkdir(folder, { mode: 0o700 })
  const program = join(folder, 'chromium')
  await pipeline(
    createReadStream(join(archives, 'chromium.br')),
    createBrotliDecompress(),
    createWriteStream(program, { mode: 0o700 }),
  )
  for (const archive of ['al2023.tar.br', 'fonts.tar.br', 'swiftshader.tar.br']) {
    const target = archive.startsWith('swiftshader') ? folder : join(folder, archive.split('.')[0]!)
    const packed = await readFile(join(archives, archive))
    await untar(brotliDecompressSync(packed), target)
  }
}

/** Unpacks the plain files of a ustar archive. */
async function untar(archive: Buffer, folder: string): Promise<void> {
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0;) {
    const field = (from: number, length: number) =>
      archive.toString('latin1', at + from, at + from + length).replace(/\0[^]*$/, '')
    const size = Number.parseInt(field(124, 12), 8)
    const path = normalize(join(folder, field(345, 155), field(0, 100)))
    if (!path.startsWith(folder)) throw new Error('an archive leads out of its folder')
    if (field(156, 1) === '0' || field(156, 1) === '') {
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, archive.subarray(at + 512, at + 512 + size))
      await chmod(path, Number.parseInt(field(100, 8), 8) & 0o755)
    }
    at += 512 + Math.ceil(size / 512) * 512
  }
}

/** The system's fonts where there are some, the package's own otherwise. */
async function fontsFor(folder: string): Promise<string> {
  return (await executable('/etc/fonts')) ? '/etc/fonts' : join(folder, 'fonts')
}

/** The package brings the libraries that small systems lack (libnss3 and its kind). */
function librariesFor(program: string, folder: string): Record<string, string> {
  const linked = spawnSync('ldd', [program], { encoding: 'utf8' })
  if (linked.status === 0 && !linked.stdout.includes('not found')) return {}
  const before = process.env['LD_LIBRARY_PATH']
  const own = join(folder, 'al2023', 'lib')
  return { LD_LIBRARY_PATH: before === undefined || before === '' ? own : `${own}:${before}` }
}

/** Chromium's sandbox needs user namespaces, and does not start for root at all. */
export function sandboxIsPossible(): boolean {
  if (process.platform !== 'linux') return true
  if (process.getuid?.() === 0) return false
  return spawnSync('unshare', ['--user', 'true']).status === 0
}

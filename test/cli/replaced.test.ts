import { test } from 'node:test'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { repository, temporaryDirectory } from '../kit/gateway.ts'
import { until } from '../kit/operations.ts'

test('a server whose program was replaced on the disk puts no configuration of the new one in force', async () => {
  const root = temporaryDirectory()
  mkdirSync(join(root, 'bin'))
  copyFileSync(join(repository, 'bin/proofgate.cjs'), join(root, 'bin/proofgate.cjs'))
  for (const name of ['src', 'web', 'node_modules']) {
    symlinkSync(join(repository, name), join(root, name))
  }
  const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as object
  // Whole at any moment, so that a file is never read half-written.
  const put = (path: string, text: string): void => {
    writeFileSync(`${path}.new`, text)
    renameSync(`${path}.new`, path)
  }
  const install = (version: string): void =>
    put(join(root, 'package.json'), JSON.stringify({ ...manifest, version }))
  install('1.0.0')
  const file = join(root, 'proofgate.yaml')
  const upstream = `version: 1\nupstreams: { one: { url: 'http://127.0.0.1:9' } }\n`
  put(file, upstream)
  const options = ['--config', file, '--port', '0', '--admin-port', '0', '--json']
  const child = spawn(process.execPath, [join(root, 'bin/proofgate.cjs'), 'serve', ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const exited = new Promise((resolve) => child.once('exit', resolve))
  try {
    await until('it is up', () => out.includes('\n') || child.exitCode !== null)
    put(file, `${upstream}region: first\n`)
    await until('the first change', () => errors.includes('configuration in force'))
    install('1.0.1')
    put(file, `${upstream}region: second\n`)
    await until('a refusal', () => errors.includes('configuration refused'))
    assert.match(errors, /found Proofgate 1\.0\.1 on the disk, expected 1\.0\.0, which runs/)
    install('1.0.0')
    put(file, `${upstream}region: third\n`)
    await until('the last change', () => errors.split('configuration in force').length === 3)
  } finally {
    child.kill('SIGKILL')
    await exited
  }
})

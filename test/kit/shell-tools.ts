import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { temporaryDirectory } from './gateway.ts'

/** As much of jq as the scripts of our documents use: `-r`, a path, and a text with paths in it. */
const jq = `
const value = (path, from) => path.split('.').filter(Boolean).reduce((at, name) => at?.[name], from)
let text = ''
process.stdin.setEncoding('utf8').on('data', (piece) => { text += piece }).on('end', () => {
  let found = JSON.parse(text)
  for (const step of process.argv[3].split(' | ')) {
    found = step.startsWith('"')
      ? JSON.parse(step.replace(/\\\\\\(([^)]*)\\)/g, (_, path) => JSON.stringify(String(value(path, found))).slice(1, -1)))
      : value(step, found)
  }
  console.log(found)
})
`

/** As much of curl: one request, \`-X\`, \`-H\` and \`--resolve\`, the body on standard output. */
const curl = `
const { request } = require('node:http')
const [headers, given] = [{}, process.argv.slice(2)]
let [method, address] = ['GET', '']
while (given.length > 0) {
  const next = given.shift()
  if (next === '-X') method = given.shift()
  else if (next === '--resolve') given.shift()
  else if (next === '-H') {
    const [name, ...value] = given.shift().split(':')
    headers[name] = value.join(':').trim()
  } else if (!next.startsWith('-')) address = new URL(next)
}
const options = { host: '127.0.0.1', port: address.port, path: address.pathname + address.search }
request({ ...options, method, headers: { host: address.host, ...headers } }, (answer) => {
  answer.pipe(process.stdout)
}).end()
`

/**
 * A search path on which curl and jq are found: those of the machine, or else stand-ins that do what the
 * scripts of our documents need of them.
 */
export function pathWithTools(): string {
  const stands = Object.entries({ curl, jq }).filter(
    ([name]) => spawnSync(name, ['--version']).status !== 0,
  )
  const own = process.env['PATH'] ?? ''
  return stands.length === 0 ? own : standIns(Object.fromEntries(stands)) + delimiter + own
}

/** A folder with these programs. */
function standIns(programs: Readonly<Record<string, string>>): string {
  const folder = temporaryDirectory()
  for (const [name, source] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!${process.execPath}\n${source}`)
    chmodSync(join(folder, name), 0o755)
  }
  return folder
}

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { Command } from 'commander'
import { completionScript, parseShell } from '../../src/cli/completion.ts'

const program = new Command('proofgate').version('1.0.0')
program.command('login').description("who's there: 'you' $(touch x)").option('--device', 'by code')
const people = program.command('people').description('people')
people.command('add').option('--group <name>', 'a group')
program.command('hidden', { hidden: true })

/** What bash offers after these words; the last one is being typed. */
function offered(...words: string[]): string[] {
  const script = `${completionScript(program, 'bash')}
COMP_WORDS=(proofgate "$@"); COMP_CWORD=$#; _proofgate; printf '%s\\n' "\${COMPREPLY[@]}"`
  const ran = spawnSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' })
  assert.equal(ran.stderr, '')
  return ran.stdout.split('\n').filter((word) => word !== '')
}

test('bash offers commands, then their options, at every depth', () => {
  assert.deepEqual(offered('lo'), ['login'])
  assert.deepEqual(offered('login', '--d'), ['--device'])
  assert.deepEqual(offered('people', 'a'), ['add'])
  assert.deepEqual(offered('people', 'add', '--g'), ['--group'])
  assert.deepEqual(offered('people', 'add', '--group', 'admins', '--g'), ['--group'])
  assert.deepEqual(offered('--v'), ['--version'])
})

test('bash offers neither hidden commands nor options of other commands', () => {
  assert.deepEqual(offered('hid'), [])
  assert.deepEqual(offered('login', '--g'), [])
})

test('descriptions are quoted so that no shell runs them', () => {
  const zsh = completionScript(program, 'zsh')
  assert.ok(zsh.includes(`'login:who'\\''s there: '\\''you'\\'' $(touch x)'`))
  assert.match(zsh, /^#compdef proofgate\n/)
  const fish = completionScript(program, 'fish')
  assert.ok(fish.includes(`-a 'login' -d 'who\\'s there: \\'you\\' $(touch x)'`))
  assert.ok(fish.includes(`-n 'test "$(__proofgate_path)" = "people add"' -l 'group'`))
})

test('shells are known by name or path, and others are refused with the known ones', () => {
  assert.equal(parseShell('zsh'), 'zsh')
  assert.equal(parseShell('/usr/bin/fish'), 'fish')
  for (const text of [undefined, '', 'powershell', '/bin/sh']) {
    assert.throws(() => parseShell(text), { code: 'cli.shell_unknown', hint: /bash, zsh, fish/ })
  }
})

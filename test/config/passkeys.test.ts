import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configurationOf, placed, problemsOf, small } from './given.ts'

const day = 86_400_000
const groups = 'groups: { admins: {}, staff: {} }\n'

test('passkeys do not age unless it is written', () => {
  assert.deepEqual(configurationOf(small).passkeys, {
    ageing: {
      rotateAfter: undefined,
      warnBefore: 30 * day,
      graceAfter: 14 * day,
      unusedFor: undefined,
    },
    atLeast: [],
  })
})

test('ages and the counts of groups are read', () => {
  const text = `${small}${groups}passkeys: { rotateAfter: 365d, warnBefore: 20d, graceAfter: 0s, unusedFor: 90d, atLeast: { admins: 2 } }\n`
  assert.deepEqual(configurationOf(text).passkeys, {
    ageing: {
      rotateAfter: 365 * day,
      warnBefore: 20 * day,
      graceAfter: 0,
      unusedFor: 90 * day,
    },
    atLeast: [{ group: 'admins', count: 2 }],
  })
})

const problems: readonly (readonly [name: string, section: string, code: string])[] = [
  ['a warning from the first day on', '{ rotateAfter: 10d }', 'config.passkeys'],
  ['one as long', '{ rotateAfter: 10d, warnBefore: 10d }', 'config.passkeys'],
  ['hours', '{ rotateAfter: 5h }', 'config.duration'],
  ['an age without unit', '{ rotateAfter: 365 }', 'config.duration'],
  ['a grace beyond a year', '{ graceAfter: 400d }', 'config.duration'],
  ['a group that nobody has', '{ atLeast: { root: 2 } }', 'config.unknown-group'],
  ['no passkey', '{ atLeast: { admins: 0 } }', 'config.value'],
  ['half a passkey', '{ atLeast: { admins: 1.5 } }', 'config.value'],
  ['a count without group', '{ atLeast: 2 }', 'config.value'],
  ['an unknown key', '{ rotate: 365d }', 'config.unknown-key'],
]

for (const [name, section, code] of problems) {
  test(`${name} is refused`, () => {
    const found = placed(problemsOf(`${small}${groups}passkeys: ${section}\n`))
    assert.deepEqual(
      found.map((one) => one.split(' ')[1]),
      [code],
    )
  })
}

test('recoveries are approved by a group, and nobody recovers anybody unless it is written', () => {
  assert.equal(configurationOf(small).recovery, undefined)
  const text = (section: string): string => `${small}${groups}recovery: ${section}\n`
  assert.deepEqual(configurationOf(text('{ approvers: admins }')).recovery, {
    approvers: 'admins',
    oldPasskeys: 'suspend',
  })
  for (const [section, code] of [
    ['{ approvers: root }', 'config.unknown-group'],
    ['{}', 'config.missing'],
    ['{ approvers: admins, oldPasskeys: keep }', 'config.value'],
    ['{ approvers: [admins] }', 'config.name'],
  ] as const) {
    const [found] = problemsOf(text(section))
    assert.equal(found?.code, code, section)
  }
})

import { z } from 'zod'
import { word } from '../scalars.ts'
import { expectation, expectations } from '../schema/expectations.ts'
import type { Expectation } from '../schema/expectations.ts'
import { username } from '../schema/access.ts'
import { label, list, mapping, name } from '../schema/parts.ts'

/*
 * The shape of a file of policy tests, and what its requests and times look like.
 */

const most = { tests: 1000, groups: 100, facts: 100, values: 100 }
const longestValue = 4096
const longestRequest = 8192

/** `METHOD URL`, or `METHOD API PATH`. */
export const requestForm =
  /^(?<method>[A-Z]{1,20}) (?:(?<url>[Hh][Tt][Tt][Pp][Ss]?:\/\/[^/?#\s]\S*)|(?<api>[A-Za-z0-9_-]{1,64}) (?<path>\/\S*))$/

/** ISO 8601 with a zone: what a time without one means depends on the machine. */
const timeForm = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/

const value = z.union(
  [z.string().max(longestValue), z.number().transform(String), z.boolean().transform(String)],
  { error: 'fact' },
)

const context = z
  .record(z.string(), z.union([value, z.array(value).max(most.values)], { error: 'fact' }), {
    error: 'mapping',
  })
  .refine((all) => isDistinct(Object.keys(all)) && Object.keys(all).length <= most.facts, {
    error: 'context',
  })

const caller = mapping('a person', {
  user: username('the user name'),
  groups: list('groups besides those of the configuration', name('a group'))
    .max(most.groups, { error: 'list' })
    .optional(),
  role: name('a role they took').optional(),
})

const test = mapping('a test', {
  name: label('what it shows'),
  who: z.union([z.literal('anonymous', { error: 'who' }), caller], { error: 'who' }),
  request: z
    .string({ error: 'request' })
    .max(longestRequest, { error: 'request' })
    .regex(requestForm, { error: 'request' }),
  context: context.optional(),
  at: z.string({ error: 'time' }).refine(isTime, { error: 'time' }).optional(),
  expect: word('expect', 'the answer', ['allow', 'deny']),
  by: label('what decides').optional(),
})

export const testFileShape = mapping('a file of policy tests', {
  tests: z.array(test, { error: 'list' }).max(most.tests, { error: 'tests' }),
})

export type TestShape = z.output<typeof test>

export const testExpectations: Readonly<Record<string, Expectation>> = {
  ...expectations,
  tests: expectation('config.value', 'at most 1000 tests', 'There may be 20 files.'),
  who: expectation(
    'config.value',
    'anonymous, or { user, groups, role }',
    'For example { user: alice }.',
  ),
  request: expectation(
    'config.value',
    'a method and a URL, or a method, an API and a path',
    'For example POST orders /orders.',
  ),
  fact: expectation(
    'config.value',
    'a text, a number, true or false, or a list of at most 100 of them',
    'A text has at most 4096 characters; an empty list is an absent fact.',
  ),
  context: expectation(
    'config.value',
    'at most 100 condition keys, which differ in more than case',
    'Condition keys are not case-sensitive.',
  ),
  time: expectation(
    'config.value',
    'a time with its zone in ISO 8601',
    'For example 2026-11-22T09:00:00Z.',
  ),
  expect: expectation('config.value', 'allow or deny', 'A test expects one of the two.'),
}

/** Condition keys are not case-sensitive. */
function isDistinct(keys: readonly string[]): boolean {
  return new Set(keys.map((key) => key.toLowerCase())).size === keys.length
}

/** A day that its month does not have is none, though `Date.parse` takes it. */
function isTime(text: string): boolean {
  const [, day = ''] = timeForm.exec(text) ?? []
  if (day === '' || Number.isNaN(Date.parse(text))) return false
  return new Date(`${day}T00:00Z`).toISOString().startsWith(day)
}

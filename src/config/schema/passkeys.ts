import { z } from 'zod'
import { amount, duration, word } from '../scalars.ts'
import { mapping, name, nothing } from './parts.ts'

/*
 * How long passkeys last, and how many people need.
 */

export const passkeys = mapping('how long passkeys last, and how many people need', {
  rotateAfter: duration(
    'age at which a passkey is to be replaced by a new one; default: never',
    '1d',
    '3650d',
  ).optional(),
  warnBefore: duration('how long before that its owner is led to do so', '0s', '365d').prefault(
    '30d',
  ),
  graceAfter: duration(
    'how long after that it still signs in; then it opens the page that replaces it and nothing else',
    '0s',
    '365d',
  ).prefault('14d'),
  unusedFor: duration(
    'time without use after which a passkey has to be replaced like one past its grace; default: never',
    '1d',
    '3650d',
  ).optional(),
  atLeast: z
    .record(
      z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, { error: 'name' }),
      amount('count', 'passkeys', { min: 1, max: 10, whole: true }),
      { error: 'mapping' },
    )
    .meta({
      description:
        'passkeys that everyone in a group should have, by group; whoever has fewer is led to add one',
    })
    .prefault(nothing),
}).prefault(nothing)

export const recovery = mapping(
  'letting people in again who have lost their passkeys, with the approval of somebody else',
  {
    approvers: name('the group whose people approve'),
    oldPasskeys: word(
      'oldPasskeys',
      'what becomes of the earlier passkeys once the new one is there',
      ['suspend', 'remove'],
    ).prefault('suspend'),
  },
).optional()

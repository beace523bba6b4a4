import { z } from 'zod'
import { duration, flag, isMoment, text } from '../scalars.ts'
import { groupAuthenticators } from './authenticators.ts'
import { filePath, label, list, mapping, name, nothing, tags } from './parts.ts'

/*
 * Who may do what: people, groups, and the documents that say it.
 */

export const username = (description: string) =>
  text('username', description, /^[a-z0-9][a-z0-9._@-]{0,63}$/)

export const person = mapping('a person who should exist', {
  username: username('how the person is named everywhere; lower-case'),
  name: label('how the person is shown; default: the user name').optional(),
  groups: list('the groups the person is in', name('a group')).prefault([]),
  tags: tags('what policies read as aws:PrincipalTag/NAME').prefault(nothing),
  boundary: name(
    'the policy beyond which nothing is allowed to the person, in a role too',
  ).optional(),
})

export const group = mapping('a group of people', {
  description: label('what the group is for').optional(),
  policies: list('the policies of everyone in it', name('a policy')).prefault([]),
  authenticators: groupAuthenticators.optional(),
})

const policyFile = z.strictObject(
  { file: filePath('a JSON policy, relative to this file') },
  { error: 'mapping' },
)
const policyDocument = z
  .record(z.string(), z.unknown(), { error: 'mapping' })
  .meta({ description: 'an IAM policy document', required: ['Version', 'Statement'] })

/** A document, or where one is. */
export const documentOf = (description: string) =>
  z.union([policyFile, policyDocument], { error: 'mapping' }).meta({ description })

export const policy = documentOf('an IAM policy document, or { file: path } of one')

export const role = mapping('what may be done by whoever holds or takes it', {
  description: label('what the role is for').optional(),
  trust: documentOf('an IAM trust policy: who may take the role; or { file: path } of one'),
  policies: list('what the role allows', name('a policy')).prefault([]),
  boundary: name('the policy beyond which the role allows nothing').optional(),
  automatic: flag('held by whoever its trust policy allows, without being taken').prefault(false),
  maxSession: duration('longest time for which it is taken at once', '1m', '12h').prefault('1h'),
  tags: tags('what policies read as aws:PrincipalTag/NAME of whoever took it').prefault(nothing),
})

export const credentialRole = mapping('what one passkey is for, and nothing else', {
  credential: text(
    'credentialId',
    'id of the passkey, as `proofgate credentials list` shows it',
    /^[A-Za-z0-9_-]{16,1364}$/,
  ),
  roles: list('the only roles it can hold and take', name('a role')),
  until: text(
    'moment',
    'first moment at which it can do nothing any more (UTC); default: no end',
    /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?$/,
    isMoment,
  ).optional(),
})

const mostTestFiles = 20

export const policyTests = list(
  'files of policy tests, relative to this file: a configuration whose tests fail is refused',
  filePath('a YAML file of tests'),
)
  .max(mostTestFiles, { error: 'policyTests' })
  .prefault([])

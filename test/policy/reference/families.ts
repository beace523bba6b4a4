export const account = '111111111111'
export const callers = {
  alice: `arn:aws:iam::${account}:user/alice`,
  session: `arn:aws:sts::${account}:assumed-role/reader/alice`,
  role: `arn:aws:iam::${account}:role/reader`,
  federated: `arn:aws:sts::${account}:federated-user/bob`,
} as const

/** Values of the policy and of facts for a family of operators: few enough to meet often. */
interface Family {
  readonly operators: readonly string[]
  readonly keys: readonly string[]
  readonly wanted: readonly string[]
  readonly found: readonly string[]
  readonly wrong: readonly string[]
}

/** Keys of facts with one value, which can be variables. */
export const names = ['aws:username', 'x:Team']
/** Under 2008-10-17 variables are text. */
const variables = ['${aws:username}', "${x:Team, 'ops'}", '${aws:username}*', 'a${*}', '${$}{x']

export const families: readonly Family[] = [
  {
    operators: [
      'StringEquals',
      'StringNotEquals',
      'StringEqualsIgnoreCase',
      'StringNotEqualsIgnoreCase',
      'StringLike',
      'StringNotLike',
    ],
    keys: [...names, 'x:Groups'],
    wanted: [
      'alice',
      'Alice',
      'bob',
      'al*',
      'al*lice',
      '?ob',
      '*',
      '',
      'a\nb',
      'a*',
      '😀',
      ...variables,
    ],
    found: ['alice', 'ALICE', 'bob', 'ops', '', '*', 'a*', 'a\nb', '${x', '😀', 'alice:1'],
    wrong: [],
  },
  {
    operators: [
      'NumericEquals',
      'NumericNotEquals',
      'NumericLessThan',
      'NumericLessThanEquals',
      'NumericGreaterThan',
      'NumericGreaterThanEquals',
    ],
    keys: ['x:Age'],
    wanted: ['0', '007', '7', '-1.5', '7.25', '9007199254740991', '+7'],
    found: ['0', '-0', '7', '7.0', '7.25', '8', '-2', '9007199254740991'],
    wrong: ['', ' 7', '7e0', '0x7', 'NaN', '9007199254740993', '.5', 'seven'],
  },
  {
    operators: [
      'DateEquals',
      'DateNotEquals',
      'DateLessThan',
      'DateLessThanEquals',
      'DateGreaterThan',
      'DateGreaterThanEquals',
    ],
    keys: ['x:When'],
    wanted: ['2026-11-22', '2026-11-22T09:00:00Z', '1795338000', '2026-11', '0'],
    found: [
      '2026-11-22T10:00:00+01:00',
      '2026-11-22T00:00Z',
      '2026-11-22T09:00:00.5Z',
      '1795338000',
    ],
    wrong: ['', 'now', '2026', '20261122', '2026-13-01', '-1'],
  },
  {
    operators: ['Bool'],
    keys: ['x:Flag'],
    wanted: ['true', 'false', 'TRUE'],
    found: ['true', 'false', 'False'],
    wrong: ['', '1', 'yes', 'true '],
  },
  {
    operators: ['BinaryEquals'],
    keys: ['x:Bytes'],
    wanted: ['YQ==', 'YWI=', ''],
    found: ['YQ==', 'YWI=', 'YWJj', ''],
    wrong: ['YQ', 'Y', '!'],
  },
  {
    operators: ['IpAddress', 'NotIpAddress'],
    keys: ['aws:SourceIp'],
    wanted: [
      '192.0.2.0/24',
      '192.0.2.1',
      '0.0.0.0/0',
      '2001:db8::/32',
      '::/0',
      '::ffff:192.0.2.0/120',
    ],
    found: [
      '192.0.2.1',
      '192.0.3.1',
      '2001:db8::1',
      '::ffff:192.0.2.1',
      '2001:0DB8:0:0:0:0:0:1',
      '::',
    ],
    wrong: ['', '192.0.2', '192.0.2.01', '2001:db8::1::', 'localhost'],
  },
  {
    operators: ['ArnEquals', 'ArnNotEquals', 'ArnLike', 'ArnNotLike'],
    keys: ['x:Owner'],
    wanted: [
      'arn:aws:iam::*:user/alice',
      'arn:aws:*:*:*:user/*',
      callers.alice,
      'arn:*:::1:*',
      'arn:aws:iam::111111111111:user/${aws:username}',
    ],
    found: [
      callers.alice,
      'arn:aws:iam::1:x:user/alice',
      'arn:aws:iam::',
      'x',
      '',
      'arn:aws:::1:a:b',
    ],
    wrong: [],
  },
]

import {
  accountPage,
  approvalPage,
  approvalsPage,
  consentPage,
  consolePage,
  continuePage,
  deviceConfirmPage,
  deviceDonePage,
  devicePage,
  english,
  enrolPage,
  errorPage,
  logoutPage,
  breakGlassPage,
  recoveriesPage,
  refusalPage,
  signedOutPage,
  signInPage,
  stepUpPage,
  ticketProblemPage,
} from '../../src/pages/index.ts'
import type { Strings, WantedKey } from '../../src/pages/index.ts'

/** Of somebody who may register every passkey. */
export const everyKey: WantedKey = {
  kind: 'any',
  lists: [],
  certification: undefined,
  own: false,
}

/** What fills the fields of the views. */
export interface Filling {
  /** The value of every field that holds text someone else wrote; told the field's name. */
  readonly text: (field: string) => string
  /** The value of every field that holds an address someone else wrote. */
  readonly address?: (field: string) => string
  readonly strings?: Strings
  readonly base?: string
}

const at = Date.UTC(2026, 10, 22, 9, 30)

/** Every page with every optional part shown, by name. */
export function allPages(filling: Filling): ReadonlyMap<string, string> {
  const { text, strings = english, base = '' } = filling
  const address = filling.address ?? (() => 'https://auth.example.test/sign-in')
  const scopes = [
    { name: text('scope name'), text: text('scope text') },
    { name: text('other scope name'), text: text('other scope text') },
  ]
  const person = { name: text('person name'), username: text('username'), groups: [text('group')] }
  const credential = (id: string, synced: boolean, removable: boolean) => ({
    id: `${id}${text('credential id')}`,
    name: text('passkey name'),
    createdAt: at,
    synced,
    removable,
  })
  const session = (id: string, kind: 'browser' | 'application' | 'api', current: boolean) => ({
    id: `${text('session id')}${id}`,
    kind,
    name: text('session name'),
    createdAt: at,
    lastSeenAt: at + 60_000,
    address: text('address'),
    current,
  })
  const suitable: WantedKey = {
    kind: 'hardware-only',
    lists: [
      { models: [text('model')], makers: [] },
      { models: [], makers: [text('maker')] },
      { models: [], makers: [] },
    ],
    certification: text('level'),
    own: true,
  }
  const bound: WantedKey = { ...everyKey, kind: 'device-bound' }
  const enrol = {
    base,
    ticket: text('ticket'),
    csrf: text('csrf'),
    personName: text('person name'),
    username: text('username'),
    rpName: text('relying party'),
    suitable: everyKey,
  }
  const statement = {
    sentence: text('sentence'),
    method: text('method'),
    authority: text('authority'),
    target: text('target'),
    name: text('person name'),
    client: text('client name'),
    address: text('address'),
    expiresAt: at,
    approvers: { self: true, others: 2 },
  }
  const asked = {
    id: 'proof-1',
    statement,
    statementText: text('statement'),
    own: true,
    csrf: text('csrf'),
    approvedBy: [text('username'), text('other username')],
  }
  return new Map([
    ['approve', approvalPage({ base, state: 'open', asked }, strings)],
    ['approve-elsewhere', approvalPage({ base, state: 'sameSession', asked }, strings)],
    ['approve-unknown', approvalPage({ base, state: 'unknown' }, strings)],
    [
      'approvals',
      approvalsPage(
        {
          base,
          waiting: [
            {
              id: 'proof-1',
              sentence: text('sentence'),
              name: text('person name'),
              own: true,
              expiresAt: at,
            },
          ],
          isFirst: false,
          next: '1.proof-1',
        },
        strings,
      ),
    ],
    ['approvals-none', approvalsPage({ base, waiting: [], isFirst: true }, strings)],
    [
      'sign-in',
      signInPage(
        {
          base,
          returnTo: text('return_to'),
          rpName: text('relying party'),
          message: text('message'),
          application: text('application'),
          again: true,
        },
        strings,
      ),
    ],
    ...[300, undefined].map(
      (maxAge) =>
        [
          `step-up-${maxAge ?? 'strong'}`,
          stepUpPage(
            {
              base,
              host: text('host'),
              route: text('route'),
              keeps: maxAge !== undefined,
              request: text('request'),
              returnTo: text('return_to'),
              maxAge,
              takesHardware: maxAge === undefined,
            },
            strings,
          ),
        ] as const,
    ),
    [
      'continue',
      continuePage({ host: text('host'), route: text('route'), action: '/transfers?x' }, strings),
    ],
    ['enrol', enrolPage({ ...enrol, mode: 'ticket', hasCredentials: false, suitable }, strings)],
    [
      'enrol-more',
      enrolPage({ ...enrol, mode: 'signed-in', hasCredentials: true, suitable: bound }, strings),
    ],
    [
      'enrol-wanted',
      enrolPage(
        {
          ...enrol,
          mode: 'signed-in',
          hasCredentials: true,
          wanted: 3,
          returnTo: address('return_to'),
        },
        strings,
      ),
    ],
    ...(['renew', 'must-renew'] as const).map(
      (mode) =>
        [
          mode,
          enrolPage(
            {
              ...enrol,
              mode,
              hasCredentials: true,
              keyName: text('passkey name'),
              returnTo: address('return_to'),
            },
            strings,
          ),
        ] as const,
    ),
    [
      'recoveries',
      recoveriesPage(
        {
          base,
          csrf: text('csrf'),
          oldPasskeys: 'suspend',
          recoveries: [false, true].map((own) => ({
            id: text('recovery id'),
            name: text('person name'),
            username: text('username'),
            code: '012345',
            reason: text('reason'),
            statement: text('statement'),
            createdAt: at,
            expiresAt: at,
            own,
          })),
        },
        strings,
      ),
    ],
    [
      'recoveries-none',
      recoveriesPage({ base, csrf: text('csrf'), oldPasskeys: 'remove', recoveries: [] }, strings),
    ],
    [
      'break-glass',
      breakGlassPage(
        {
          base,
          csrf: text('csrf'),
          personName: text('person name'),
          returnTo: text('return_to'),
        },
        strings,
      ),
    ],
    ['ticket-problem', ticketProblemPage({ base }, strings)],
    [
      'account',
      accountPage(
        {
          base,
          csrf: text('csrf'),
          person,
          credentials: [
            {
              ...credential('a', true, true),
              emergencies: true,
              suspendedSince: at + 5000,
              hint: text('hint'),
              lastUsedAt: at,
            },
            credential('b', false, false),
          ],
          sessions: [
            session('1', 'browser', true),
            session('2', 'application', false),
            session('3', 'api', false),
          ],
          clients: [{ name: text('client name'), scopes: [text('scope name')] }],
          notice: text('notice'),
          alarmed: true,
        },
        strings,
      ),
    ],
    [
      'account-one-key',
      accountPage(
        {
          base,
          csrf: text('csrf'),
          person: { ...person, groups: [] },
          credentials: [credential('a', true, false)],
          sessions: [],
        },
        strings,
      ),
    ],
    [
      'device',
      devicePage(
        {
          base,
          userCode: text('user code'),
          action: '/device',
          xsrf: text('xsrf'),
          message: text('message'),
        },
        strings,
      ),
    ],
    [
      'device-confirm',
      deviceConfirmPage(
        {
          base,
          clientName: text('client name'),
          userCode: text('user code'),
          address: text('address'),
          userAgent: text('user agent'),
          scopes,
          action: '/device',
          xsrf: text('xsrf'),
          fields: { [text('field name')]: text('field value') },
        },
        strings,
      ),
    ],
    ['device-done', deviceDonePage({ base, outcome: 'connected' }, strings)],
    ['device-stopped', deviceDonePage({ base, outcome: 'stopped' }, strings)],
    [
      'consent',
      consentPage(
        {
          base,
          csrf: text('csrf'),
          clientName: text('client name'),
          redirectHost: text('redirect host'),
          scopes,
          action: '/consent',
          personName: text('person name'),
        },
        strings,
      ),
    ],
    [
      'logout',
      logoutPage(
        { base, action: '/logout', xsrf: text('xsrf'), clientName: text('client name') },
        strings,
      ),
    ],
    ['signed-out', signedOutPage({ base }, strings)],
    [
      'console',
      consolePage(
        { base, person, links: [{ text: text('link text'), address: address('link') }] },
        strings,
      ),
    ],
    ['console-nobody', consolePage({ base, links: [] }, strings)],
    [
      'refusal',
      refusalPage(
        {
          base,
          approvalUrl: address('approval'),
          retryUrl: address('retry'),
          status: 403,
          title: text('title'),
          code: text('code'),
          requestId: text('request id'),
          explanation: text('explanation'),
          nextSteps: [text('next step')],
          signInUrl: address('sign-in'),
          identityLinks: { account: address('account'), signOut: address('sign-out') },
        },
        strings,
      ),
    ],
    [
      'error',
      errorPage(
        {
          base,
          status: 400,
          title: text('title'),
          code: text('code'),
          requestId: text('request id'),
          explanation: text('explanation'),
          retryAfter: 12,
        },
        strings,
      ),
    ],
    ['error-plain', errorPage({ base, status: 500, code: '1', requestId: '2' }, strings)],
  ])
}

const examples: ReadonlyMap<string, string> = new Map([
  ['sentence', 'Delete order “7” of “Ada Example”'],
  ['method', 'DELETE'],
  ['authority', 'api.example.test'],
  ['target', '/orders/7'],
  ['statement', '{"sentence":"Delete order “7” of “Ada Example”"}'],
  ['other username', 'grace'],
  ['return_to', '/orders/1?view=full'],
  ['relying party', 'Proofgate'],
  ['message', 'That code is not known. Check it and try again.'],
  ['application', 'Orders'],
  ['ticket', 'tkt_4f3kQ0'],
  ['csrf', 'c-7Qw2ZkX0r5uT9sVbN4mLpE8yHgJcDfA1iKoRtUvWxYz'],
  ['xsrf', 'x-7Qw2ZkX0r5uT9sVbN4mLpE8yHgJcDfA1iKoRtUvWxYz'],
  ['person name', 'Ada Example'],
  ['username', 'ada'],
  ['group', 'administrators'],
  ['credential id', 'mF3kZkX0r5uT9sVbN4mLpE8yHgJcDfA1iKoRtUvWxYzQ'],
  ['passkey name', 'Blue security key'],
  ['hint', 'YubiKey 5 series'],
  ['session id', 'sD9aZkX0r5uT9sVbN4mLpE8yHgJcDfA1iKoRtUvWxYzQ'],
  ['session name', 'Chromium on Linux'],
  ['address', '192.0.2.14'],
  ['client name', 'Proofgate command line'],
  ['scope name', 'orders:read'],
  ['scope text', 'Read your orders'],
  ['other scope name', 'orders:write'],
  ['other scope text', 'Create and delete orders'],
  ['notice', 'The passkey was renamed.'],
  ['user code', 'BCDF-GHJK'],
  ['user agent', 'proofgate/0.1.0 (linux; x64)'],
  ['field name', 'device'],
  ['field value', '1'],
  ['redirect host', 'orders.example.test'],
  ['link text', 'Sample API'],
  ['title', 'You may not do this'],
  ['code', 'policy.denied'],
  ['request id', 'req_01JD9V6Q4M'],
  ['explanation', 'You are signed in, but no policy allows you to delete orders.'],
  ['next step', 'Ask an administrator for the group “order-desk”.'],
])

/** Values as they are in ordinary life. */
export function exampleText(field: string): string {
  return examples.get(field) ?? field
}

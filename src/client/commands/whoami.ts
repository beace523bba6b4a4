import { refreshSignIn, requireSignedIn } from '../access.ts'
import { openContext } from '../context.ts'
import type { ClientContext } from '../context.ts'
import type { Stored } from '../credential-store.ts'
import { isFailure } from '../errors.ts'
import { print, printable, printJson, say } from '../terminal.ts'
import { displayName } from './login.ts'

export interface WhoamiOptions {
  readonly issuer?: string
  readonly json?: boolean
}

export async function whoami(options: WhoamiOptions): Promise<void> {
  const context = await openContext(options)
  const { stored, checked } = await ask(context)
  if (!checked) say('warning: the issuer does not answer; this is what it said last')
  const { person, signedInAt } = stored.profile
  const authenticatedAt =
    person.authTime === undefined ? undefined : new Date(person.authTime * 1000).toISOString()
  if (options.json === true) {
    const { authTime: _, ...facts } = person
    printJson({
      issuer: context.issuer,
      ...facts,
      role: stored.profile.role,
      authenticatedAt,
      signedInAt: new Date(signedInAt).toISOString(),
      store: stored.protection,
      storePath: context.store.pathOf(context.issuer),
      checked,
    })
    return
  }
  const rows = [
    ['Person', displayName(person)],
    ['Name', printable(person.name ?? '-')],
    ['Subject', printable(person.subject)],
    ['Groups', person.groups.length === 0 ? '-' : printable(person.groups.join(', '))],
    ...(stored.profile.role === undefined ? [] : [['Role', printable(stored.profile.role)]]),
    ['Signed in', `${authenticatedAt ?? '-'} (${printable(person.acr ?? 'no acr')})`],
    ['Issuer', context.issuer],
    ['Kept in', context.store.describe(context.issuer, stored.protection)],
  ]
  for (const [name = '', value = ''] of rows) print(`${name.padEnd(10)} ${value}`)
}

/** What the issuer says now, or what it said last when it cannot be reached. */
async function ask(context: ClientContext): Promise<{ stored: Stored; checked: boolean }> {
  try {
    return { stored: await refreshSignIn(context), checked: true }
  } catch (error) {
    if (!isFailure(error, 'issuer_unreachable')) throw error
    return { stored: await requireSignedIn(context), checked: false }
  }
}

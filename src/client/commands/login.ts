import type { Person } from '../claims.ts'
import { openContext, rememberIssuer } from '../context.ts'
import type { ClientContext } from '../context.ts'
import type { Stored } from '../credential-store.ts'
import { signIn } from '../sign-in/sign-in.ts'
import { printable, printJson, say } from '../terminal.ts'

export interface LoginOptions {
  readonly issuer?: string
  readonly device?: boolean
  /** False with `--no-browser`. */
  readonly browser: boolean
  readonly role?: string
  readonly json?: boolean
}

export async function login(options: LoginOptions): Promise<void> {
  const context = await openContext(options)
  const stored = await signIn(context, options)
  await rememberIssuer(context.issuer)
  report(context, stored, options.json === true)
}

function report(context: ClientContext, stored: Stored, json: boolean): void {
  const { profile, protection } = stored
  const role = profile.role === undefined ? '' : ` in the role ${printable(profile.role)}`
  say(`Signed in as ${displayName(profile.person)}${role} at ${context.issuer}.`)
  say(`Credentials are kept in ${context.store.describe(context.issuer, protection)}.`)
  if (!json) return
  const { subject, name, username, groups } = profile.person
  printJson({
    issuer: context.issuer,
    subject,
    username,
    name,
    groups,
    role: profile.role,
    store: protection,
  })
}

export function displayName(person: Person): string {
  return printable(person.username ?? person.name ?? person.subject)
}

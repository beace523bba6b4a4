import type { IncomingMessage } from 'node:http'
import type { Demand } from './code.ts'
import type { ClientContext } from '../context.ts'
import { requireSignedIn } from '../access.ts'
import { signIn } from './sign-in.ts'
import { printable, say } from '../terminal.ts'

/** What an API wants proved before it takes the request, if that is what it says (RFC 9470 3). */
export function demandOf(
  answer: Pick<IncomingMessage, 'statusCode' | 'headers'>,
): Demand | undefined {
  const challenge = answer.headers['www-authenticate'] ?? ''
  if (answer.statusCode !== 401) return undefined
  if (!/\berror="?insufficient_user_authentication\b/i.test(challenge)) return undefined
  return {
    maxAge: /\bmax_age="?(\d{1,9})\b/i.exec(challenge)?.[1],
    acrValues: /\bacr_values="([^"\\]{1,200})"/i.exec(challenge)?.[1],
  }
}

/** Signs the same person in again, in the same role, with what the API wants proved. */
export async function stepUp(context: ClientContext, demand: Demand, host: string): Promise<void> {
  const { profile } = await requireSignedIn(context)
  say(`${printable(host)} wants ${describe(demand)}.`)
  await signIn(context, {
    browser: true,
    role: profile.role,
    demand,
    subject: profile.person.subject,
  })
}

function describe({ maxAge, acrValues }: Demand): string {
  const fresh = maxAge === undefined ? 'a stronger sign-in' : `a sign-in of the last ${maxAge} s`
  return acrValues === undefined ? fresh : `${fresh} (${printable(acrValues)})`
}

import { nobody } from '../policy/index.ts'
import type { PolicyPrincipal } from '../policy/index.ts'
import { invalidInput } from './answer.ts'

const accountForm = /^\d{12}$/
const rootForm = /^arn:aws[a-z-]*:iam::(?<account>\d{12}):root$/
const roleForm = /^arn:aws[a-z-]*:iam::(?<account>\d{12}):role\/.+$/
const namedForm =
  /^arn:aws[a-z-]*:(?:iam::(?<user>\d{12}):user|sts::(?<federated>\d{12}):federated-user)\/.+$/
const sessionForm =
  /^arn:(?<partition>aws[a-z-]*):sts::(?<account>\d{12}):assumed-role\/(?<name>[^/]+)\/[^/]+$/

/** Who `CallerArn` is, to a policy with `Principal`. Throws `SimulationError`. */
export function parseCaller(text: string | undefined): PolicyPrincipal {
  if (text === undefined) return nobody
  const principal = wholeAccount(text) ?? user(text) ?? role(text) ?? roleSession(text)
  if (principal !== undefined) return principal
  throw invalidInput(`Invalid Entity Arn: ${text} does not clearly define entity type and name.`)
}

function wholeAccount(text: string): PolicyPrincipal | undefined {
  const account = accountForm.test(text) ? text : rootForm.exec(text)?.groups?.['account']
  return account === undefined ? undefined : { ...nobody, account }
}

function user(text: string): PolicyPrincipal | undefined {
  const found = namedForm.exec(text)?.groups
  const account = found?.['user'] ?? found?.['federated']
  return account === undefined ? undefined : { ...nobody, arn: text, account }
}

/** Not as itself: what names a role is limited by its boundary, what names a session of it is not. */
function role(text: string): PolicyPrincipal | undefined {
  const account = roleForm.exec(text)?.groups?.['account']
  return account === undefined ? undefined : { ...nobody, role: text, account }
}

function roleSession(text: string): PolicyPrincipal | undefined {
  const { partition, account, name } = sessionForm.exec(text)?.groups ?? {}
  if (account === undefined) return undefined
  return { ...nobody, arn: text, role: `arn:${partition}:iam::${account}:role/${name}`, account }
}

/** The account that `ResourceOwner` names. Throws `SimulationError`. */
export function parseOwner(text: string): string {
  if (accountForm.test(text)) return text
  const account = /^arn:aws[a-z-]*:(?:iam|sts)::(?<account>\d{12}):.+$/.exec(text)?.groups?.[
    'account'
  ]
  if (account !== undefined) return account
  throw invalidInput(
    `'${text}' is not a valid as a Resource Owner. Write an account or its root ARN`,
  )
}

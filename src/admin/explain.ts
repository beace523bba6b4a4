import { isIP } from 'node:net'
import { isRefusal } from '../core/index.ts'
import type { Instant, Refusal } from '../core/index.ts'
import { identityErrors } from '../identity/index.ts'
import type { CredentialId, Person } from '../identity/index.ts'
import type { ProofFacts } from '../session/index.ts'
import { explainRequest } from '../analysis/index.ts'
import type { SupposedFacts, Supposition } from '../analysis/index.ts'
import { standingOf, suggestKey } from '../policy/index.ts'
import { adminErrors } from './errors.ts'
import { optionalText } from './operation.ts'
import type { AdminParts, OperationTable } from './operation.ts'
import { rolesOf, unknownRole } from './roles.ts'

/** Why a request would be let through or not. */
export const explainOperations: OperationTable = {
  'POST /v1/explain': async (parts, { body }) => {
    const input = parseInput(body)
    if (isRefusal(input)) return input
    const { username, at, credential: id, role, ...request } = input
    const person = username === undefined ? undefined : await parts.directory.require(username)
    if (isRefusal(person)) return person
    const facts = id === undefined ? undefined : await factsOf(parts, id, person)
    if (isRefusal(facts)) return facts
    const isUnknown = role !== undefined && input.supposition.open === undefined
    if (isUnknown && !rolesOf(parts).has(role)) return unknownRole(role, parts)
    return explainRequest(parts.table(), {
      ...request,
      person,
      now: at ?? parts.clock.now(),
      signIn: { facts, role, credential: credentialIn(request.supposition) },
    })
  },
}

/** What the passkey proves when its owner signs in with it. */
async function factsOf(
  { credentials, metadata }: Pick<AdminParts, 'credentials' | 'metadata'>,
  id: string,
  person: Person | undefined,
): Promise<ProofFacts | Refusal> {
  const credential = await credentials.load(id as CredentialId)
  if (credential === undefined) return identityErrors.refuse('unknown_credential', `found ${id}`)
  if (credential.personId !== person?.id) {
    return adminErrors.refuse('input_malformed', 'credential: one of the person named by `as`')
  }
  if (credential.suspension !== undefined) {
    return adminErrors.refuse('input_malformed', 'credential: a suspended one opens nothing')
  }
  const certification = metadata.certificationOf(credential)
  return {
    ...(certification === undefined ? {} : { certification }),
    credentialId: credential.id,
    aaguid: credential.aaguid,
    userVerified: credential.userVerified,
    backupEligible: credential.backupEligible,
    backupState: credential.backupState,
    attestationFormat: credential.attestationFormat,
    attestationTrusted: credential.attestationTrusted,
    registeredAt: credential.createdAt,
    transports: credential.transports,
  }
}

/** The passkey that a supposed fact names. */
function credentialIn({ facts = {} }: Supposition): string | undefined {
  const named = Object.entries(facts).find(
    ([key]) => key.toLowerCase() === 'proofgate:credentialid',
  )
  return typeof named?.[1] === 'string' ? named[1] : undefined
}

interface Input {
  readonly method: string
  readonly url: string
  readonly address: string
  readonly username: string | undefined
  readonly at: Instant | undefined
  readonly role: string | undefined
  readonly credential: string | undefined
  readonly supposition: Supposition
}

function parseInput(body: Readonly<Record<string, unknown>>): Input | Refusal {
  const names = ['method', 'url', 'address', 'as', 'at', 'role', 'credential']
  const found = names.map((name) => optionalText(body, name))
  const refused = found.find(isRefusal)
  if (refused !== undefined) return refused
  const texts = found.filter((one): one is string | undefined => !isRefusal(one))
  const [method = 'GET', url = '', address = '127.0.0.1', username, time, role, credential] = texts
  if (!/^https?:\/\/[^/?#]/i.test(url)) {
    return adminErrors.refuse(
      'input_malformed',
      `url: found ${url === '' ? 'none' : url}, expected http://HOST/PATH or https://HOST/PATH`,
    )
  }
  if (isIP(address) === 0)
    return adminErrors.refuse(
      'input_malformed',
      `address: found ${address}, expected an IP address`,
    )
  const at = time === undefined ? undefined : Date.parse(time)
  if (Number.isNaN(at)) return adminErrors.refuse('input_malformed', 'at: a time in ISO 8601')
  const facts = parseFacts(body['facts'])
  if (isRefusal(facts)) return facts
  const open = body['open'] === true ? ('sign-in' as const) : undefined
  return {
    method: method.toUpperCase(),
    url,
    address,
    username,
    at: at as Instant,
    role,
    credential,
    supposition: { facts, open },
  }
}

const mostFacts = 100

function parseFacts(value: unknown): SupposedFacts | Refusal {
  const isWellFormed =
    value === undefined ||
    (typeof value === 'object' &&
      value !== null &&
      Object.keys(value).length <= mostFacts &&
      Object.values(value).every(isTexts))
  if (!isWellFormed) {
    return adminErrors.refuse('input_malformed', 'facts: condition keys, each with a list of texts')
  }
  const unknown = Object.keys(value ?? {}).find(
    (key) => standingOf(key.toLowerCase(), undefined).kind === 'unknown',
  )
  if (unknown !== undefined) {
    const detail = `facts: found ${unknown}, expected a condition key; ${suggestKey(unknown)}`
    return adminErrors.refuse('input_malformed', detail)
  }
  // One value is a fact that can stand as a policy variable too.
  return Object.fromEntries(
    Object.entries((value ?? {}) as Record<string, string[]>).map(([key, values]) => {
      const [only] = values
      return [key, values.length === 1 && only !== undefined ? only : values]
    }),
  )
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

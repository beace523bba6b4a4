import { readFile } from 'node:fs/promises'
import { accessTo, narrowedAccessTo, requireSignedIn } from '../access.ts'
import type { Access } from '../access.ts'
import { openContext } from '../context.ts'
import type { ClientContext } from '../context.ts'
import { failure } from '../errors.ts'
import { audienceFor } from '../protected-resource.ts'
import { print, printable, printJson, say } from '../terminal.ts'
import { parseAddress, reasonOf } from '../transport.ts'

export interface TokenOptions {
  readonly issuer?: string
  readonly audience?: string
  readonly header?: boolean
  readonly method: string
  readonly url?: string
  readonly sessionPolicy?: string
  readonly json?: boolean
}

export async function token(options: TokenOptions): Promise<void> {
  const context = await openContext(options)
  const url = parseUrl(options)
  const method = parseMethod(options.method)
  const audience = await audienceOf(context, options.audience, url)
  const access =
    options.sessionPolicy === undefined
      ? await accessTo(context, audience)
      : await narrowedAccessTo(context, audience, await readPolicy(options.sessionPolicy))
  say(`warning: this token for ${printable(audience)} is bound to the key of this machine:`)
  say('each request needs its own DPoP proof. `proofgate curl URL` makes them.')
  const proof = url === undefined ? undefined : prove(context, access, { url, method })
  if (options.json === true) {
    printJson({
      audience,
      tokenType: 'DPoP',
      accessToken: access.token.reveal(),
      expiresAt: new Date(access.expiresAt).toISOString(),
      proof,
    })
    return
  }
  if (proof === undefined || options.header !== true) {
    print(access.token.reveal())
    return
  }
  print(`Authorization: DPoP ${access.token.reveal()}`)
  print(`DPoP: ${proof}`)
}

async function readPolicy(file: string): Promise<string> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    throw failure('arguments_invalid', `cannot read ${printable(file)}: ${reasonOf(cause)}`, {
      cause,
      hint: 'give a file that holds one IAM policy',
    })
  }
  try {
    // Without white space: the token carries it.
    return JSON.stringify(JSON.parse(text))
  } catch (cause) {
    throw failure('arguments_invalid', `${printable(file)} is not JSON`, {
      cause,
      hint: 'check it with: proofgate policy lint --kind session FILE',
    })
  }
}

function prove(
  context: ClientContext,
  access: Access,
  request: { url: URL; method: string },
): string {
  return access.profile.key.prove({
    ...request,
    now: context.clock.now(),
    accessToken: access.token.reveal(),
  })
}

/** `--audience`, else what the URL's host says, else the API that was used last. */
async function audienceOf(
  context: ClientContext,
  named: string | undefined,
  url: URL | undefined,
): Promise<string> {
  if (named !== undefined) return named
  if (url !== undefined) return askHost(url)
  const { profile } = await requireSignedIn(context)
  if (profile.lastAudience !== undefined) return profile.lastAudience
  throw failure('audience_needed', 'no API was used yet, so it is not clear which one you mean')
}

async function askHost(url: URL): Promise<string> {
  try {
    return await audienceFor(url)
  } catch (error) {
    if (error instanceof Error && error.name === 'ProofgateError') throw error
    throw failure('audience_unknown', `${url.origin} does not answer: ${reasonOf(error)}`, {
      cause: error,
    })
  }
}

function parseUrl(options: TokenOptions): URL | undefined {
  if (options.url === undefined) {
    if (options.header !== true) return undefined
    throw failure('arguments_invalid', '--header needs the request it is for', {
      hint: 'add --url URL, and --method METHOD if it is not GET',
    })
  }
  const url = parseAddress(options.url)
  if (url !== undefined) return url
  throw failure(
    'arguments_invalid',
    `'${printable(options.url)}' is not an http or https address`,
    {
      hint: 'give the whole address, such as http://api.proofgate.localhost:8080/orders/1',
    },
  )
}

/** RFC 9110 9.1: methods are tokens and case-sensitive. */
function parseMethod(text: string): string {
  if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/.test(text)) return text
  throw failure('arguments_invalid', `'${printable(text)}' is not a method`, {
    hint: 'give a method such as GET or POST',
  })
}

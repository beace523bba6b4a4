import { lookup } from 'node:dns'
import { isIP } from 'node:net'

import { isMetadataAddress, isPrivateAddress, metadataAddresses } from './address.ts'

/** Calls back with every address of a host name, in the order to try them. */
export type Resolver = (
  host: string,
  answer: (error: Error | undefined, addresses: readonly string[]) => void,
) => void

/** The system's resolver, with `localhost` names answered here as browsers do (RFC 6761 6.3). */
export const systemResolver: Resolver = (host, answer) => {
  lookup(host, { all: true, order: 'verbatim' }, (error, found) => {
    if (error !== null) answer(error, [])
    else
      answer(
        undefined,
        found.map((entry) => entry.address),
      )
  })
}

export type AddressVerdict =
  | { readonly kind: 'addresses'; readonly addresses: readonly string[] }
  | { readonly kind: 'name_not_found' | 'address_forbidden'; readonly detail: string }

/**
 * Finds the addresses of a URL's host and judges every one of them.
 *
 * Invariant: the caller connects to an address from the verdict, never to the name, so that a name
 * cannot point elsewhere between the check and the connection.
 *
 * @param host - `url.hostname`, IPv6 in brackets.
 */
export function resolveChecked(
  host: string,
  options: { allowPrivateAddresses: boolean; resolve: Resolver },
  answer: (verdict: AddressVerdict) => void,
): void {
  const literal = host.startsWith('[') ? host.slice(1, -1) : host
  if (isIP(literal) !== 0) {
    answer(judge([literal], literal, options.allowPrivateAddresses))
    return
  }
  if (isLocalhost(host)) {
    answer(judge(['127.0.0.1', '::1'], undefined, options.allowPrivateAddresses))
    return
  }
  options.resolve(host, (error, addresses) => {
    if (error !== undefined || addresses.length === 0) {
      const reason = error?.message ?? 'no addresses'
      answer({ kind: 'name_not_found', detail: `${host}: ${reason}` })
    } else {
      answer(judge(addresses, undefined, options.allowPrivateAddresses))
    }
  })
}

/** One forbidden address forbids the name: a mixed answer is what a rebinding name looks like. */
function judge(
  addresses: readonly string[],
  literal: string | undefined,
  allowPrivate: boolean,
): AddressVerdict {
  for (const address of addresses) {
    const named = literal !== undefined && metadataAddresses.includes(literal)
    const metadata = isMetadataAddress(address) && !named
    if (metadata || isIP(address) === 0 || (!allowPrivate && isPrivateAddress(address))) {
      return { kind: 'address_forbidden', detail: `${address} is not a permitted address` }
    }
  }
  return { kind: 'addresses', addresses }
}

/** Names that are answered here and lead nowhere else. */
export function isLocalhost(host: string): boolean {
  const name = (host.endsWith('.') ? host.slice(0, -1) : host).toLowerCase()
  return name === 'localhost' || name.endsWith('.localhost')
}

import { corsHeaders, withoutCors } from '../answer/cors.ts'
import type { Admitted } from '../stages.ts'
import { editHeaders } from './header-edits.ts'

/** The header section of a service's answer as the route has it changed. Flat; may be the same array. */
export function editAnswered(received: string[], admitted: Admitted): string[] {
  const { route, incoming } = admitted.routed
  const headers = route.cors === undefined ? received : withoutCors(received)
  if (route.headers?.response !== undefined) {
    editHeaders(headers, route.headers.response, admitted.facts)
  }
  if (route.cors !== undefined) {
    headers.push(...corsHeaders(route.cors, incoming.request.headers.origin))
  }
  return headers
}

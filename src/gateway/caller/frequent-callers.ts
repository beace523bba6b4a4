import { Recently } from '../../core/index.ts'
import type { Principal } from './principal.ts'

/** For as many the texts that are made of them again and again are kept. */
const most = 4096
const callers = new Recently<Principal>(most)

/** Whether it came before, not long ago: what is worked out for it is worth keeping. */
export function isFrequent(principal: Principal): boolean {
  return callers.meet(principal)
}

/** With the principals of a configuration that was replaced its policies would stay. */
export function forgetFrequent(): void {
  callers.forget()
}

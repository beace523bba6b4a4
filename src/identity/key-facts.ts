import type { Credential } from './types.ts'

/** A passkey as records name it: enough to tell others of it when it is gone. */
export function keyFacts({ id, personId, aaguid, transports }: KeyLike): {
  readonly credential: string
  readonly person: string
  readonly aaguid: string
  /** Whether it is a part of the device it is used on. */
  readonly platform: boolean
} {
  const platform = transports.includes('internal')
  return { credential: id, person: personId, aaguid, platform }
}

type KeyLike = Pick<Credential, 'id' | 'personId' | 'aaguid' | 'transports'>

import { randomBytes } from 'node:crypto'
import { parseBase64url, randomToken, toBase64url } from '../core/index.ts'
import type { AsyncEntry as Entry } from '@napi-rs/keyring'
import { failure } from './errors.ts'

const service = 'proofgate'
const keyLength = 32
/** Long enough for a person to unlock the keyring when it asks. */
const keyringTimeout = 30_000

/**
 * A place of the operating system for one sealing key per issuer: the Keychain, the Credential Manager or
 * the Secret Service. The kernel keyring of Linux is not used: it forgets at restart.
 */
export interface Keyring {
  /** `undefined` when there is none for this issuer; throws when the keyring does not answer. */
  loadKey(issuer: string): Promise<Uint8Array | undefined>
  /** Loads the key, or makes and stores one. */
  ensureKey(issuer: string): Promise<Uint8Array>
  removeKey(issuer: string): Promise<void>
}

/** `undefined` when the machine has no keyring that keeps what it is given. */
export async function probeKeyring(): Promise<Keyring | undefined> {
  const open = await loadOpener()
  if (open === undefined) return undefined
  try {
    const entry = open(`probe-${randomToken(8)}`)
    const value = randomToken()
    await entry.setPassword(value, patience())
    const kept = await entry.getPassword(patience())
    await entry.deletePassword(patience())
    return kept === value ? keyringOver(open) : undefined
  } catch {
    return undefined
  }
}

/** The keyring without a probe, for what is known to be in it. */
export async function openKeyring(): Promise<Keyring> {
  const open = await loadOpener()
  if (open === undefined) {
    throw failure('keyring_unavailable', 'the credentials need a keyring this machine has not got')
  }
  return keyringOver(open)
}

async function loadOpener(): Promise<((name: string) => Entry) | undefined> {
  try {
    // An optional dependency: not on every platform, not in every install.
    const { AsyncEntry } = await import('@napi-rs/keyring')
    return (name) => new AsyncEntry(service, name, { linux: { store: 'secret-service' } })
  } catch {
    return undefined
  }
}

function keyringOver(open: (name: string) => Entry): Keyring {
  const loadKey = async (issuer: string): Promise<Uint8Array | undefined> => {
    const stored = await answered(() => open(issuer).getPassword(patience()))
    const key = parseBase64url(stored ?? '')
    return key?.byteLength === keyLength ? key : undefined
  }
  return {
    loadKey,
    async ensureKey(issuer) {
      const known = await loadKey(issuer)
      if (known !== undefined) return known
      const key = new Uint8Array(randomBytes(keyLength))
      await answered(() => open(issuer).setPassword(toBase64url(key), patience()))
      return key
    },
    async removeKey(issuer) {
      await answered(() => open(issuer).deletePassword(patience()))
    },
  }
}

async function answered<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw failure('keyring_unavailable', 'the keyring of the system does not answer', {
      cause: error,
    })
  }
}

function patience(): AbortSignal {
  return AbortSignal.timeout(keyringTimeout)
}

import { setTimeout as delay } from 'node:timers/promises'
import type { Adapter, AdapterPayload } from 'oidc-provider'
import { epochSeconds, hashSecret, millis } from '../core/index.ts'
import type { Clock, Instant } from '../core/index.ts'
import { errors } from './library.ts'
import type { ProviderObject, ProviderObjectStore } from './store.ts'

/** Their ids are needed again when they are found by another key, so they stay in the payload. */
const foundByOtherKey: ReadonlySet<string> = new Set(['DeviceCode', 'Session'])

/** How long after its end a device code is told from nonsense: `expired_token` (RFC 8628 3.5). */
const memoryOfDeviceCode = millis(10 * 60_000)

/** Past by any clock. The library takes zero for no end at all. */
const longPast = 1

/**
 * Who used a one-time object first may be signing the answer at this moment, in this process or another: it
 * gets that long before a second use ends the grant. So of many at once exactly one gets an answer, and
 * what it got is worth nothing when the refusal of the others is out.
 */
export async function winnersTime(): Promise<void> {
  await delay(1000)
}

/**
 * The library's storage interface over our port, one instance per model.
 *
 * Invariant: `consume` succeeds for one caller only, and a one-time proof is saved once, whatever runs
 * in parallel and in how many processes; the library itself only reads before it writes.
 */
export class ProviderAdapter implements Adapter {
  readonly #type: string
  readonly #store: ProviderObjectStore
  readonly #clock: Clock
  readonly #onReplay: (grantId: string) => Promise<unknown>

  /** @param parts.onReplay - ends whatever else hangs on a grant of which something was used twice. */
  constructor(
    type: string,
    parts: {
      store: ProviderObjectStore
      clock: Clock
      onReplay: (grantId: string) => Promise<unknown>
    },
  ) {
    this.#type = type
    this.#store = parts.store
    this.#clock = parts.clock
    this.#onReplay = parts.onReplay
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<undefined> {
    const object = this.#objectOf(id, payload, expiresIn)
    if (this.#type !== 'ReplayDetection') {
      await this.#store.save(object)
    } else if (!(await this.#store.saveOnce(object))) {
      throw new errors.InvalidDpopProof('this proof was used before')
    }
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const now = this.#clock.now()
    const memory = this.#type === 'DeviceCode' ? memoryOfDeviceCode : 0
    const found = await this.#store.find(this.#type, hashId(id), now - memory)
    if (found === undefined) return undefined
    const payload = { ...payloadOf(found), jti: id }
    // Invariant: our clock says what has expired; the library compares with that of the machine.
    return isOver(found, now) ? { ...payload, exp: longPast } : payload
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    const hash = hashId(userCode)
    const found = await this.#store.findByUserCode(this.#type, hash, this.#clock.now())
    return found === undefined ? undefined : payloadOf(found)
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    const found = await this.#store.findByUid(this.#type, uid, this.#clock.now())
    return found === undefined ? undefined : payloadOf(found)
  }

  /** A loser of a race was used twice as much as a late comer, and costs the grant as well (RFC 9700 4.14.2). */
  async consume(id: string): Promise<undefined> {
    const now = this.#clock.now()
    if (await this.#store.consume(this.#type, hashId(id), epochSeconds(now))) return
    const grantId = (await this.#store.find(this.#type, hashId(id), now))?.grantId
    if (grantId !== undefined) {
      await winnersTime()
      await this.#store.revokeByGrant(grantId)
      await this.#onReplay(grantId)
    }
    throw new errors.InvalidGrant('this was used before')
  }

  async destroy(id: string): Promise<undefined> {
    await this.#store.destroy(this.#type, hashId(id))
  }

  async revokeByGrantId(grantId: string): Promise<undefined> {
    await this.#store.revokeByGrant(grantId)
  }

  #objectOf(id: string, payload: AdapterPayload, expiresIn: number | undefined): ProviderObject {
    const { jti, ...rest } = payload
    const kept = foundByOtherKey.has(this.#type) ? { ...rest, jti } : rest
    return {
      type: this.#type,
      idHash: hashId(id),
      payload: JSON.stringify(kept),
      grantId: payload.grantId,
      userCodeHash: payload.userCode === undefined ? undefined : hashId(payload.userCode),
      uid: payload.uid,
      expiresAt: expiresIn === undefined ? undefined : this.#clock.now() + expiresIn * 1000,
      consumedAt: undefined,
    }
  }
}

function isOver({ expiresAt }: ProviderObject, now: Instant): boolean {
  return expiresAt !== undefined && expiresAt <= now
}

function hashId(id: string): string {
  return hashSecret('oidc', id)
}

function payloadOf(object: ProviderObject): AdapterPayload {
  const payload = JSON.parse(object.payload) as AdapterPayload
  return object.consumedAt === undefined ? payload : { ...payload, consumed: object.consumedAt }
}

import type { Millis } from '../core/index.ts'
import type { Configuration } from '../config/index.ts'
import { canShare, requireFree } from '../listener/index.ts'
import type { GatewayTable } from '../gateway/index.ts'
import type { WaitingRoom } from '../listener/index.ts'
import type { Revocation } from '../session/index.ts'
import type { Serving } from './serving.ts'

/** Whoever serves the public listener: this thread, or several others. */
export interface Crew {
  /** The table in force, for explanations. */
  readonly table: GatewayTable
  /** Resolves when the configuration is in force everywhere. */
  apply(configuration: Configuration): Promise<void>
  /**
   * Resolves with the port that was bound.
   *
   * @param room - where callers wait since the server before this one stopped, on the same port.
   */
  listen(address: string, port: number, room: WaitingRoom | undefined): Promise<number>
  drain(deadline: Millis): Promise<void>
  close(): Promise<void>
  forgetPrincipals(): void
  refreshKeys(): Promise<void>
  /** Something was revoked, here or by another process on the same store. */
  onRevoked(changes: readonly Revocation[]): void
  /** In Prometheus' text exposition format. */
  metrics(): Promise<string>
}

/** One thread that does everything, which is the least for few cores and little traffic. */
export class CrewOfOne implements Crew {
  readonly #serving: Serving

  constructor(serving: Serving) {
    this.#serving = serving
  }

  get table(): GatewayTable {
    return this.#serving.table
  }

  async apply(configuration: Configuration): Promise<void> {
    this.#serving.apply(configuration)
  }

  async listen(address: string, port: number, room: WaitingRoom | undefined): Promise<number> {
    if (room !== undefined) {
      this.#serving.adopt(room)
      return port
    }
    await requireFree(address, port)
    return this.#serving.listen({ address, port, reusePort: canShare })
  }

  drain(deadline: Millis): Promise<void> {
    return this.#serving.drain(deadline)
  }

  close(): Promise<void> {
    return this.#serving.close()
  }

  forgetPrincipals(): void {
    this.#serving.forgetPrincipals()
  }

  refreshKeys(): Promise<void> {
    return this.#serving.refreshKeys()
  }

  onRevoked(changes: readonly Revocation[]): void {
    this.#serving.forgetChanged(changes)
  }

  async metrics(): Promise<string> {
    return this.#serving.metrics()
  }
}

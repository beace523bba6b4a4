import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import type { StoredRecord } from '../../src/audit/index.ts'
import { configurationFile, startGateway } from './gateway.ts'
import type { GatewayProcess } from './gateway.ts'
import { call } from './http.ts'
import { Mint, personId, recordsOf } from './minting.ts'
import { until } from './operations.ts'

/** A gateway with a configuration of the test's own, asked who may do what. */
export class Gate {
  readonly gateway: GatewayProcess
  readonly mint: Mint
  readonly file: string
  readonly #ids = new Map<string, string>()

  private constructor(gateway: GatewayProcess, file: string) {
    this.gateway = gateway
    this.file = file
    this.mint = new Mint(gateway)
  }

  static async start(text: string): Promise<Gate> {
    const file = configurationFile(text)
    return new Gate(await startGateway({ command: ['serve', '--config', file] }), file)
  }

  /** A token of our issuer for somebody. */
  token(username: string, more: Readonly<Record<string, unknown>> = {}): string {
    const id = this.#ids.get(username) ?? personId(this.gateway, username)
    this.#ids.set(username, id)
    return this.mint.token(id, more)
  }

  /** `200`, or the code of the refusal. */
  async ask(path: string, token?: string, method = 'GET'): Promise<string> {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const answer = await call(`${this.gateway.api}${path}`, { method, headers })
    if (answer.status === 200) return '200'
    assert.match(String(answer.headers['content-type']), /^application\/problem\+json/)
    return String(answer.json().code)
  }

  /** The decision record of the last request for a path; it is written before the answer. */
  async lastDecision(path: string): Promise<StoredRecord> {
    const records = await recordsOf(this.gateway, 'decision')
    const found = records.findLast(({ what }) => what?.['path'] === path)
    assert.ok(found, `no decision about ${path}`)
    return found
  }

  /** Puts another configuration in force, and waits until what `holds` says is so. */
  async change(text: string, what: string, holds: () => Promise<boolean>): Promise<void> {
    writeFileSync(`${this.file}.new`, text)
    renameSync(`${this.file}.new`, this.file)
    await until(what, holds)
  }

  async stop(): Promise<void> {
    assert.equal(await this.gateway.stop(), 0, this.gateway.errors())
    assert.doesNotMatch(this.gateway.errors(), /"level":"error"/)
  }
}

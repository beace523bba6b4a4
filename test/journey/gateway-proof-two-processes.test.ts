import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { freePort } from '../kit/ports.ts'
import { Approving, askedBy, inlineProof } from '../kit/approving.ts'
import type { AskedFor } from '../kit/approving.ts'
import { atOnce, enrolled, houseText, startRecorder } from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import { configurationFile, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import type { Answer } from '../kit/http.ts'
import { Mint, personId } from '../kit/minting.ts'
import type { SoftPerson } from '../kit/person.ts'

/*
 * Row H02. Two processes of two serving threads each, over one database and one folder of signing keys, that
 * answer for the same hosts.
 */
describe('a proof in two processes', { timeout: 300_000 }, () => {
  let recorder: Recorder
  let first: GatewayProcess
  let second: GatewayProcess
  let again: () => Promise<GatewayProcess>
  let otherPort: number
  let alice: SoftPerson
  let approving: Approving
  let token: string

  before(async () => {
    recorder = await startRecorder()
    const shared = temporaryDirectory()
    const [database, keys] = [join(shared, 'proofgate.db'), join(shared, 'keys')]
    const port = await freePort()
    otherPort = await freePort()
    const text = houseText(
      recorder.url,
      `identity: { origin: 'http://auth.proofgate.localhost:${port}' }
console: { origin: 'http://console.proofgate.localhost:${port}' }
storage: { database: '${database}', keys: '${keys}' }
workers: 2
`,
    )
      .replace('host: api.proofgate.localhost', `host: api.proofgate.localhost:${port}`)
      .replace('host: ledger.proofgate.localhost', `host: ledger.proofgate.localhost:${port}`)
      .replace(
        '- { method: POST, path: /orders }',
        `- { method: POST, path: /orders, proof: { request: { dangerously_allowUnattested: true } } }`,
      )
    const command = ['serve', '--config', configurationFile(text)]
    const dataDirectory = temporaryDirectory()
    again = () => startGateway({ command, port, dataDirectory })
    first = await again()
    second = await startGateway({ command, port: otherPort })
    alice = await enrolled(first, 'alice')
    approving = new Approving(first, {}, database)
    token = new Mint(first, { keys }).token(personId(first, 'alice', database))
  })
  after(async () => {
    approving?.close()
    recorder.close()
    await Promise.all([first?.stop(), second?.stop()])
  })

  /** To the first process, or to the second under the first one's name. */
  const send = (index: number, proof?: string): Promise<Answer> => {
    const { host } = new URL(first.api)
    const url = `${index % 2 === 0 ? first.api : `http://api.proofgate.localhost:${otherPort}`}/orders`
    return call(url, {
      method: 'POST',
      body: '{"amount":1}',
      headers: {
        host,
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        ...(proof === undefined ? {} : { 'proofgate-proof': proof }),
      },
    })
  }
  const named = ({ id }: AskedFor): string => `id="${id}"`

  it('lets one of fifty through, and nobody afterwards', async () => {
    for (let round = 0; round < 3; round++) {
      const asked = askedBy(await send(round))
      await approving.approve(asked, alice)
      const before = recorder.seen.length
      const counts = await atOnce(50, (index) => send(index, named(asked)))
      assert.deepEqual(counts, { 200: 1, 403: 49 })
      assert.equal((await send(round, named(asked))).json().code, 'proof.spent')
      assert.equal(recorder.seen.length, before + 1)
    }
  })

  it('lets one of fifty through that bring their assertion along', async () => {
    const asked = askedBy(await send(0))
    const proof = inlineProof(asked, alice)
    const before = recorder.seen.length
    const counts = await atOnce(50, (index) => send(index, proof))
    assert.deepEqual(counts, { 200: 1, 403: 49 })
    assert.equal(recorder.seen.length, before + 1)
  })

  it('is known in both, and stays used after a restart', async () => {
    const [used, open] = [askedBy(await send(0)), askedBy(await send(0))]
    for (const asked of [used, open]) await approving.approve(asked, alice)
    assert.equal((await send(1, named(used))).status, 200)
    const before = recorder.seen.length
    assert.equal(await first.stop(), 0, first.errors())
    first = await again()
    assert.equal((await send(0, named(used))).json().code, 'proof.spent')
    assert.equal(recorder.seen.length, before)
    assert.equal((await send(0, named(open))).status, 200)
    assert.equal((await send(1, named(open))).json().code, 'proof.spent')
    assert.equal(recorder.seen.length, before + 1)
  })
})

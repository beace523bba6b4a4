import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { configurationFile, proofgate, startGateway } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { Mint, personId, recordsOf } from '../kit/minting.ts'
import type { StoredRecord } from '../../src/audit/index.ts'
import { authority, host, lines, tokenOfAlice, tokenOfBob } from './case.ts'
import type { Case, Expected } from './case.ts'
import { Caller } from './caller.ts'
import { configurationText } from './configuration.ts'
import { corpus } from './corpus.ts'
import { ByteRecorder } from './recorder.ts'
import type { Arrived } from './recorder.ts'

const families = Map.groupBy(corpus, ({ id }) => id.slice(0, id.indexOf('.')))

/** The request that has to be served after each case, on its connection or on another. */
function probe(id: string): string {
  return lines(`GET /public/after/${id} HTTP/1.1`, host)
}

for (const workers of [1, 2]) {
  describe(`the corpus of HTTP/1.1 requests, served by ${workers}`, { timeout: 540_000 }, () => {
    const recorder = new ByteRecorder()
    let gateway: GatewayProcess
    let port = 0
    const tokens = new Map<string, string>()
    const failures = new Map<string, string>()
    /** Decision records of each case, its probe's apart. */
    const records = new Map<string, readonly StoredRecord[]>()

    before(async () => {
      const service = await recorder.listen()
      gateway = await startGateway({
        command: ['serve', '--config', configurationFile(configurationText(service, workers))],
      }).catch((error: unknown) => {
        recorder.close()
        throw error
      })
      port = Number(new URL(gateway.issuer).port)
      const mint = new Mint(gateway)
      tokens.set(tokenOfAlice, mint.token(personId(gateway, 'alice')))
      tokens.set(tokenOfBob, mint.token(personId(gateway, 'bob')))
      for (const one of corpus) {
        await play(one).catch((error: unknown) => failures.set(one.id, (error as Error).message))
      }
      const all = await recordsOf(gateway, 'decision')
      for (const [id, found] of recordsByCase(all)) records.set(id, found)
    })
    after(async () => {
      const stopped = await gateway.stop().finally(() => recorder.close())
      const verified = await proofgate(['audit', 'verify', '--data-dir', gateway.dataDirectory])
      assert.equal(verified.code, 0, verified.stdout)
      assert.equal(stopped, 0, gateway.errors())
      assert.doesNotMatch(gateway.errors(), /"level":"error"/)
    })

    async function play(one: Case): Promise<void> {
      const { expect } = one
      const pieces = one.bytes.map(withTokens)
      const caller = await Caller.connect(port, pieces[0]?.startsWith('HEAD') === true ? [0] : [])
      try {
        await caller.send(pieces, one.eof)
        const answered = (): boolean => caller.statuses.length >= expect.statuses.length
        await caller.until(() => caller.closed || answered(), 30_000)
        if (!expect.kept) await caller.until(() => caller.closed, 5000)
        assert.deepEqual(
          caller.statuses,
          expect.statuses,
          `the answers are ${caller.statuses.join()}`,
        )
        await caller.until(() => !recorder.pending, 20_000)
        const { arrived, oddities, cut } = recorder.take()
        await probeAfter(one, caller)
        assert.deepEqual(oddities, [])
        assert.ok(cut <= (expect.mayBeCut === true ? 1 : 0), `${cut} requests were cut off`)
        checkArrived(arrived, expect)
      } finally {
        caller.destroy()
        recorder.take()
      }
    }

    async function probeAfter({ id, expect }: Case, caller: Caller): Promise<void> {
      assert.equal(caller.closed, !expect.kept, expect.kept ? 'it was closed' : 'it was kept')
      const again = expect.kept ? caller : await Caller.connect(port, [])
      const before = again.statuses.length
      await again.send([probe(id)], false)
      await again.until(() => again.statuses.length > before || again.closed, 30_000)
      assert.deepEqual(again.statuses.slice(before), [200], 'the next request is not served')
      assert.equal(again.leftover, '')
      const next = recorder.take().arrived
      assert.deepEqual(
        next.map(({ target }) => target),
        [`/public/after/${id}`],
      )
      if (again !== caller) again.destroy()
    }

    function withTokens(piece: string): string {
      return piece.replaceAll(/\{(?:alice|bob)\}/g, (name) => tokens.get(name) ?? name)
    }

    for (const [row, cases] of families) {
      it(`holds ${row}: ${cases.length} cases`, () => {
        const failed = cases.filter(({ id }) => failures.has(id))
        assert.deepEqual(
          failed.map(({ id, note }) => `${id} (${note}): ${failures.get(id)}`),
          [],
        )
      })
    }

    it('makes exactly one decision record for each request', () => {
      const wrong = corpus.flatMap(({ id, note, expect }) => {
        const found = records.get(id)?.length ?? 0
        const due = expect.records ?? expect.statuses.length
        return found === due ? [] : [`${id} (${note}): ${found} records, not ${due}`]
      })
      assert.deepEqual(wrong, [])
    })

    it('decides on the path that it forwards, and allows nothing else', () => {
      for (const { id, expect } of corpus.filter(({ expect }) => expect.mayBeCut !== true)) {
        const allowed = (records.get(id) ?? []).filter(({ outcome }) => outcome === 'allow')
        const decided = allowed.map(
          ({ what }) => `${String(what?.['method'])} ${String(what?.['path'])}`,
        )
        const forwarded = expect.seen.map((one) => one.split(/[|?]/, 1)[0] ?? '')
        assert.deepEqual(decided.map(beginning), forwarded.map(beginning), id)
      }
    })

    it('has cases enough, each with an id of its own', () => {
      assert.ok(corpus.length >= 250)
      assert.equal(new Set(corpus.map(({ id }) => id)).size, corpus.length)
    })
  })
}

/** Records hold only the beginning of a long path. */
function beginning(path: string): string {
  return path.slice(0, 1000)
}

/** Records stand in order, so those between two probes belong to the case before the second. */
function recordsByCase(all: readonly StoredRecord[]): Map<string, StoredRecord[]> {
  const out = new Map<string, StoredRecord[]>()
  let group: StoredRecord[] = []
  for (const record of all) {
    const after = /^\/public\/after\/(.+)$/.exec(String(record.what?.['path']))
    if (after === null) {
      group.push(record)
    } else {
      out.set(after[1] ?? '', group)
      group = []
    }
  }
  return out
}

/** Names that the gateway alone writes, folded as services fold them. */
const oursAlone =
  /^(?:x-proofgate.*|x-forwarded.*|x-host|x-http-host-override|forwarded|x-real-ip|x-original-.*|x-rewrite-url|x-http-method.*|x-method-override|remote-user|x-remote-.*|client-cert|impersonate-.*|x-request-id|true-client-ip|cf-connecting-ip)$/
const hopByHop =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|upgrade|http2-settings|expect|dpop)$/

function checkArrived(arrived: readonly Arrived[], expect: Expected): void {
  assert.deepEqual(
    arrived.map(({ method, target, body }) => `${method} ${target}${body && `|${body}`}`).sort(),
    expect.seen.toSorted(),
  )
  for (const { fields, trailers, target } of arrived) {
    const all = [
      ...fields.map(([name, value]) => `${name}: ${value}`),
      ...trailers.map(([name, value]) => `trailer ${name}: ${value}`),
    ]
    for (const line of expect.has ?? []) assert.ok(all.includes(line), `${line} in ${all.join()}`)
    for (const name of expect.lacks ?? []) {
      assert.ok(!fields.some(([other]) => other === name), `${name} arrives`)
    }
    checkOurs(fields, target)
    for (const [name] of trailers) assert.doesNotMatch(folded(name), oursAlone)
  }
}

function checkOurs(fields: Arrived['fields'], target: string): void {
  const ours = fields.filter(([name]) => oursAlone.test(folded(name)))
  const expected = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-request-id']
  if (!target.startsWith('/public')) expected.push('x-proofgate-assertion')
  assert.deepEqual(ours.map(([name]) => name).sort(), expected.sort())
  assert.ok(ours.every(([, value]) => !value.includes('spoofed')))
  const hops = fields.filter(([name]) => hopByHop.test(folded(name)))
  assert.deepEqual(hops, [])
  assert.ok(!fields.some(([name, value]) => name === 'host' && value.startsWith(authority)))
}

function folded(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')
}

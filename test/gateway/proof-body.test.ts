import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { isRefusal } from '../../src/core/index.ts'
import type { Incoming } from '../../src/gateway/incoming/incoming.ts'
import { Life } from '../../src/gateway/incoming/life.ts'
import { readWhole } from '../../src/gateway/proof/body.ts'
import { Room } from '../../src/gateway/proof/room.ts'
import { call } from '../kit/http.ts'

describe('bodies that are read whole', () => {
  const room = new Room(100)
  const lives: Life[] = []
  const server = createServer((request, response) => {
    const life = new Life()
    lives.push(life)
    const incoming = { request, response, life, expectsContinue: false } as unknown as Incoming
    readWhole(incoming, { maxBody: 80, room }).then((read) => {
      if (isRefusal(read)) response.writeHead(read.status).end(read.code)
      else response.end(read)
    }, assert.fail)
  })
  let url: string

  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  const send = async (body: string): Promise<string> =>
    (await call(url, { method: 'POST', body })).text

  it('keep their room until their request is over, and what finds none is refused', async () => {
    const body = 'x'.repeat(60)
    assert.equal(await send(body), body)
    assert.equal(room.held, 60)
    assert.equal(await send(body), 'gateway.overloaded')
    assert.equal(await send('y'.repeat(40)), 'y'.repeat(40))
    assert.equal(room.held, 100)
    for (const life of lives.splice(0)) life.end()
    assert.equal(room.held, 0)
    assert.equal(await send(body), body)
    for (const life of lives.splice(0)) life.end()
    assert.equal(room.held, 0)
  })

  it('take no room when they are refused by their declared length', async () => {
    assert.equal(await send('x'.repeat(81)), 'proof.body_too_large')
    assert.equal(room.held, 0)
  })
})

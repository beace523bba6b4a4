import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { after, before, test } from 'node:test'
import { withBrowser } from '../kit/browser.ts'
import { startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { assertQuiet, enrolHere, statusLogged, withoutAutofill } from '../kit/live.ts'
import { callAdmin, until } from '../kit/operations.ts'
import { WebSocketService } from '../kit/websocket.ts'

const service = new WebSocketService()
const streams: ServerResponse[] = []
let plane: DataPlane

/** The page's own side: what it heard is in the title of its document. */
const listening = `
  window.heard = []
  window.source = new EventSource('/app/events')
  source.onmessage = ({ data, lastEventId }) => heard.push('event ' + data + ' ' + lastEventId)
  source.onerror = () => heard.push('events ' + (source.readyState === EventSource.CLOSED ? 'over' : 'lost'))
  window.socket = new WebSocket(location.origin.replace('http', 'ws') + '/ws/chat')
  socket.onopen = () => socket.send('Grüße')
  socket.onmessage = ({ data }) => heard.push('message ' + data)
  socket.onclose = ({ code, wasClean }) => heard.push('closed ' + code + ' ' + wasClean)
`

before(async () => {
  service.echo()
  service.answer = (request, response) => {
    if (request.url === '/app/page') {
      response.writeHead(200, { 'content-type': 'text/html' })
      response.end('<!doctype html><title>a page</title><link rel="icon" href="data:,">')
    } else if (request.url === '/app/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('retry: 200\n\n')
      response.write(`id: ${streams.length}\ndata: begun\n\n`)
      streams.push(response)
    } else return false
    return true
  }
  plane = await startDataPlane({ upstream: await service.listen() })
})

after(async () => {
  for (const stream of streams) stream.destroy()
  await plane.finish().finally(() => service.close())
})

test('a browser hears events and speaks over a WebSocket while its session lasts, and no longer', async (t) => {
  await withBrowser(async ({ newPersona }) => {
    const alice = await newPersona()
    const { page } = alice
    await withoutAutofill(page)
    const heard = async (what: string | RegExp): Promise<void> => {
      await until(`the page heard ${what}`, async () => {
        const all = await page.evaluate<string[]>('window.heard')
        return all.some((one) => (typeof what === 'string' ? one === what : what.test(one)))
      })
    }

    await t.test('a person signs in and opens a page of the API', async () => {
      const link = plane.gateway.enrolment?.link ?? ''
      await page.goto(link)
      await enrolHere(page, link)
      assert.equal((await page.goto(`${plane.gateway.api}/app/page`))?.status(), 200)
    })

    await t.test('its script gets each event at once, and its messages back', async () => {
      await page.evaluate(listening)
      await heard('event begun 0')
      streams[0]?.write('id: 7\ndata: more\n\n')
      await heard('event more 7')
      await heard('message Grüße')
      assert.equal(service.handshakes.at(-1)?.headers.cookie, undefined)
    })

    await t.test('a stream that the service ends is taken up again where it was', async () => {
      const again = new Promise<string | undefined>((resolve) => {
        const { answer } = service
        service.answer = (request, response) => {
          resolve(request.headers['last-event-id']?.toString())
          return answer(request, response)
        }
      })
      streams[0]?.end()
      assert.equal(await again, '7')
      await heard('event begun 1')
    })

    await t.test('both end with the session, and do not come back', async () => {
      const ended = await callAdmin(plane.gateway, '/v1/people/alice/sessions/end', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      })
      assert.equal(ended.status, 200, ended.text)
      await heard(/^closed 1008 /)
      await heard('events over')
      assert.equal(streams.length, 2)
    })

    await t.test('nothing else was logged', () => {
      assertQuiet(alice, [statusLogged(401), /EventSource|event-stream|WebSocket|ERR_/])
    })
  })
})

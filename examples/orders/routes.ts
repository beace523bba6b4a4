/** What the orders service answers, route by route. It trusts the gateway for who may call what. */
import { STATUS_CODES } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { readText } from './caller.ts'
import type { VerifyCaller } from './caller.ts'
import { OrderBook, parseOrderDraft } from './orders.ts'
import { ordersPage } from './page.ts'

interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly query: URLSearchParams
  /** The order number in the path; 0 where the route has none. */
  readonly id: number
}

type Answer = (call: Call) => Promise<void> | void
type Methods = Readonly<Record<string, Answer>>

const BODY_LIMIT_BYTES = 16 * 1024
const SLOW_DEFAULT_SECONDS = 3
const SLOW_LIMIT_SECONDS = 30
const TICK_MILLIS = 1000

/** Answers one request of the service; `closing` ends streams and waits when the process is to stop. */
export type AnswerRequest = (request: IncomingMessage, response: ServerResponse) => Promise<void>

export function createRoutes(verifyCaller: VerifyCaller, closing: AbortSignal): AnswerRequest {
  const orders = new OrderBook()
  orders.add({ item: 'Tea, first flush', quantity: 2 })
  orders.add({ item: 'Stoneware cup', quantity: 4 })

  const collection: Methods = {
    GET: ({ response }) => answerJson(response, 200, { orders: orders.list() }),
    POST: (call) => createOrder(orders, call),
  }
  const member: Methods = {
    GET: ({ response, id }) => {
      const order = orders.load(id)
      if (order) answerJson(response, 200, order)
      else answerProblem(response, 404, `There is no order ${id}.`)
    },
    DELETE: ({ response, id }) => {
      if (orders.remove(id)) response.writeHead(204).end()
      else answerProblem(response, 404, `There is no order ${id}.`)
    },
  }
  const routes = new Map<string, Methods>([
    ['/', { GET: ({ response }) => answerPage(response) }],
    ['/orders', collection],
    ['/whoami', { GET: (call) => answerWhoami(verifyCaller, call) }],
    ['/events', { GET: (call) => streamTicks(call, closing) }],
    ['/slow', { GET: (call) => answerSlowly(call, closing) }],
    ['/healthz', { GET: ({ response }) => answerJson(response, 200, { status: 'ok' }) }],
  ])

  return async (request, response) => {
    const url = URL.parse(request.url ?? '', 'http://orders')
    if (!url) return answerProblem(response, 400, 'The request target is not a path.')
    const [, digits] = /^\/orders\/([1-9][0-9]{0,8})$/.exec(url.pathname) ?? []
    const methods = digits === undefined ? routes.get(url.pathname) : member
    if (!methods) return answerProblem(response, 404, 'Nothing is here.')
    const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '')
    const answer = Object.hasOwn(methods, method) ? methods[method] : undefined
    if (!answer) {
      response.setHeader('allow', Object.keys(methods).join(', '))
      return answerProblem(response, 405, `${method} is not possible here.`)
    }
    await answer({ request, response, query: url.searchParams, id: Number(digits ?? 0) })
  }
}

async function createOrder(orders: OrderBook, { request, response }: Call): Promise<void> {
  const mediaType = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (mediaType !== 'application/json') {
    return answerProblem(response, 415, 'Send an order as application/json.')
  }
  let json: unknown
  try {
    json = JSON.parse(await readText(request, BODY_LIMIT_BYTES))
  } catch (error) {
    if (error instanceof SyntaxError) return answerProblem(response, 400, 'That is not JSON.')
    if (!(error instanceof RangeError)) throw error
    response.setHeader('connection', 'close')
    return answerProblem(response, 413, `An order is at most ${BODY_LIMIT_BYTES} bytes.`)
  }
  const draft = parseOrderDraft(json)
  if (typeof draft === 'string') return answerProblem(response, 422, draft)
  const order = orders.add(draft)
  if (!order) return answerProblem(response, 507, 'The order book is full. Delete an order first.')
  response.setHeader('location', `/orders/${order.id}`)
  answerJson(response, 201, order)
}

function answerPage(response: ServerResponse): void {
  const page = Buffer.from(ordersPage)
  const headers = { 'content-type': 'text/html; charset=utf-8', 'content-length': page.length }
  response.writeHead(200, headers).end(page)
}

/** Shows what the gateway said about the caller, whether that was proven, and how it forwarded. */
async function answerWhoami(
  verifyCaller: VerifyCaller,
  { request, response }: Call,
): Promise<void> {
  const caller = await verifyCaller(request)
  const forwarded = Object.fromEntries(
    Object.entries(request.headers).filter(([name]) => name.startsWith('x-forwarded-')),
  )
  response.setHeader('cache-control', 'no-store')
  answerJson(response, 200, { ...caller, forwarded })
}

/** Server-Sent Events: one tick a second; a client that comes back continues after its last id. */
function streamTicks({ request, response }: Call, closing: AbortSignal): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  if (request.method === 'HEAD' || closing.aborted) {
    response.end()
    return
  }
  const lastId = String(request.headers['last-event-id'] ?? '')
  let id = /^[0-9]{1,9}$/.test(lastId) ? Number(lastId) : 0
  const tick = (): void => {
    // A reader that does not keep up misses ticks instead of filling our memory.
    if (response.writableNeedDrain) return
    id += 1
    response.write(`id: ${id}\nevent: tick\ndata: ${JSON.stringify({ at: new Date() })}\n\n`)
  }
  const end = (): unknown => response.end()
  const timer = setInterval(tick, TICK_MILLIS)
  closing.addEventListener('abort', end)
  response.on('close', () => {
    clearInterval(timer)
    closing.removeEventListener('abort', end)
  })
  response.write('retry: 2000\n\n')
  tick()
}

async function answerSlowly({ response, query }: Call, closing: AbortSignal): Promise<void> {
  const text = query.get('seconds') ?? String(SLOW_DEFAULT_SECONDS)
  const seconds = /^[0-9]{1,2}(\.[0-9]{1,3})?$/.test(text) ? Number(text) : Infinity
  if (seconds > SLOW_LIMIT_SECONDS) {
    return answerProblem(response, 400, `"seconds" is a number from 0 to ${SLOW_LIMIT_SECONDS}.`)
  }
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  try {
    await delay(seconds * 1000, undefined, { signal: AbortSignal.any([gone.signal, closing]) })
  } catch {
    return answerProblem(response, 503, 'The service is stopping.')
  }
  answerJson(response, 200, { waitedSeconds: seconds })
}

/** Answers a problem as `application/problem+json` (RFC 9457). */
export function answerProblem(response: ServerResponse, status: number, detail: string): void {
  const problem = { type: 'about:blank', title: STATUS_CODES[status], status, detail }
  answerJson(response, status, problem, 'application/problem+json')
}

function answerJson(
  response: ServerResponse,
  status: number,
  body: object,
  mediaType = 'application/json',
): void {
  const text = Buffer.from(`${JSON.stringify(body)}\n`)
  response.writeHead(status, { 'content-type': mediaType, 'content-length': text.length }).end(text)
}

/**
 * The sample service behind Proofgate: orders in memory, nothing but Node's own http server.
 * `node examples/orders/server.ts [--port 8090] [--address 127.0.0.1]`
 *
 * Prints one line of JSON when it listens. Ends on SIGTERM or SIGINT, and when the process that
 * started it over a pipe or an IPC channel goes away.
 */
import { fstatSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { createVerifyCaller } from './caller.ts'
import { answerProblem, createRoutes } from './routes.ts'

const KEEP_ALIVE_MILLIS = 75_000
const CLOSE_DEADLINE_MILLIS = 2000

function parseOptions(): { port: number; host: string } {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '8090' },
      address: { type: 'string', default: '127.0.0.1' },
    },
  })
  if (!/^[0-9]{1,5}$/.test(values.port) || Number(values.port) > 65_535) {
    throw new RangeError(`--port ${values.port} is not a port from 0 to 65535`)
  }
  return { port: Number(values.port), host: values.address }
}

/** Calls `end` when whoever started this process over a pipe or an IPC channel is gone. */
function watchParent(end: () => void): void {
  process.once('disconnect', end)
  const input = fstatSync(0, { throwIfNoEntry: false })
  if (!input?.isFIFO() && !input?.isSocket()) return
  process.stdin.once('end', end).once('error', end).resume()
}

function main(): void {
  const closing = new AbortController()
  const answer = createRoutes(createVerifyCaller(process.env), closing.signal)
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (request.destroyed && !request.complete) return
      console.error(error)
      if (response.headersSent) response.destroy()
      else answerProblem(response, 500, 'Something went wrong here.')
    })
  })
  // Longer than a gateway keeps an idle connection, so that it is never closed under a request.
  server.keepAliveTimeout = KEEP_ALIVE_MILLIS
  const close = (): void => {
    if (closing.signal.aborted) return
    closing.abort()
    server.close(() => process.exit(0))
    setTimeout(() => server.closeAllConnections(), CLOSE_DEADLINE_MILLIS).unref()
  }
  process.once('SIGTERM', close).once('SIGINT', close)
  watchParent(close)

  server.on('error', (error) => {
    console.error(error.message)
    process.exit(1)
  })
  server.listen(parseOptions(), () => {
    const { address, port, family } = server.address() as AddressInfo
    const host = family === 'IPv6' ? `[${address}]` : address
    console.log(JSON.stringify({ listening: `http://${host}:${port}` }))
  })
}

try {
  main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(2)
}

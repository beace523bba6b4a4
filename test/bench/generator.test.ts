import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer as createRawServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Generator, writeRequests } from '../../bench/generator.ts'
import type { LoadOrder } from '../../bench/generator.ts'

const folder = mkdtempSync(join(tmpdir(), 'proofgate-test-'))
let generator: Generator
before(() => {
  generator = new Generator()
})
after(async () => {
  await generator.stop()
  rmSync(folder, { recursive: true, force: true })
})

let files = 0
function fileOf(paths: readonly string[]): string {
  files += 1
  const file = join(folder, `requests-${files}`)
  writeRequests(
    file,
    paths.map((path) => ({ path, headers: { Host: 'example', authorization: `Bearer ${path}` } })),
  )
  return file
}

async function withServer<T>(
  listener: RequestListener,
  work: (port: number) => Promise<T>,
): Promise<T> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  try {
    return await work((server.address() as AddressInfo).port)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

function order(port: number, changes: Partial<LoadOrder> = {}): LoadOrder {
  const usual = { connections: 2, seconds: 0.4, skipSeconds: 0, once: false }
  return { port, file: fileOf(['/a']), ...usual, ...changes }
}

describe('the load generator', () => {
  it('sends at its rate, with the headers of the file, and says how many were answered', async () => {
    const seen: string[] = []
    await withServer(
      (request, response) => {
        seen.push(`${request.url} ${request.headers.host} ${request.headers.authorization}`)
        response.end('ok')
      },
      async (port) => {
        const outcome = await generator.run(order(port, { rate: 250 }))
        assert.equal(outcome.requests, 100)
        assert.equal(seen.length, 100)
        assert.deepEqual(new Set(seen), new Set(['/a example Bearer /a']))
      },
    )
  })

  it('counts from when a request was due: a server that stalls once is charged for all who waited', async () => {
    let count = 0
    await withServer(
      (_request, response) => {
        count += 1
        if (count !== 5) response.end('ok')
        else setTimeout(() => response.end('ok'), 300)
      },
      async (port) => {
        // One connection and one request every 10 ms: about 30 of 40 are due while it stalls.
        const outcome = await generator.run(order(port, { rate: 100, connections: 1 }))
        assert.equal(outcome.requests, 40)
        assert.ok(outcome.largestMicros >= 290_000)
        assert.ok(outcome.p50Micros >= 20_000, `p50 is ${outcome.p50Micros}`)
        assert.ok(outcome.lateMicros >= 200_000, 'says that requests left late')
      },
    )
  })

  it('sends each line once, in order, when that is asked', async () => {
    const seen: (string | undefined)[] = []
    await withServer(
      (request, response) => {
        seen.push(request.url)
        response.end('ok')
      },
      async (port) => {
        const file = fileOf(['/1', '/2', '/3'])
        const once = order(port, { file, once: true, connections: 1 })
        assert.equal((await generator.run(once)).requests, 3)
        assert.equal((await generator.run(once)).requests, 3)
        assert.deepEqual(seen, ['/1', '/2', '/3', '/1', '/2', '/3'])
      },
    )
  })

  it('goes on where the order before ended', async () => {
    const seen = new Set<string | undefined>()
    const paths = Array.from({ length: 30 }, (_, index) => `/${index}`)
    await withServer(
      (request, response) => {
        seen.add(request.url)
        response.end('ok')
      },
      async (port) => {
        const half = order(port, { file: fileOf(paths), rate: 50, seconds: 0.3 })
        await generator.run(half)
        assert.equal(seen.size, 15)
        await generator.run(half)
        assert.equal(seen.size, 30)
      },
    )
  })

  it('keeps every connection busy when it has no rate', async () => {
    const waiting: (() => void)[] = []
    await withServer(
      (_request, response) => {
        const answer = (): void => void setTimeout(() => response.end('ok'), 20)
        // The first are not answered before as many as there are connections ask at the same time.
        if (waiting.length === 8) answer()
        else if (waiting.push(answer) === 8) for (const one of waiting) one()
      },
      async (port) => {
        const { requests } = await generator.run(order(port, { connections: 8 }))
        assert.ok(requests >= 8 && requests <= 176, String(requests))
      },
    )
  })

  it('reads answers that come in pieces', async () => {
    const server = createRawServer((socket) => {
      socket.on('error', () => socket.destroy())
      socket.on('data', () => {
        const pieces = ['HTTP/1.1 200 OK\r\nCont', 'ent-Length: 4\r\n\r', '\n', 'bo', 'dy']
        pieces.forEach((piece, at) => setTimeout(() => socket.write(piece), at * 5))
      })
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    const { port } = server.address() as AddressInfo
    const outcome = await generator.run(order(port, { rate: 10, seconds: 0.3 }))
    assert.equal(outcome.requests, 3)
    server.close()
  })

  const failures: Readonly<Record<string, readonly [RequestListener, RegExp]>> = {
    'an answer that refuses': [
      (_request, response) => response.writeHead(403).end('no'),
      /403 Forbidden/,
    ],
    'an answer without a length': [
      (_request, response) => {
        response.write('o')
        response.end('k')
      },
      /200 OK/,
    ],
    'a connection that is cut': [
      (request) => void request.socket.destroy(),
      /the connection was closed/,
    ],
  }
  for (const [what, [listener, reason]] of Object.entries(failures)) {
    it(`takes ${what} for a failure, says why, and gives no figures`, async () => {
      await withServer(listener, async (port) => {
        const running = generator.run(order(port, { rate: 20 }))
        await assert.rejects(running, /requests to :\d+ failed/)
        await assert.rejects(running, reason)
      })
    })
  }

  it('says so when nobody listens or there is nothing to send', async () => {
    const port = await withServer(
      () => undefined,
      async (one) => one,
    )
    await assert.rejects(generator.run(order(port)), /failed/)
    await assert.rejects(generator.run(order(port, { file: join(folder, 'missing') })), /ENOENT/)
  })
})

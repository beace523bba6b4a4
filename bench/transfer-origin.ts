/**
 * The service behind the transfers, a child process: `GET` answers as many bytes as the last segment of the
 * path says, `POST` counts what comes and answers the number. It says its port to its parent.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const piece = Buffer.alloc(256 * 1024, 'x')

function download(response: ServerResponse, size: number): void {
  response.writeHead(200, { 'content-length': size })
  let left = size
  const fill = (): void => {
    while (left > 0) {
      const part = left < piece.length ? piece.subarray(0, left) : piece
      left -= part.length
      if (!response.write(part)) {
        response.once('drain', fill)
        return
      }
    }
    response.end()
  }
  fill()
}

function upload(request: IncomingMessage, response: ServerResponse): void {
  let size = 0
  request.on('data', (chunk: Buffer) => (size += chunk.length))
  request.on('end', () => response.end(String(size)))
}

const server = createServer((request, response) => {
  if (request.method === 'POST') upload(request, response)
  else download(response, Number(request.url?.split('/').at(-1)))
})
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit(0))

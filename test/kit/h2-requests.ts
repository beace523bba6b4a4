import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startDataPlane } from './data-plane.ts'
import type { DataPlane } from './data-plane.ts'
import { block, frame, frameTypes, headers } from './h2-frames.ts'
import type { Fields } from './h2-frames.ts'

/** Requests as frames, for one gateway. */
export class Requests {
  readonly host: string

  constructor(host: string) {
    this.host = host
  }

  fields(path = '/public/x', method = 'GET'): Fields {
    return [
      [':method', method],
      [':scheme', 'http'],
      [':path', path],
      [':authority', this.host],
    ]
  }

  block(): Buffer {
    return block(this.fields())
  }

  without(...names: string[]): Fields {
    return this.fields().filter(([name]) => !names.includes(name))
  }

  having(name: string, value: string): Fields {
    return this.fields().map(([own, text]) => [own, own === name ? value : text] as const)
  }

  and(...more: Fields): Fields {
    return [...this.fields(), ...more]
  }

  get(stream = 1): Buffer {
    return headers(stream, this.fields())
  }

  /** Asks for what is never answered. */
  held(stream = 1): Buffer {
    return headers(stream, this.fields('/public/hold'))
  }

  /** A body is to follow. */
  post(stream = 1, ...more: Fields): Buffer {
    return headers(stream, [...this.fields('/public/x', 'POST'), ...more], { end: false })
  }

  /** A header section that is not whole. */
  begun(): Buffer {
    return headers(1, this.fields(), { endHeaders: false })
  }

  /** Bytes of a block behind the fields of a request. */
  behind(...bytes: Buffer[]): Buffer {
    return headers(1, Buffer.concat([this.block(), ...bytes]))
  }
}

/** A frame with a payload of so many octets. */
export function flagged(type: number, flags: number, stream: number, ...bytes: number[]): Buffer {
  return frame(type, flags, stream, Buffer.from(bytes))
}

export function priority(stream: number, on: number): Buffer {
  return flagged(frameTypes.priority, 0, stream, 0, 0, 0, on, 255)
}

/** A line `x` whose value is this Huffman code. */
export function huffman(...code: number[]): Buffer {
  return Buffer.from([0, 1, 0x78, 0x80 | code.length, ...code])
}

/** A gateway over cleartext HTTP/2, in front of a service that answers `hello` or, at `/public/hold`, nothing. */
export async function startHello(): Promise<{ plane: DataPlane; finish: () => Promise<void> }> {
  const service = createServer((request, response) => {
    request.resume()
    request.on('error', () => undefined)
    if (request.url === '/public/hold') return
    request.on('end', () => response.end('hello'))
  })
  service.keepAliveTimeout = 70_000
  await new Promise<void>((resolve) => {
    service.listen(0, '127.0.0.1', resolve)
  })
  service.unref()
  const plane = await startDataPlane({
    upstream: (service.address() as AddressInfo).port,
    more: 'listeners: { public: { h2c: true } }',
    upstreamKeys: 'timeouts: { connect: 2s, headers: 1m }',
    withoutWebSocket: true,
  })
  const finish = (): Promise<void> =>
    plane.finish().finally(() => {
      service.closeAllConnections()
      service.close()
    })
  return { plane, finish }
}

import { request } from 'node:http'
import { lookup } from '../../src/client/transport.ts'

/** Stands in for a browser: follows redirects from the address it is started with. */
const trail: string[] = []

function visit(address: string): void {
  const visited = request(address, { lookup, agent: false }, (answer) => {
    trail.push(address)
    answer.resume()
    const { location } = answer.headers
    if (location !== undefined && trail.length < 5) visit(new URL(location, address).href)
  })
  visited.on('error', () => undefined)
  visited.end()
}

visit(process.argv[2] ?? '')

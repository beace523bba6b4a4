import assert from 'node:assert/strict'
import { request as nodeRequest } from 'node:http'
import { Duplex } from 'node:stream'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { parsePieces } from './parse.ts'

const token = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,20}$/)
const value = fc.stringMatching(
  /^([\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]{0,30}[\x21-\x7e\x80-\xff])?)?$/,
)
const framingNames =
  /^(connection|content-length|transfer-encoding|keep-alive|proxy-connection|upgrade|te|trailer)$/i
const header = fc.tuple(
  token.filter((name) => !framingNames.test(name)),
  value,
)
const bodyText = fc
  .uint8Array({ maxLength: 60 })
  .map((bytes) => Buffer.from(bytes).toString('latin1'))

const message = fc
  .record({
    status: fc.integer({ min: 200, max: 599 }).filter((status) => status !== 204 && status !== 304),
    reason: value,
    headers: fc.array(header, { maxLength: 12 }),
    framing: fc.constantFrom('length', 'chunked', 'close'),
    chunks: fc.array(bodyText, { maxLength: 6 }),
    trailers: fc.array(header, { maxLength: 3 }),
    upper: fc.boolean(),
  })
  .map((parts) => {
    const chunks = parts.chunks.filter((chunk) => chunk !== '')
    const body = chunks.join('')
    const lines = [`HTTP/1.1 ${parts.status} ${parts.reason}`]
    for (const [name, text] of parts.headers)
      lines.push(`${name}:${parts.upper ? ' ' : '\t '}${text}`)
    if (parts.framing === 'length') lines.push(`Content-Length: ${body.length}`)
    if (parts.framing === 'chunked') lines.push('Transfer-Encoding: chunked')
    let wire = `${lines.join('\r\n')}\r\n\r\n`
    if (parts.framing === 'chunked') {
      for (const chunk of chunks) {
        const size = chunk.length.toString(16)
        wire += `${parts.upper ? size.toUpperCase() : size}\r\n${chunk}\r\n`
      }
      wire += `0\r\n${parts.trailers.map(([name, text]) => `${name}: ${text}\r\n`).join('')}\r\n`
    } else wire += body
    return { wire, body, ...parts }
  })

test('what is parsed does not depend on how the bytes arrive', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 })
  const damage = fc.option(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { nil: undefined })
  fc.assert(
    fc.property(message, cuts, damage, fc.boolean(), ({ wire }, sizes, damaged, closed) => {
      const bytes = Buffer.from(wire, 'latin1')
      if (damaged !== undefined) bytes[damaged[0] % bytes.length] = damaged[1]
      const pieces: Buffer[] = []
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const size = sizes[turn % sizes.length] ?? 1
        pieces.push(Buffer.from(bytes.subarray(at, at + size)))
        at += size
      }
      const whole = parsePieces([Buffer.from(bytes)], { closed })
      assert.deepEqual(parsePieces(pieces, { closed }), whole)
    }),
    { numRuns: 2000 },
  )
})

/** Lets Node's own client read the same bytes. */
function parseWithNode(wire: string): Promise<{
  status: number
  reason: string
  headers: string[]
  body: string
  trailers: string[]
}> {
  return new Promise((resolve, reject) => {
    const wireEnd = Buffer.from(wire, 'latin1')
    const socket = new Duplex({
      read() {},
      write(_chunk, _encoding, done) {
        done()
      },
      final(done) {
        done()
      },
    })
    const request = nodeRequest({ createConnection: () => socket, host: 'a' }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          reason: response.statusMessage ?? '',
          headers: response.rawHeaders,
          body: Buffer.concat(chunks).toString('latin1'),
          trailers: response.rawTrailers,
        })
        socket.destroy()
      })
    })
    request.on('error', reject)
    request.end()
    socket.push(wireEnd)
    socket.push(null)
  })
}

test('valid responses are read as Node reads them', async () => {
  await fc.assert(
    fc.asyncProperty(message, async ({ wire, framing }) => {
      const theirs = await parseWithNode(wire)
      const ours = parsePieces([Buffer.from(wire, 'latin1')], { closed: framing === 'close' })
      assert.match(ours.result, /^end/)
      assert.equal(ours.head?.status, theirs.status)
      assert.equal(ours.head?.statusText, theirs.reason)
      assert.equal(ours.body, theirs.body)
      const passed = theirs.headers.filter(
        (_entry, index, all) => all[index - (index % 2)]?.toLowerCase() !== 'transfer-encoding',
      )
      assert.deepEqual(ours.head?.headers, passed)
      const kept: string[] = []
      const dropped =
        /^(authorization|content-(encoding|range|type)|host|proxy-authenticate|set-cookie|www-authenticate)$/i
      for (let at = 0; at < theirs.trailers.length; at += 2) {
        const name = theirs.trailers[at] ?? ''
        if (!dropped.test(name)) kept.push(name, theirs.trailers[at + 1] ?? '')
      }
      assert.deepEqual(ours.trailers, kept)
    }),
    { numRuns: 300 },
  )
})

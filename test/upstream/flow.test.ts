import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { fetchOver, get, listen, ok, rawServer, Recorder, start, until, upstreamTo } from './kit.ts'

const mebibyte = 1024 * 1024
const size = 64 * mebibyte
/** What the kernel's buffers on both sides may hold beyond ours. */
const kernelBuffers = 16 * mebibyte

/** Writes until the socket is full, then on each drain, until everything is written. */
function pour(socket: Socket, total: number, note: (written: number) => void): void {
  const piece = Buffer.alloc(mebibyte, 'z')
  let written = 0
  const pump = (): void => {
    while (written < total) {
      written += piece.length
      note(written)
      if (!socket.write(piece)) break
    }
  }
  socket.on('drain', pump)
  pump()
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function liveBuffers(): number {
  // Buffers found dead are freed beside the program; a second round waits for the first.
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().arrayBuffers
}

/** The largest amount of live buffer memory seen while something runs, above where it started. */
function watchBuffers(): { peak(): number } {
  const before = liveBuffers()
  let most = 0
  const timer = setInterval(() => {
    most = Math.max(most, liveBuffers() - before)
  }, 60)
  return {
    peak() {
      clearInterval(timer)
      return most
    },
  }
}

test('a reader that pauses holds the upstream back, and gets all of it', async (t) => {
  let written = 0
  const server = await rawServer(t, (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`)
    pour(socket, size, (now) => {
      written = now
    })
  })
  const upstream = upstreamTo(t, server.port)
  let received = 0
  let calls = 0
  const recorder = new Recorder()
  recorder.onData = (chunk) => {
    received += chunk.length
    calls += 1
    return calls > 1
  }
  const exchange = upstream.request(get(), recorder)
  await until(() => calls === 1)
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.ok(received <= mebibyte, `${received} bytes after a pause`)
  assert.ok(written <= kernelBuffers, `${written} bytes written to a paused reader`)
  exchange.resume()
  await recorder.settled
  assert.equal(received, size)
  assert.equal(upstream.stats.idle, 1)
})

test('64 MiB in each coding pass in bounded memory through a reader that pauses at each piece', async (t) => {
  for (const coding of ['length', 'chunked', 'close']) {
    const server = await rawServer(t, (socket) => {
      const head = {
        length: `content-length: ${size}\r\n`,
        chunked: 'transfer-encoding: chunked\r\n',
        close: '',
      }[coding]
      socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n`)
      const block = Buffer.alloc(100_000, 'z')
      let left = size
      const pump = (): void => {
        while (left > 0) {
          const piece = block.subarray(0, Math.min(left, block.length))
          left -= piece.length
          if (coding === 'chunked') socket.write(`${piece.length.toString(16)}\r\n`)
          const more = socket.write(piece)
          if (coding === 'chunked') socket.write(left === 0 ? '\r\n0\r\n\r\n' : '\r\n')
          if (left === 0 && coding === 'close') socket.end()
          if (!more) return
        }
      }
      socket.on('drain', pump)
      pump()
    })
    const upstream = upstreamTo(t, server.port)
    const watch = watchBuffers()
    let received = 0
    let sound = true
    const recorder = new Recorder()
    recorder.onData = (chunk) => {
      received += chunk.length
      sound &&= chunk[0] === 122 && chunk[chunk.length - 1] === 122
      setImmediate(() => exchange.resume())
      return false
    }
    const exchange = upstream.request(get(), recorder)
    await recorder.settled
    assert.equal(recorder.failure, undefined)
    assert.equal(received, size, coding)
    assert.ok(sound)
    const peak = watch.peak()
    assert.ok(peak < 12 * mebibyte, `${coding}: ${peak} bytes of buffers`)
  }
})

test('an upstream that stops reading holds the writer back, and gets all of it', async (t) => {
  for (const framing of [{ kind: 'length', length: size }, { kind: 'chunked' }] as const) {
    let received = 0
    let release: (() => void) | undefined
    const server = createServer((socket) => {
      t.after(() => socket.destroy())
      socket.pause()
      release = () => socket.resume()
      socket.on('data', (chunk: Buffer) => {
        received += chunk.length
        const whole =
          framing.kind === 'length' ? received > size : chunk.subarray(-5).equals(endOfChunks)
        if (whole) socket.write(ok('done'))
      })
    })
    t.after(() => server.close())
    const upstream = upstreamTo(t, await listen(server))
    const { recorder, exchange } = start(upstream, get('/', { method: 'PUT', framing }))
    const piece = Buffer.alloc(mebibyte, 'u')
    let written = 0
    const watch = watchBuffers()
    const pump = (): void => {
      while (written < size) {
        written += piece.length
        if (!exchange.write(piece)) return
      }
      exchange.end()
    }
    exchange.onDrain(pump)
    pump()
    assert.equal(written, mebibyte, 'held back from the start, while there is no connection')
    await until(() => release !== undefined)
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.ok(
      written <= kernelBuffers,
      `${written} bytes written to an upstream that does not read`,
    )
    release?.()
    await recorder.settled
    assert.equal(recorder.body, 'done')
    assert.ok(received >= size)
    const peak = watch.peak()
    assert.ok(peak < 12 * mebibyte, `${peak} bytes of buffers`)
  }
})

const endOfChunks = Buffer.from('0\r\n\r\n')

test('answers of many connections never mix, and stay what they were when kept', async (t) => {
  const server = await rawServer(t, (socket, received) => {
    const letter = /.*GET \/(\w)/s.exec(received)?.[1] ?? '?'
    for (const length of [3, 40_000, 200, 150_000, 1, 70_000]) {
      const chunk = `${length.toString(16)}\r\n${letter.repeat(length)}\r\n`
      socket.write(socket.bytesWritten === 0 ? `${chunkedHead}${chunk}` : chunk)
    }
    socket.write('0\r\n\r\n')
  })
  const upstream = upstreamTo(t, server.port, { maxConnections: 26 })
  const letters = 'abcdefghijklmnopqrstuvwxyz'.split('')
  const recorders = letters.map((letter) => start(upstream, get(`/${letter}`)).recorder)
  await Promise.all(recorders.map((recorder) => recorder.settled))
  for (const [index, recorder] of recorders.entries()) {
    assert.equal(recorder.failure, undefined)
    assert.equal(recorder.body, (letters[index] ?? '').repeat(260_204))
  }
})

const chunkedHead = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'

test('events of an unbounded response arrive as they are sent', async (t) => {
  const server = await rawServer(t, (socket) => socket.write(`${chunkedHead}8\r\ndata: 1\n\r\n`))
  const upstream = upstreamTo(t, server.port)
  const { recorder, exchange } = start(upstream, get())
  await until(() => recorder.body === 'data: 1\n')
  server.sockets[0]?.write('8\r\ndata: 2\n\r\n')
  await until(() => recorder.body === 'data: 1\ndata: 2\n')
  exchange.abort()
})

test('the last piece of a body says so', async (t) => {
  const server = await rawServer(t, (socket, received) => {
    socket.write(received.includes('/c') ? `${chunkedHead}2\r\nok\r\n0\r\n\r\n` : ok('ok'))
  })
  const upstream = upstreamTo(t, server.port)
  for (const target of ['/l', '/c']) {
    const lasts: boolean[] = []
    await new Promise<void>((resolve) => {
      upstream.request(get(target), {
        onHead: () => undefined,
        onData: (_chunk, last) => lasts.push(last) > 0,
        onEnd: () => resolve(),
        onFailure: () => resolve(),
      })
    })
    assert.deepEqual(lasts, [true], target)
  }
})

test('a response whose last piece was refused a place leaves the connection running', async (t) => {
  const server = await rawServer(t, (socket) => socket.write(ok('x')))
  const upstream = upstreamTo(t, server.port)
  for (let count = 0; count < 3; count++) {
    const { recorder, exchange } = start(upstream, get())
    recorder.accept = () => false
    if (count === 1) recorder.onHead = () => exchange.pause()
    await recorder.settled
    assert.equal(recorder.body, 'x')
  }
  assert.equal(server.sockets.length, 1)
})

test('pieces grow for a reader that keeps up, and do not for one that does not', async (t) => {
  const server = await rawServer(t, (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`)
    pour(socket, size, () => undefined)
  })
  const longest = async (keepsUp: boolean): Promise<number> => {
    const recorder = new Recorder()
    let most = 0
    recorder.onData = (chunk) => {
      most = Math.max(most, chunk.length)
      if (!keepsUp) setImmediate(() => exchange.resume())
      return keepsUp
    }
    const exchange = upstreamTo(t, server.port).request(get(), recorder)
    await recorder.settled
    assert.equal(recorder.failure, undefined)
    return most
  }
  assert.ok((await longest(true)) > 64 * 1024)
  assert.equal(await longest(false), 64 * 1024)
})

test('a piece whose memory is its own keeps what it holds, and no other piece is in it', async (t) => {
  const server = await rawServer(t, (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${8 * mebibyte}\r\n\r\n`)
    for (let n = 0; n < 8; n += 1) socket.write(Buffer.alloc(mebibyte, n + 1))
  })
  const upstream = upstreamTo(t, server.port)
  const sole: Buffer[] = []
  const others = new Set<ArrayBufferLike>()
  const recorder = new Recorder()
  recorder.onData = (chunk: Buffer, _last?: boolean, isSole?: boolean) => {
    if (isSole === true) sole.push(chunk)
    else others.add(chunk.buffer)
    return true
  }
  upstream.request(get(), recorder)
  await recorder.settled
  assert.ok(sole.length > 0)
  const memories = new Set(sole.map((chunk) => chunk.buffer))
  assert.equal(memories.size, sole.length)
  assert.ok(sole.every((chunk) => !others.has(chunk.buffer)))
})

test('what was written counts as left only when nothing waits for a connection or a drain', async (t) => {
  let release: (() => void) | undefined
  const server = createServer((socket) => {
    t.after(() => socket.destroy())
    socket.pause()
    release = () => socket.resume()
    let received = 0
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length
      if (received > size) socket.write(ok('done'))
    })
  })
  t.after(() => server.close())
  const upstream = upstreamTo(t, await listen(server))
  const framing = { kind: 'length', length: size } as const
  const { recorder, exchange } = start(upstream, get('/', { method: 'PUT', framing }))
  const left: boolean[] = []
  exchange.onDrain(() => left.push(exchange.hasLeft))
  exchange.write(Buffer.alloc(1000))
  assert.equal(exchange.hasLeft, false, 'it waits for a connection')
  await until(() => release !== undefined && left.length === 1)
  exchange.write(Buffer.alloc(size - 1000))
  assert.equal(exchange.hasLeft, false, 'nobody reads it')
  exchange.end()
  release?.()
  await recorder.settled
  assert.equal(recorder.body, 'done')
  assert.deepEqual(left, [true, true])
  assert.equal(exchange.hasLeft, false, 'of what is over nothing is known')
})

test('connections that wait for another request hold no buffers of the last answer', async (t) => {
  const server = await rawServer(t, (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${mebibyte}\r\n\r\n`)
    socket.write(Buffer.alloc(mebibyte, 'z'))
  })
  const connections = 48
  const upstream = upstreamTo(t, server.port, { maxConnections: connections })
  const recorders = Array.from({ length: connections }, () => {
    const recorder = new Recorder()
    recorder.onData = () => true
    upstream.request(get(), recorder)
    return recorder
  })
  const before = liveBuffers()
  await Promise.all(recorders.map((recorder) => recorder.settled))
  assert.equal(upstream.stats.idle, connections)
  let held = Infinity
  for (let tries = 0; held > mebibyte && tries < 100; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    held = liveBuffers() - before
  }
  assert.ok(held <= mebibyte, `${held} bytes of buffers`)
})

test('a short body goes as text to who takes text, and as bytes to others', async (t) => {
  const { port } = await rawServer(t, (socket) => {
    socket.write(Buffer.from(ok('caf\xe9 \0 \r\n'), 'latin1'))
  })
  const upstream = upstreamTo(t, port)
  const bytes = await fetchOver(upstream, get())
  assert.equal(bytes.body, 'caf\xe9 \0 \r\n')
  const texts: string[] = []
  const recorder = Object.assign(new Recorder(), { onText: (body: string) => texts.push(body) })
  upstream.request(get(), recorder)
  await recorder.settled
  assert.deepEqual(texts, ['caf\xe9 \0 \r\n'])
  assert.deepEqual(recorder.chunks, [])
  assert.deepEqual(recorder.events, ['head', 'end'])
})

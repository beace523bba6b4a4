import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import { after, test } from 'node:test'
import { millis } from '../../src/core/index.ts'
import { NoAnswer, post } from '../../src/signals/post.ts'
import type { Destination } from '../../src/signals/post.ts'
import { TestAuthority } from '../kit/certificates.ts'
import { freePort } from '../kit/ports.ts'
import { Listener } from '../kit/told.ts'

const listener = new Listener()
const base = await listener.listen()
const { port } = new URL(base)
after(() => listener.close())

const never = new AbortController().signal
const outgoing = { headers: { 'x-one': '1' }, body: 'ä' }

function to(url: string, more: Partial<Destination> = {}): Destination {
  return { url, allowPrivateAddresses: true, timeout: millis(10_000), ...more }
}

function refused(destination: Destination, options: Parameters<typeof post>[2]): Promise<string> {
  return post(destination, outgoing, options).then(
    ({ status }) => assert.fail(`it answered ${status}`),
    (error: unknown) => {
      assert.ok(error instanceof NoAnswer)
      return error.message
    },
  )
}

test('a POST carries what it was given, and says whose it is', async () => {
  const answered = await post(to(`${base}/in?a=1`), outgoing, { signal: never })
  assert.equal(answered.status, 204)
  const heard = listener.heard.at(-1)
  assert.equal(heard?.url, '/in?a=1')
  assert.equal(heard?.body, 'ä')
  assert.equal(heard?.headers['x-one'], '1')
  assert.equal(heard?.headers['content-length'], '2')
  assert.equal(heard?.headers.host, `127.0.0.1:${port}`)
})

for (const [what, url, addresses] of [
  ['written as an address', base, []],
  ['a name that is this machine', `http://localhost:${port}`, []],
  ['a name that leads to this machine', `http://hooks.example:${port}`, ['127.0.0.1']],
  ['a name that leads elsewhere and here', `http://hooks.example:${port}`, ['8.8.8.8', '::1']],
  ['a name that leads to a private network', `http://hooks.example:${port}`, ['10.0.0.1']],
  ['an IPv6 form of a private address', `http://[::ffff:127.0.0.1]:${port}`, []],
] as const) {
  test(`without leave for private addresses nobody is connected to: ${what}`, async () => {
    const before = listener.heard.length
    const problem = await refused(to(url, { allowPrivateAddresses: false }), {
      signal: never,
      resolve: (_, answer) => answer(undefined, addresses),
    })
    assert.equal(problem, 'its address is not permitted')
    assert.equal(listener.heard.length, before)
  })
}

test('with that leave a metadata service is refused all the same', async () => {
  const problem = await refused(to(`http://hooks.example:${port}`), {
    signal: never,
    resolve: (_, answer) => answer(undefined, ['169.254.169.254']),
  })
  assert.equal(problem, 'its address is not permitted')
})

test('the address that was judged is the one connected to, however often the name is looked up', async () => {
  let asked = 0
  const answered = await post(to(`http://hooks.example:${port}/`), outgoing, {
    signal: never,
    resolve: (_, answer) => {
      asked++
      answer(undefined, asked === 1 ? ['127.0.0.1'] : ['127.0.0.9'])
    },
  })
  assert.equal(answered.status, 204)
  assert.equal(asked, 1)
  assert.equal(listener.heard.at(-1)?.headers.host, `hooks.example:${port}`)
})

test('a name without an address, and a closed port, are no answer', async () => {
  const nowhere = await refused(to('http://hooks.example/'), {
    signal: never,
    resolve: (_, answer) => answer(undefined, []),
  })
  assert.equal(nowhere, 'its name has no address')
  const url = `http://127.0.0.1:${await freePort()}/`
  assert.match(await refused(to(url), { signal: never }), /ECONNREFUSED/)
})

test('a name that is never resolved ends in time', async () => {
  const problem = await refused(to('http://hooks.example/', { timeout: millis(50) }), {
    signal: never,
    resolve: () => undefined,
  })
  assert.equal(problem, 'no answer in time')
})

test('what is interrupted ends at once, before it began and in the middle', async () => {
  listener.answer = () => undefined
  assert.equal(await refused(to(base), { signal: AbortSignal.abort() }), 'it was interrupted')
  const stopping = new AbortController()
  const posted = refused(to(base), { signal: stopping.signal })
  setImmediate(() => stopping.abort())
  assert.equal(await posted, 'it was interrupted')
})

test('a yes is a yes as soon as it is said, and of a no only the beginning is read', async () => {
  listener.answer = (response) => {
    response.writeHead(200, { 'retry-after': '7' })
    response.write('and now we wait')
  }
  const yes = await post(to(base), outgoing, { signal: never })
  assert.deepEqual([yes.status, yes.text], [200, ''])
  listener.answer = (response) => {
    response.writeHead(503, { 'retry-after': '7' })
    response.write('x'.repeat(100_000))
  }
  const no = await post(to(base), outgoing, { signal: never })
  assert.deepEqual([no.status, no.retryAfter, no.text.length], [503, 7000, 8192])
})

test('a redirect is an answer like another', async () => {
  const before = listener.heard.length
  listener.answer = (response) => response.writeHead(302, { location: `${base}/b` }).end()
  assert.equal((await post(to(base), outgoing, { signal: never })).status, 302)
  assert.equal(listener.heard.length, before + 1)
})

test('a certificate that nobody vouches for is no answer', async () => {
  const server = createServer(new TestAuthority().server('localhost'), (_, response) => {
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const problem = await refused(to(`https://localhost:${address.port}/`), { signal: never })
  assert.match(problem, /the connection failed \(/)
  server.close()
})

import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { houseText, startRecorder } from '../kit/flows.ts'
import type { Recorder } from '../kit/flows.ts'
import { proofgate, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import type { GatewayProcess } from '../kit/gateway.ts'
import { entryOf, mintBlob, newSigner, pemOf, signerName } from '../kit/metadata.ts'

const signer = newSigner()
const uuid = '11111111-1111-1111-1111-111111111111'
const folder = temporaryDirectory()
const downloads = temporaryDirectory()

let recorder: Recorder
let gateway: GatewayProcess
let publisher: Server
let url = ''
let answer: RequestListener = (_request, response) => response.end()
const asked: string[] = []

before(async () => {
  recorder = await startRecorder()
  publisher = createServer((request, response) => {
    asked.push(request.url ?? '')
    answer(request, response)
  })
  await new Promise<void>((resolve) => publisher.listen(0, '127.0.0.1', resolve))
  publisher.unref()
  url = `http://127.0.0.1:${(publisher.address() as AddressInfo).port}`
  writeFileSync(join(folder, 'root.pem'), pemOf('CERTIFICATE', signer.root.certificate))
  const file = join(folder, 'proofgate.yaml')
  const text = `authenticators:
  attestation: direct
  metadata: { roots: [root.pem], signer: ${signerName}, url: '${url}/configured' }
`
  writeFileSync(file, houseText(recorder.url, text))
  gateway = await startGateway({ command: ['serve', '--config', file] })
})
after(async () => {
  await gateway.stop()
  publisher.closeAllConnections()
  publisher.close()
  recorder.close()
})

function fetchList(...words: string[]): ReturnType<typeof proofgate> {
  asked.length = 0
  const environment = { TMPDIR: downloads }
  const args = ['mds', 'fetch', ...words, '--data-dir', gateway.dataDirectory]
  return proofgate(args, { environment })
}

const serve =
  (no: number, more: object = {}): RequestListener =>
  (_request, response) =>
    response.end(mintBlob(signer, [entryOf(uuid)], { content: { no, ...more } }))

test('nothing is fetched before the administrator says so', () => {
  assert.deepEqual(asked, [])
})

test('a list comes from the configured address or the one on the command line, once', async () => {
  answer = serve(1, { legalHeader: `${url}/legal` })
  const configured = await fetchList()
  assert.equal(configured.code, 0, configured.stderr)
  assert.match(configured.stdout, /in force: list 1, 1 models/)
  assert.deepEqual(asked, ['/configured'])
  answer = serve(2)
  const given = await fetchList(`${url}/given`)
  assert.equal(given.code, 0, given.stderr)
  assert.match(given.stdout, /in force: list 2/)
  assert.deepEqual(asked, ['/given'])
})

test('what was fetched is judged like any file: an older list stays out', async () => {
  answer = serve(1)
  const { code, stderr } = await fetchList()
  assert.notEqual(code, 0)
  assert.match(stderr, /not newer than what is in force/)
  answer = (_request, response) => response.end(mintBlob(newSigner(), [entryOf(uuid)]))
  assert.match((await fetchList()).stderr, /metadata\.untrusted|signer .* not trusted/)
})

const wrong: readonly (readonly [string, RequestListener, RegExp])[] = [
  [
    'leads elsewhere',
    (_request, response) => response.writeHead(302, { location: '/other' }).end(),
    /answered 302/,
  ],
  ['is no', (_request, response) => response.writeHead(404).end('x'), /answered 404/],
  ['is empty', (_request, response) => response.end(), /no well-formed metadata/],
  [
    'breaks off',
    (_request, response) => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('x', () => response.destroy())
    },
    /broke off/,
  ],
  [
    'has no end',
    (_request, response) => {
      const more = (): void => {
        while (response.write(Buffer.alloc(1_048_576, 0x61)));
      }
      response.on('drain', more)
      more()
    },
    /longer than 33554432 bytes/,
  ],
]

for (const [what, listener, said] of wrong) {
  test(`an answer that ${what} is refused`, async () => {
    answer = listener
    const { code, stderr } = await fetchList()
    assert.notEqual(code, 0)
    assert.match(stderr, said)
    assert.deepEqual(asked, ['/configured'])
  })
}

test('addresses without TLS are for this machine only, and none holds credentials', async () => {
  const refused = [
    'http://mds.example/',
    'ftp://127.0.0.1/',
    'file:///etc/passwd',
    'https://a:b@mds.example/',
    'nonsense',
  ]
  for (const one of refused) {
    const { code, stderr } = await fetchList(one)
    assert.notEqual(code, 0, one)
    assert.match(stderr, /expected an address that begins with https:/, one)
  }
  assert.deepEqual(asked, [])
})

test('nothing that was fetched is left behind', () => {
  assert.deepEqual(readdirSync(downloads), [])
})

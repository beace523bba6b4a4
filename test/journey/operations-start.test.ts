import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { call } from '../kit/http.ts'
import { configurationFile, startGateway, temporaryDirectory } from '../kit/gateway.ts'
import { operationsConfiguration, startService } from '../kit/operations.ts'

/* What a start loads, and what waits for the first who needs it. */

const folder = temporaryDirectory()
const list = join(folder, 'loaded')
writeFileSync(
  join(folder, 'list.cjs'),
  `const { appendFileSync } = require('node:fs')
   require('node:module').registerHooks({
     load: (url, context, next) => {
       appendFileSync(${JSON.stringify(list)}, url + '\\n')
       return next(url, context)
     },
   })`,
)
const service = await startService()
const gateway = await startGateway({
  command: ['serve', '--config', configurationFile(operationsConfiguration(service))],
  environment: { NODE_OPTIONS: `--require ${join(folder, 'list.cjs')}` },
})
after(async () => {
  service.close()
  await gateway.kill()
})

function loaded(part: string): boolean {
  return existsSync(list) && readFileSync(list, 'utf8').includes(part)
}

test('calls to an API do without the library of the issuer', async () => {
  assert.equal((await call(`${gateway.api}/open`)).status, 200)
  assert.equal((await call(`${gateway.api}/orders/1`)).status, 401)
  assert.ok(loaded('/src/gateway/'))
  assert.ok(!loaded('/oidc-provider/'))
})

test('a page of the identity origin that is ours does without it, too', async () => {
  assert.equal((await call(`${gateway.identity}/sign-in`)).status, 200)
  assert.ok(!loaded('/oidc-provider/'))
})

test('the first who need the issuer all get its answer', async () => {
  const discovery = `${gateway.issuer}/.well-known/openid-configuration`
  const answers = await Promise.all(Array.from({ length: 10 }, () => call(discovery)))
  for (const answer of answers) {
    assert.equal(answer.status, 200)
    assert.equal(answer.json().issuer, gateway.issuer)
  }
  assert.ok(loaded('/oidc-provider/'))
})

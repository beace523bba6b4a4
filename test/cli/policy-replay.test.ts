import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { dataPlaneText, decisionsDuring, startDataPlane } from '../kit/data-plane.ts'
import type { DataPlane } from '../kit/data-plane.ts'
import { configurationFile, proofgate, temporaryDirectory } from '../kit/gateway.ts'
import { call } from '../kit/http.ts'
import { RecordingUpstream } from '../kit/upstream.ts'

describe('what is recorded, decided on again', { timeout: 300_000 }, () => {
  const upstream = new RecordingUpstream()
  let plane: DataPlane
  let text: string

  async function send(method: string, path: string, subject?: string): Promise<void> {
    const authorization =
      subject === undefined ? {} : { authorization: `Bearer ${plane.mint.token(subject)}` }
    await call(`${plane.gateway.api}${path}`, { method, headers: authorization })
  }

  before(async () => {
    const options = { upstream: await upstream.listen() }
    text = dataPlaneText(options)
    plane = await startDataPlane(options)
    const made = await decisionsDuring(
      plane,
      async () => {
        for (const [method, path, subject] of [
          ['GET', '/app/1', plane.bob],
          ['GET', '/app/2', plane.bob],
          ['DELETE', '/app/1', plane.bob],
          ['GET', '/admin/1', plane.bob],
          ['GET', '/admin/1', plane.alice],
          ['GET', '/admin/1', undefined],
          ['GET', '/nowhere', plane.alice],
          ['GET', '/public/1', undefined],
        ] as const) {
          await send(method, path, subject)
        }
      },
      8,
    )
    assert.equal(made.length, 8)
  })
  after(async () => {
    await plane.gateway.stop().finally(() => upstream.close())
  })

  const replay = async (
    candidate: string,
    ...more: readonly string[]
  ): Promise<{ code: number | null; stdout: string; stderr: string }> => {
    const where = ['--data-dir', plane.gateway.dataDirectory]
    const asked = ['--since', '1h', '--candidate', configurationFile(candidate)]
    return proofgate(['policy', 'replay', ...asked, ...where, ...more], {
      cwd: temporaryDirectory(),
    })
  }

  it('ends with 0 when the candidate decides alike', async () => {
    const { code, stdout, stderr } = await replay(text, '--json')
    assert.equal(code, 0, stderr)
    const { requests, unchanged, wouldDeny, wouldAllow, mayChange, notJudged, changes } =
      JSON.parse(stdout)
    assert.deepEqual([requests, unchanged, wouldDeny, wouldAllow, mayChange], [8, 6, 0, 0, 0])
    assert.equal(notJudged.notByPolicy, 2)
    assert.deepEqual(changes, [])
  })

  it('ends with 3, and says what would change, when it does not', async () => {
    const candidate = text.replace("app/default/*/app/*'", "app/default/*/admin/*'")
    assert.notEqual(candidate, text)
    const [json, plain, one] = await Promise.all([
      replay(candidate, '--json'),
      replay(candidate),
      replay(candidate, '--limit', '1'),
    ])
    assert.deepEqual([json.code, plain.code, one.code], [3, 3, 3], json.stderr)
    const { wouldDeny, wouldAllow, changes } = JSON.parse(json.stdout)
    assert.deepEqual([wouldDeny, wouldAllow], [2, 1])
    assert.deepEqual(
      changes.map(({ who, route, was, count }: Record<string, unknown>) => [
        who,
        route,
        was,
        count,
      ]),
      [
        ['bob', 'ANY /app/{rest+}', 'allow by app-only/#0', 2],
        ['bob', 'ANY /admin/{rest+}', 'deny (policy.no_statement_allows)', 1],
      ],
    )
    assert.match(plain.stdout, /would be denied +2\n/)
    assert.match(plain.stdout, /\ngroups and tags are those that callers have now: /)
    assert.equal(JSON.parse(json.stdout).groupsAsOf, 'now')
    assert.match(
      plain.stdout,
      /would +2 +bob +app ANY \/app\/\{rest\+\} +allow by app-only\/#0 +deny/,
    )
    assert.match(one.stdout, /and 1 more group: --limit shows more/)
    const explained = await proofgate([
      'explain',
      changes[0].example,
      '--data-dir',
      plane.gateway.dataDirectory,
    ])
    assert.match(explained.stdout, /recorded +allow/)
  })

  it('says what may change, which counts with --strict only', async () => {
    const condition = "Condition: { NumericLessThan: { 'proofgate:AuthAge': '60' } } }"
    const candidate = text.replace(/(app\/default\/\*\/app\/\*') \}/, `$1, ${condition}`)
    assert.notEqual(candidate, text)
    const [usual, strict] = await Promise.all([replay(candidate), replay(candidate, '--strict')])
    assert.deepEqual([usual.code, strict.code], [0, 3], usual.stderr)
    assert.match(usual.stdout, /may change +2\n/)
    assert.match(usual.stdout, /depends on NumericLessThan proofgate:AuthAge 60/)
  })

  it('judges only what is of that time', async () => {
    const { code, stdout } = await replay(text, '--until', '30m')
    assert.deepEqual([code, stdout], [0, 'no request is recorded in that time\n'])
  })

  it('refuses a candidate that would not load, and times that are none', async () => {
    const bad = await replay(text.replace('Effect: Allow', 'Efect: Allow'))
    assert.equal(bad.code, 1)
    assert.match(bad.stderr, /Efect/)
    const never = await proofgate(['policy', 'replay', '--since', 'soon', '--candidate', 'x'])
    assert.equal(never.code, 1)
    assert.match(never.stderr, /24h or 7d/)
    const folder = temporaryDirectory()
    const nowhere = await proofgate(
      ['policy', 'replay', '--since', '1h', '--candidate', configurationFile(text)],
      { cwd: folder },
    )
    assert.notEqual(nowhere.code, 0)
  })

  const suggest = async (
    ...more: readonly string[]
  ): Promise<{ code: number | null; stdout: string; stderr: string }> =>
    proofgate(
      ['policy', 'suggest', '--since', '1h', '--data-dir', plane.gateway.dataDirectory, ...more],
      { cwd: temporaryDirectory() },
    )

  it('has a counterpart that suggests policies, which pass the linter', async () => {
    const one = await suggest('--group', 'readers')
    assert.equal(one.code, 0, one.stderr)
    const document = JSON.parse(one.stdout)
    const arn = 'arn:aws:execute-api:local:000000000000:app/default'
    assert.deepEqual(
      document.Statement.map(({ Effect, Resource }: Record<string, unknown>) => [Effect, Resource]),
      [
        ['Allow', [`${arn}/GET/app/*`]],
        ['Deny', ['arn:aws:execute-api:*:*:app/default/DELETE/*']],
      ],
    )
    assert.match(one.stderr, /8 requests are recorded, from .* \(a day\); policies allowed 3\./)
    assert.match(one.stderr, /may not be among them/)
    assert.match(one.stderr, /Allow app-only\/#0 \(.*\): 2 requests by bob, kept narrowed/)
    const file = join(temporaryDirectory(), 'readers.json')
    writeFileSync(file, one.stdout)
    const linted = await proofgate(['policy', 'lint', file])
    assert.equal(linted.code, 0, linted.stdout)
    const all = JSON.parse((await suggest()).stdout)
    assert.deepEqual(Object.keys(all), ['group admins', 'group readers'])
    const json = JSON.parse((await suggest('--json', '--person', 'alice')).stdout)
    assert.deepEqual(json.drafts[0].statements[0].callers, ['alice'])
    assert.deepEqual(json.leftOut, { noRoute: 0, otherwise: 2 })
  })

  it('has one that names no policies where nothing was done, and nobody who is not there', async () => {
    const nothing = await suggest('--until', '30m')
    assert.deepEqual([nothing.code, nothing.stdout], [0, '{}\n'])
    assert.match(nothing.stderr, /no request is recorded in that time/)
    const nobody = await suggest('--group', 'nobody')
    assert.equal(nobody.code, 1)
    assert.match(nobody.stderr, /there is no group nobody/)
    const both = await suggest('--group', 'readers', '--role', 'x')
    assert.notEqual(both.code, 0)
  })

  it('needs no server', async () => {
    await plane.gateway.stop()
    const { code, stdout, stderr } = await replay(text)
    assert.equal(code, 0, stderr)
    assert.match(stdout, /recorded requests +\d+/)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { areaOf, drawFlame, fold, selfByArea, selfByFunction } from '../../bench/flame.ts'
import type { CpuProfile } from '../../bench/inspector.ts'

const REPOSITORY = '/home/proofgate/'
const inSource = (path: string): string => `file:///home/proofgate/${path}`

function node(id: number, functionName: string, url: string, children: number[] = []) {
  return { id, callFrame: { functionName, url, lineNumber: 4 }, children }
}

const profile: CpuProfile = {
  nodes: [
    node(1, '(root)', '', [2, 5, 6]),
    node(2, 'serve', inSource('src/gateway/pipeline.ts'), [3, 4]),
    node(3, 'evaluate', inSource('src/policy/evaluate.ts')),
    node(4, '', inSource('src/policy/evaluate.ts')),
    node(5, '(idle)', ''),
    node(6, 'serve', inSource('src/gateway/pipeline.ts'), [7]),
    node(7, 'write<>&', 'node:net'),
  ],
  samples: [2, 3, 3, 4, 5, 7, 6],
  timeDeltas: [10, 20, 30, 40, 5000, 50, 60],
}

describe('a profile by stacks', () => {
  const root = fold(profile, REPOSITORY)

  it('adds stacks that are alike and leaves out what is idle', () => {
    assert.equal(root.total, 210)
    assert.equal(root.children.size, 1)
    const [serve] = root.children.values()
    assert.equal(serve?.total, 210)
    assert.equal(serve?.self, 70)
    assert.deepEqual(
      [...(serve?.children.values() ?? [])].map(({ name, total }) => [name, total]),
      [
        ['evaluate', 50],
        ['(anonymous) evaluate.ts:5', 40],
        ['write<>&', 50],
      ],
    )
  })

  it('says which area each microsecond was spent in, once', () => {
    const areas = selfByArea(root)
    assert.deepEqual(areas, [
      ['src/policy', 90],
      ['src/gateway', 70],
      ['node', 50],
    ])
    assert.equal(selfByFunction(root)[0]?.[0], 'serve  src/gateway')
  })

  it('draws names as text', () => {
    const picture = drawFlame(root, 'a <test>')
    assert.match(picture, /write&lt;&gt;&amp;/)
    assert.match(picture, /a &lt;test&gt;/)
    assert.doesNotMatch(picture, /<>|<test>/)
  })
})

describe('the area of a function', () => {
  const areas = {
    'src/audit': ['append', inSource('src/audit/log.ts')],
    'src/main': ['run', inSource('src/main.ts')],
    packages: ['parse', inSource('node_modules/yaml/src/parse.js')],
    node: ['connect', 'node:net'],
    runtime: ['(program)', ''],
    'garbage collection': ['(garbage collector)', ''],
  } as const
  for (const [area, [name, url]] of Object.entries(areas)) {
    it(`is ${area} for ${name}`, () => {
      assert.equal(areaOf(name, url, REPOSITORY), area)
    })
  }

  it('is not ours for a file outside of the repository', () => {
    assert.equal(areaOf('f', 'file:///srv/src/gateway/x.ts', REPOSITORY), 'packages')
  })
})

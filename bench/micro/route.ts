/** Finding a route among few and among many: `node bench/micro/route.ts` */
import { parseTarget, RouteTree } from '../../src/gateway/index.ts'
import type { Route, RouteSegment } from '../../src/gateway/index.ts'
import { measureMicros } from './measure.ts'
import type { Micro } from './measure.ts'

const literal = (text: string): RouteSegment => ({ kind: 'literal', text })
const parameter: RouteSegment = { kind: 'parameter', name: 'id' }

/** Only what the tree looks at. */
function route(method: string, segments: readonly RouteSegment[]): Route {
  return { id: `${method} ${JSON.stringify(segments)}`, method, segments } as Route
}

/** `GET /s0/{id}/parts`, `GET /s1/{id}/parts` and so on. */
function treeOf(size: number): RouteTree {
  return new RouteTree(
    Array.from({ length: size }, (_, index) =>
      route('GET', [literal(`s${index}`), parameter, literal('parts')]),
    ),
  )
}

function finding(size: number): Micro {
  const tree = treeOf(size)
  const paths = Array.from({ length: size }, (_, index) => `/s${index}/4711/parts`)
  return {
    name: `find among ${size} routes`,
    run: (count) => {
      for (let done = 0; done < count; done += 1) {
        if (tree.find('GET', paths[done % size]!) === undefined) throw new Error('no route')
      }
    },
  }
}

const missing: Micro = {
  name: 'find none among 10000 routes',
  run: (count) => {
    for (let done = 0; done < count; done += 1) {
      if (large.find('GET', '/s1/4711/other') !== undefined) throw new Error('a route')
    }
  },
}
const large = treeOf(10_000)

const target = (name: string, text: string): Micro => ({
  name: `parse a ${name} target`,
  run: (count) => {
    for (let done = 0; done < count; done += 1) {
      if (!('path' in parseTarget(text))) throw new Error(`${text} is refused`)
    }
  },
})

await measureMicros('routes', [
  finding(10),
  finding(10_000),
  missing,
  target('plain', '/orders/4711/parts?page=2'),
  target('encoded', '/orders/a%20b/parts?page=2'),
])

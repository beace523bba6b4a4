import { test } from 'node:test'
import assert from 'node:assert/strict'
import { addExpositions } from '../../src/compose/metrics/exposition.ts'
import { Metrics, processMetrics } from '../../src/compose/metrics/metrics.ts'

const gauges = {
  inFlight: 0,
  tunnels: 0,
  shedding: { level: 2, refused: 7 },
  closed: new Map([['revoked', 3]]),
  upstreams: [],
  mirrored: new Map(),
  front: [],
}
const answered = { requestId: 'r', api: 'orders', route: 'GET /orders', status: 200, code: 'ok' }

function completed(metrics: Metrics, more: object): void {
  metrics.completed({ ...answered, millis: 3, ...more } as Parameters<Metrics['completed']>[0])
}

function lines(metrics: Metrics, name: string): readonly string[] {
  return metrics
    .print(gauges)
    .split('\n')
    .filter((line) => line.startsWith(name))
}

test('requests are counted by API, route, status and code', () => {
  const metrics = new Metrics()
  completed(metrics, {})
  completed(metrics, {})
  completed(metrics, { status: 403, code: 'policy.explicit_deny' })
  assert.deepEqual(lines(metrics, 'proofgate_requests_total'), [
    'proofgate_requests_total{api="orders",route="GET /orders",status="200",code="ok"} 2',
    'proofgate_requests_total{api="orders",route="GET /orders",status="403",code="policy.explicit_deny"} 1',
  ])
})

test('a histogram bucket counts what was as fast or faster', () => {
  const metrics = new Metrics()
  for (const millis of [1, 4, 30, 60_000]) completed(metrics, { millis })
  const buckets = lines(metrics, 'proofgate_request_seconds_bucket').map(
    (line) => line.split(' ')[1],
  )
  assert.deepEqual(buckets, ['1', '2', '2', '3', '3', '3', '3', '4'])
  assert.deepEqual(lines(metrics, 'proofgate_request_seconds_sum'), [
    'proofgate_request_seconds_sum 60.035',
  ])
})

test('a label cannot end its quotes or its line', () => {
  const metrics = new Metrics()
  completed(metrics, { route: 'GET /a"} 1\nfake{x="\\' })
  assert.equal(lines(metrics, 'fake').length, 0)
  assert.match(
    lines(metrics, 'proofgate_requests_total')[0] ?? '',
    /route="GET \/a\\"\} 1\\nfake\{x=\\"\\\\"/,
  )
})

test('beyond ten thousand series requests are still counted, together', () => {
  const metrics = new Metrics()
  for (let index = 0; index < 10_050; index++) completed(metrics, { route: `GET /${index}` })
  const series = lines(metrics, 'proofgate_requests_total')
  assert.equal(series.length, 10_001)
  assert.equal(
    series.at(-1),
    'proofgate_requests_total{api="(others)",route="(others)",status="200",code="ok"} 50',
  )
})

test('an audit log that takes no records is 0', () => {
  const text = processMetrics({ size: 1, healthy: false })
  assert.match(text, /^proofgate_audit_healthy 0$/m)
  assert.match(text, /^proofgate_audit_records 1$/m)
})

test('overload shows as the priority that is refused and how often', () => {
  const metrics = new Metrics()
  assert.deepEqual(lines(metrics, 'proofgate_shedding_level'), ['proofgate_shedding_level 2'])
  assert.deepEqual(lines(metrics, 'proofgate_shed_requests_total'), [
    'proofgate_shed_requests_total 7',
  ])
})

test('what several threads have seen is added up, and levels are not', () => {
  const one = new Metrics()
  const other = new Metrics()
  completed(one, {})
  completed(other, {})
  completed(other, { status: 403, code: 'no' })
  const calm = { ...gauges, shedding: { level: 1, refused: 1 } }
  const text = addExpositions([one.print(gauges), other.print(calm)])
  const all = text.split('\n')
  assert.ok(
    all.includes(
      'proofgate_requests_total{api="orders",route="GET /orders",status="200",code="ok"} 2',
    ),
  )
  assert.ok(
    all.includes(
      'proofgate_requests_total{api="orders",route="GET /orders",status="403",code="no"} 1',
    ),
  )
  assert.ok(all.includes('proofgate_shedding_level 2'))
  assert.ok(all.includes('proofgate_shed_requests_total 8'))
  assert.ok(all.includes('proofgate_request_seconds_count 3'))
  const headings = all.filter((line) => line.startsWith('# TYPE'))
  assert.equal(new Set(headings).size, headings.length)
  const requests = all.findIndex((line) => line.startsWith('# TYPE proofgate_requests_total'))
  assert.match(all[requests + 2] ?? '', /^proofgate_requests_total/)
  assert.equal(addExpositions([]), '')
})

test('the time until a certificate ends is that of the thread where it is least, not the sum', () => {
  const line = (left: number): string =>
    `proofgate_certificate_expiry_seconds{certificate="a b.pem"} ${left}`
  const all = addExpositions([line(500), line(499), line(501)]).split('\n')
  assert.deepEqual(all, [line(499), ''])
})

test('what was ended before its time is counted by reason', () => {
  assert.deepEqual(lines(new Metrics(), 'proofgate_closed_total'), [
    'proofgate_closed_total{reason="revoked"} 3',
  ])
})

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, it } from 'node:test'
import { parseStat } from '../../bench/cpu.ts'
import { busyMicros } from '../../bench/machine.ts'
import { median, printTable, report } from '../../bench/report.ts'
import type { Round } from '../../bench/report.ts'

const PROGRAM = fileURLToPath(new URL('../../bench/run.ts', import.meta.url))

function round(cpuMicros: number, changes: Partial<Round> = {}): Round {
  const usual = { requests: 1000, durationMicros: 1e6, p50Micros: 500, p99Micros: 2000 }
  return { cpuMicros, ...usual, ...changes }
}

describe('the figures of the benchmark', () => {
  it('takes the middle of an odd number of values and between the two middle ones of an even', () => {
    assert.equal(median([9, 1, 10]), 9)
    assert.equal(median([4, 1, 100, 2]), 3)
  })

  it('is the median of the rounds, so one disturbed round changes nothing', () => {
    const rounds = [round(20_000), round(900_000, { p99Micros: 90_000 }), round(22_000)]
    const { subjects } = report(new Map([['nginx-plain', rounds]]))
    assert.deepEqual(subjects, [
      {
        name: 'nginx-plain',
        cpuMicrosPerRequest: 22,
        requestsPerSecond: 1000,
        p50Millis: 0.5,
        p99Millis: 2,
      },
    ])
  })

  it('compares CPU per request, not CPU', () => {
    const { ratios } = report(
      new Map([
        ['nginx-plain', [round(20_000, { requests: 2000 })]],
        ['haproxy-jwt-es256', [round(100_000)]],
        ['proofgate', [round(30_000)]],
      ]),
    )
    assert.deepEqual(ratios, { 'proofgate/nginx-plain': 3, 'proofgate/haproxy-jwt-es256': 0.3 })
  })

  it('leaves out a ratio when one of its two was not measured', () => {
    const rounds = new Map([
      ['nginx-plain', [round(20_000)]],
      ['proofgate', [round(30_000)]],
    ])
    assert.deepEqual(Object.keys(report(rounds).ratios), ['proofgate/nginx-plain'])
    rounds.delete('proofgate')
    assert.deepEqual(report(rounds).ratios, {})
    assert.doesNotMatch(printTable(report(rounds)), /Ratios/)
  })

  it('puts the ratios of sections after its own and prints their tables with what is missing left out', () => {
    const section = {
      title: 'Growth',
      rows: [
        { name: 'ten', figures: { us: 1 } },
        { name: 'none', figures: { note: 'not available' } },
      ],
      ratios: { growth: 2 },
    }
    const outcome = report(new Map([['proofgate', [round(30_000)]]]), [section])
    assert.deepEqual(outcome.ratios, { growth: 2 })
    assert.match(printTable(outcome), /\nGrowth\n +us +note\nten +1\nnone +not available\n/)
  })

  it('says whose machine it was, and warns when others used much of it', () => {
    const machine = { cpu: 'A', cores: 2, node: 'v26', usedByOthers: 0.02 }
    const empty = { subjects: [], ratios: {}, sections: [] }
    assert.match(
      printTable({ ...empty, machine }),
      /2 x A, Node v26; other programs used 2 % of it$/,
    )
    const noisy = { ...machine, usedByOthers: 0.7 }
    assert.match(
      printTable({ ...empty, machine: noisy }),
      /70 % of it: waiting times .* say little/,
    )
  })

  it('counts what cores did, and neither idling nor waiting for disks', () => {
    assert.equal(busyMicros('cpu  1 2 3 4000 5000 6 7 8 9 10\ncpu0 1'), 270_000)
  })

  it('reads time and memory of a process whose name holds blanks and brackets', () => {
    const stat = '42 (a ) b (c) R 7 42 42 0 -1 4194304 90 0 0 0 31 11 5 6 20 0 1 0 100 4096 77 1'
    assert.deepEqual(parseStat(stat), {
      parent: 7,
      micros: 420_000,
      endedMicros: 110_000,
      residentPages: 77,
    })
  })
})

describe('the benchmark command', () => {
  const refused = {
    'a subject it does not know': ['--subjects', 'caddy'],
    'no time at all': ['--seconds', '0'],
    'rounds that outlive a token': ['--seconds', '121'],
    'a number that is none': ['--connections', 'many'],
    'an unknown option': ['--fast'],
    'a section it does not know': ['--sections', 'latency,colour'],
    'no section by another word than none': ['--sections', ''],
    'more connections than it can open': ['--connections', '1001'],
  }
  for (const [what, options] of Object.entries(refused)) {
    it(`refuses ${what} and prints nothing on standard output`, async () => {
      const { code, output } = await runBenchmark(options)
      assert.notEqual(code, 0)
      assert.equal(output, '')
    })
  }

  it('names a missing package and how to install it, or the system it needs', async () => {
    const { code, output, problem } = await runBenchmark(['--json'])
    assert.equal(code, 1)
    assert.equal(output, '')
    const expected =
      process.platform === 'linux'
        ? /^not installed: .*\bwrk\b.*\nOn Debian: apt-get install .*\bwrk\b/
        : /needs Linux/
    assert.match(problem, expected)
  })
})

/** Runs the benchmark where no program is on the PATH, so that it can never start anything. */
async function runBenchmark(
  options: readonly string[],
): Promise<{ code: number; output: string; problem: string }> {
  const child = spawn(process.execPath, [PROGRAM, ...options], {
    env: { PATH: '/nowhere' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [output, problem, [code]] = await Promise.all([
    child.stdout.toArray().then((chunks) => Buffer.concat(chunks).toString()),
    child.stderr.toArray().then((chunks) => Buffer.concat(chunks).toString()),
    once(child, 'exit'),
  ])
  return { code: code as number, output, problem }
}

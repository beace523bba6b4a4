/**
 * The audit log on this disk: `node bench/micro/audit.ts [folder]`. The more wait for one sync, the less each
 * pays of it, so the cost is given for few and for many at once.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AuditLog } from '../../src/audit/index.ts'
import type { AuditEntry } from '../../src/audit/index.ts'
import { randomId, systemClock } from '../../src/core/index.ts'
import { measureMicros } from './measure.ts'
import type { Micro } from './measure.ts'

const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'proofgate-micro-'))
const log = await AuditLog.open({
  directory: join(folder, 'audit'),
  keyDirectory: join(folder, 'keys'),
  origin: 'bench.example/audit',
  clock: systemClock(),
})

const who = { subject: randomId(), username: 'bench', session: randomId(), token: randomId() }

/** A decision as the gateway records it. */
function decision(): AuditEntry {
  return {
    id: randomId(),
    kind: 'decision',
    action: 'request',
    outcome: 'allow',
    reason: 'policy.allowed',
    who,
    where: { address: '127.0.0.1', userAgent: 'bench' },
    what: {
      configuration: 'b3f1c0ffee',
      host: 'api.proofgate.localhost:8080',
      method: 'GET',
      path: '/orders/1',
      api: 'orders',
      route: 'GET /orders/{id}',
      policy: 'orders-reader',
      statement: '#0',
      resource: 'arn:aws:execute-api:local:000000000000:orders/default/GET/orders/1',
    },
  }
}

function appending(atOnce: number): Micro {
  return {
    name: `append, ${atOnce} at once`,
    run: async (count) => {
      for (let done = 0; done < count; done += atOnce) {
        const some = Math.min(atOnce, count - done)
        await Promise.all(Array.from({ length: some }, () => log.append(decision())))
      }
    },
  }
}

try {
  await measureMicros('audit log', [appending(1), appending(16), appending(64), appending(512)])
} finally {
  await log.close()
  rmSync(folder, { recursive: true })
}

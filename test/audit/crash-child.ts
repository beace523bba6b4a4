/** Appends without end and prints each index once it is acknowledged. Arguments: root of the data. */
import { join } from 'node:path'
import { AuditLog } from '../../src/audit/index.ts'
import { systemClock } from '../../src/core/index.ts'
import { entry } from './kit.ts'

const root = process.argv[2] ?? ''
const log = await AuditLog.open({
  directory: join(root, 'audit'),
  keyDirectory: join(root, 'keys'),
  origin: 'crash.test/audit',
  clock: systemClock(),
})
process.stdout.write(`opened ${log.size}\n`)

async function write(name: number): Promise<void> {
  for (let number = 0; ; number++) {
    const id = `${process.pid}-${name}-${number}`
    try {
      const { index } = await log.append({ ...entry(number), id })
      process.stdout.write(`ack ${index} ${id}\n`)
    } catch {
      process.stdout.write(`refused ${log.healthy}\n`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

await Promise.all(Array.from({ length: 8 }, (_, name) => write(name)))

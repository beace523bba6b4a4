import { parentPort, workerData } from 'node:worker_threads'
import { ProofgateError } from '../../core/index.ts'
import { RemoteAudit, SharedBuckets } from '../../workers/index.ts'
import { openServingAreas } from '../areas.ts'
import { dataPaths } from '../data-directory.ts'
import { Log } from '../log.ts'
import { Serving } from '../serving.ts'
import type { FromThread, ThreadStart, ToThread } from './messages.ts'
import { unpackConfiguration } from '../../config/apart/index.ts'

/*
 * A serving thread: everything but the audit log, which it sends its entries to, and the administration. What
 * it has in memory it can lose; the thread that started it then starts another.
 */

const start = workerData as ThreadStart

function tell(message: FromThread): void {
  parentPort?.postMessage(message)
}

async function run(): Promise<void> {
  let configuration = unpackConfiguration(start.configuration)
  const log = new Log(() => configuration.log.level)
  const audit = new RemoteAudit(start.entries, tell)
  const areas = await openServingAreas({
    configuration: () => configuration,
    paths: dataPaths(configuration),
    audit,
  })
  const buckets = new SharedBuckets(start.buckets, start.thread)
  const serving = new Serving({ areas, log, buckets, formKey: start.formKey })
  serving.apply(configuration)
  areas.revocations.follow()
  areas.revocations.onChange((changes) => {
    serving.forgetChanged(changes)
    tell({ kind: 'revoked' })
  })

  const calls = {
    apply: (message: Extract<ToThread, { kind: 'apply' }>) => {
      const next = unpackConfiguration(message.configuration)
      serving.apply(next)
      configuration = next
    },
    drain: async (message: Extract<ToThread, { kind: 'drain' }>) => {
      await serving.drain(message.deadline)
      await serving.close()
      audit.close()
      await areas.close()
    },
    metrics: () => serving.metrics(),
    keys: () => serving.refreshKeys(),
  }

  const answer = async (call: number, work: () => unknown): Promise<void> => {
    try {
      const result = await work()
      tell({ kind: 'answer', call, text: typeof result === 'string' ? result : '', failed: false })
    } catch (error) {
      log.failure('a serving thread could not do what it was told', error)
      tell({ kind: 'answer', call, text: String(error), failed: true })
    }
  }

  const listen = (message: ToThread): void => {
    if (typeof message === 'number' || message.kind === 'refused') audit.settle(message)
    else if (message.kind === 'forget') serving.forgetPrincipals()
    else if (message.kind === 'revoked') areas.revocations.tryRefresh()
    else if (message.kind === 'apply') void answer(message.call, () => calls.apply(message))
    else if (message.kind === 'metrics') void answer(message.call, calls.metrics)
    else if (message.kind === 'keys') void answer(message.call, calls.keys)
    else {
      void answer(message.call, () => calls.drain(message)).then(() => parentPort?.close())
    }
  }
  parentPort?.on('message', listen)

  const { address, port, share } = start
  const bound = await serving.listen({ address, port, reusePort: true }, share)
  tell({ kind: 'listening', port: bound })
}

try {
  await run()
} catch (error) {
  const { code, hint } =
    error instanceof ProofgateError ? error : { code: 'internal', hint: undefined }
  const message = error instanceof Error ? error.message : String(error)
  tell({ kind: 'failed', code, message, hint: hint ?? '' })
  parentPort?.close()
}

import { LoadedService } from './service.ts'
import { Traffic } from './traffic.ts'
import type { Target } from './target.ts'
import type { Counts } from './traffic.ts'

/** What a soak tells its load. */
export type Order =
  | { readonly kind: 'target'; readonly target: Target }
  | { readonly kind: 'run'; readonly total: number; readonly callers: number }
  | { readonly kind: 'counts' }
  | { readonly kind: 'rest' }
  | { readonly kind: 'enough' }
  | { readonly kind: 'end' }

/** What the load says. */
export type Word =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'counts'; readonly counts: Counts }
  | { readonly kind: 'done'; readonly counts: Counts }

/* The load and the service behind the gateway, in a process of their own, told by messages. */

const service = new LoadedService()
let traffic: Traffic | undefined

function say(word: Word): void {
  process.send?.(word)
}

function obey(order: Order): void {
  switch (order.kind) {
    case 'target':
      if (traffic === undefined) traffic = new Traffic(order.target, service)
      else traffic.target = order.target
      break
    case 'run':
      traffic?.run(order.total, order.callers).then(
        () => say({ kind: 'done', counts: traffic?.counts ?? nothing }),
        (error: unknown) => {
          throw error
        },
      )
      break
    case 'counts':
      say({ kind: 'counts', counts: traffic?.counts ?? nothing })
      break
    case 'rest':
      traffic?.close()
      service.rest()
      break
    case 'enough':
      traffic?.enough()
      break
    case 'end':
      traffic?.close()
      service.close()
      process.disconnect?.()
  }
}

const nothing: Counts = { sent: 0, kinds: {}, silent: 0, unread: 0, notBegun: 0, failures: [] }

process.on('message', (order) => obey(order as Order))
say({ kind: 'listening', port: await service.listen() })
